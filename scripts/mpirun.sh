#!/usr/bin/env bash
# Runs mpirun with the flags that a workstation or a container needs. Only this script sets them.
#   scripts/mpirun.sh -n 2 build/release/launcher/incipit train configs/recipes/rte.yaml
#
# The script stays as the parent of mpirun. On SIGTERM, SIGUSR1 or SIGINT (Ctrl-C) it sends one
# SIGUSR1 to mpirun, which forwards it to the ranks. They write a checkpoint and exit with 75, and
# the script exits with the code of the job. A second signal, a second or more later, ends the job
# at once (docs/checkpoints.md).
set -euo pipefail

first_at='' ended_by='' job='' forwarded=''

on_signal() {  # NAME
  local now=${EPOCHREALTIME//[!0-9]/}  # microseconds
  if [ -z "$first_at" ]; then
    first_at=$now first=$1
    if [ -n "$job" ]; then forward; fi
  elif (( now - first_at >= 1000000 )) && [ -n "$job" ]; then
    ended_by=$1
    kill -TERM "$job" 2>/dev/null || true
  fi
}
# shellcheck disable=SC2064  # the name is that of now
catch_signals() { for name in TERM USR1 INT; do trap "on_signal $name" "$name"; done; }
catch_signals

# Succeeds if SIGUSR1 is in the signal set FIELD (SigBlk, SigCgt) of process PID.
has_usr1() {  # PID FIELD
  local field mask
  while read -r field mask; do
    if [ "$field" = "$2:" ]; then (( 0x$mask >> 9 & 1 )); return; fi
  done 2>/dev/null <"/proc/$1/status"
  return 1
}

# Succeeds if all ranks on this machine block or catch SIGUSR1. Ranks on other machines are not
# visible, and other programs may never do so; after ten seconds all count as ready.
ranks_are_ready() {
  local child
  local -a children
  if (( SECONDS >= 10 )); then return 0; fi
  mapfile -t children < <(cat "/proc/$job/task/"*/children 2>/dev/null | tr -s ' ' '\n')
  (( ${#children[@]} >= ranks )) || return 1
  for child in "${children[@]}"; do
    has_usr1 "$child" SigBlk || has_usr1 "$child" SigCgt || return 1
  done
}

# Sends SIGUSR1 to mpirun once it catches the signal; before and after that, SIGUSR1 would kill it.
forward() {
  if [ -n "$forwarded" ]; then return; fi
  forwarded=1
  trap '' TERM USR1 INT  # the background process survives signals to the whole process group
  (
    while kill -0 "$job"; do
      if has_usr1 "$job" SigCgt && ranks_are_ready; then
        kill -USR1 "$job"
        break
      fi
      sleep 0.02
    done
  ) </dev/null >/dev/null 2>&1 &
  catch_signals
}

flags=(--bind-to none --map-by slot:OVERSUBSCRIBE --mca pml ob1 --mca btl '^openib'
       --mca btl_vader_single_copy_mechanism none)
if [ "$(id -u)" = 0 ]; then flags+=(--allow-run-as-root); fi

# Ranks share the cores of this machine: threads per rank times ranks must not exceed them.
ranks=''
previous=
for word in "$@"; do
  case "$previous" in -n|-np|--np) ranks=${ranks:-$word} ;; esac
  previous=$word
done
ranks=${ranks:-1}
. "$(dirname "${BASH_SOURCE[0]}")/cores.sh"
threads=$(( $(usable_cores) / ranks ))
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(( threads > 0 ? threads : 1 ))}
# A rank that waits for others must yield its core to them.
export OMPI_MCA_mpi_yield_when_idle=1
flags+=(-x OMP_NUM_THREADS)  # also to ranks on other machines
if [ -n "${INCIPIT_CPU:-}" ]; then flags+=(-x INCIPIT_CPU); fi
if [ -n "${INCIPIT_RESTART_COUNT:-}" ]; then flags+=(-x INCIPIT_RESTART_COUNT); fi
# Ranks cannot detect terminals: see telemetry/terminal.h.
unset INCIPIT_STDIN_COLUMNS INCIPIT_STDOUT_COLUMNS INCIPIT_STDERR_COLUMNS
exec 3<&0 4>&1 5>&2
names=(STDIN STDOUT STDERR)
for fd in 0 1 2; do
  if ! [ -t "$fd" ]; then continue; fi
  name=INCIPIT_${names[fd]}_COLUMNS
  export "$name=$(stty size <&$((fd + 3)) | awk '{print ($2 > 0 ? $2 : 80)}')"
  flags+=(-x "$name")
done
exec 3<&- 4>&- 5>&-

# mpirun runs in its own session, so that Ctrl-C reaches only this script. There it cannot read from
# the terminal, so cat reads for it in this session.
feeder=''
exec 5<&0
if [ -t 0 ]; then
  exec 6< <(exec cat <&5)
  feeder=$!
else
  exec 6<&0
fi
# If the script is killed, the kernel sends mpirun SIGUSR1, if setpriv supports --pdeathsig.
run=(setsid)
if setpriv --pdeathsig USR1 true 2>/dev/null; then run+=(setpriv --pdeathsig USR1); fi
"${run[@]}" mpirun "${flags[@]}" "$@" <&6 5<&- 6<&- &
job=$!
exec 5<&- 6<&-
if [ -n "$first_at" ]; then forward; fi

while kill -0 "$job" 2>/dev/null; do wait "$job" || true; done  # a signal interrupts wait
status=0
wait "$job" || status=$?
if [ -n "$feeder" ]; then kill "$feeder" 2>/dev/null || true; fi
# A command that writes no checkpoints is killed by SIGUSR1: report the signal that the script
# received.
if [ -n "$first_at" ] && [ "$status" = $(( 128 + $(kill -l USR1) )) ]; then ended_by=$first; fi
if [ -n "$ended_by" ]; then status=$(( 128 + $(kill -l "$ended_by") )); fi
exit "$status"
