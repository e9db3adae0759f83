#!/usr/bin/env bash
# Runs a training command and starts it again when that can help.
#
#   scripts/supervise.sh --run runs/rte -- scripts/mpirun.sh -n 4 incipit train rte.yaml
#   scripts/supervise.sh --run runs/rte --ranks 8 --least-ranks 2 -- \
#       scripts/mpirun.sh -n {ranks} incipit train rte.yaml
#
#   --run DIR         run directory of the command; its checkpoints show progress
#   --tries N         give up after N restarts without a newer checkpoint (default 2)
#   --backoff S       seconds before a restart after a failure (default 5); doubles while there is
#                     no newer checkpoint, up to --most-backoff (default 300)
#   --ranks N         replaces {ranks} in the command
#   --least-ranks N   after a failure without a newer checkpoint, halve the ranks down to N
#
# Exit codes (docs/exit_codes.md) decide:
#   0        done
#   2, 3, 5  the same command would fail in the same way: never restarted
#   75       stopped by a signal after a checkpoint: restarted at once
#   other    communication failed (4), a crash, a killed process: restarted after the backoff
# On SIGTERM, SIGUSR1 or SIGINT the script sends SIGUSR1 to the command, which asks a training run
# and mpirun alike for a checkpoint (docs/checkpoints.md), and restarts nothing. It exits with the
# last exit code of the command, or with 75 if the signal came while no command was running. The
# variable INCIPIT_RESTART_COUNT tells the command how often it was restarted.
set -euo pipefail

run='' tries=2 backoff=5 most_backoff=300 ranks='' least_ranks='' job='' signalled='' status=0

say() { printf 'supervise: %s\n' "$*" >&2; }

usage() {
  say "$1"
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

whole_number() {  # OPTION VALUE
  [[ $2 =~ ^[0-9]{1,9}$ ]] || usage "$1: expected a whole number, found '$2'"
}

while [ $# -gt 0 ] && [ "$1" != -- ]; do
  [ $# -ge 2 ] || usage "$1: the value is missing"
  case $1 in
    --run) run=$2 ;;
    --tries) whole_number "$1" "$2"; tries=$2 ;;
    --backoff) whole_number "$1" "$2"; backoff=$2 ;;
    --most-backoff) whole_number "$1" "$2"; most_backoff=$2 ;;
    --ranks) whole_number "$1" "$2"; ranks=$2 ;;
    --least-ranks) whole_number "$1" "$2"; least_ranks=$2 ;;
    *) usage "there is no option '$1'" ;;
  esac
  shift 2
done
[ $# -ge 2 ] || usage "the command is missing: -- COMMAND"
shift
[ -n "$run" ] || usage "--run is missing"
if [ -n "$least_ranks" ] && [ -z "$ranks" ]; then usage "--least-ranks needs --ranks"; fi

# The step of the newest complete checkpoint; -1: none.
newest_step() {
  local folder step newest=-1
  for folder in "$run"/checkpoints/step-*; do
    step=${folder##*/step-}
    if [[ $step =~ ^[0-9]{1,18}$ ]] && (( 10#$step > newest )); then newest=$(( 10#$step )); fi
  done
  echo "$newest"
}

# shellcheck disable=SC2317  # called by the traps
on_signal() {
  signalled=1
  if [ -n "$job" ]; then kill -USR1 "$job" 2>/dev/null || true; fi
}
trap on_signal TERM USR1 INT

leave_if_signalled() {
  if [ -n "$signalled" ]; then
    say "a signal came between two tries; start the same command again"
    exit 75
  fi
}

# Runs the command; sets `status`.
run_command() {
  export INCIPIT_RESTART_COUNT=$restarts
  "${@//"{ranks}"/$ranks}" <&0 &
  job=$!
  while kill -0 "$job" 2>/dev/null; do wait "$job" || true; done  # a signal interrupts wait
  status=0
  wait "$job" || status=$?
  job=''
}

# Sleeps until a signal comes.
pause() {  # SECONDS
  local i
  for (( i = 0; i < 5 * $1; i++ )); do
    if [ -n "$signalled" ]; then return; fi
    sleep 0.2
  done
}

restarts=0 failures=0 wait_next=$backoff
while true; do
  leave_if_signalled
  before=$(newest_step)
  run_command "$@"
  after=$(newest_step)
  case $status in
    0) exit 0 ;;
    2|3|5)
      say "exit code $status: the same command would fail again; see its message above"
      exit "$status" ;;
  esac
  if [ -n "$signalled" ]; then exit "$status"; fi
  if (( after > before )); then
    failures=0 wait_next=$backoff
  else
    failures=$(( failures + 1 ))
  fi
  if (( failures > tries )); then
    say "exit code $status, and $tries restarts brought no newer checkpoint in $run; giving up"
    exit "$status"
  fi
  restarts=$(( restarts + 1 ))
  if [ "$status" = 75 ]; then
    say "stopped by a signal at step $after; restart $restarts at once"
    continue
  fi
  if (( failures > 0 )) && [ -n "$least_ranks" ] && (( ranks / 2 >= least_ranks )); then
    ranks=$(( ranks / 2 ))
    say "continuing with $ranks ranks"
  fi
  say "exit code $status at step $after; restart $restarts in $wait_next s"
  pause "$wait_next"
  if (( failures > 0 )); then
    wait_next=$(( wait_next * 2 < most_backoff ? wait_next * 2 : most_backoff ))
  fi
done
