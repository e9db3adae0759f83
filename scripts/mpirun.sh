#!/usr/bin/env bash
# mpirun with the flags that a workstation or a container needs; the one place for them.
#   scripts/mpirun.sh -n 2 build/release/launcher/incipit train configs/recipes/rte.yaml
set -euo pipefail

flags=(--bind-to none --map-by slot:OVERSUBSCRIBE --mca pml ob1 --mca btl '^openib'
       --mca btl_vader_single_copy_mechanism none)
if [ "$(id -u)" = 0 ]; then flags+=(--allow-run-as-root); fi

# Ranks share the cores of this machine: threads per rank times ranks stays within them.
ranks=1
previous=
for word in "$@"; do
  case "$previous" in -n|-np|--np) ranks=$word ;; esac
  previous=$word
done
. "$(dirname "${BASH_SOURCE[0]}")/cores.sh"
threads=$(( $(usable_cores) / ranks ))
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(( threads > 0 ? threads : 1 ))}
# A rank that waits for others on the same core must give the core away.
export OMPI_MCA_mpi_yield_when_idle=1
flags+=(-x OMP_NUM_THREADS)  # to the ranks on other machines too
# Ranks cannot see whether their output ends on a terminal: metrics/terminal.h.
unset INCIPIT_STDERR_COLUMNS INCIPIT_STDOUT_COLUMNS
exec 3>&1 4>&2
columns_of() { stty size <&"$1" | awk '{print ($2 > 0 ? $2 : 80)}'; }
if [ -t 2 ]; then
  export INCIPIT_STDERR_COLUMNS=$(columns_of 4)
  flags+=(-x INCIPIT_STDERR_COLUMNS)
fi
if [ -t 1 ]; then
  export INCIPIT_STDOUT_COLUMNS=$(columns_of 3)
  flags+=(-x INCIPIT_STDOUT_COLUMNS)
fi
exec 3>&- 4>&-
exec mpirun "${flags[@]}" "$@"
