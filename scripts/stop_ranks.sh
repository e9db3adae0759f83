#!/usr/bin/env bash
# Asks the ranks on this machine for a checkpoint and waits until they have ended: the preStop of a
# Kubernetes worker, whose sshd passes no signals on. Signals only processes of the same user.
#
#   scripts/stop_ranks.sh [PROGRAM]      default: incipit-engine
set -euo pipefail
program=${1:-incipit-engine}

# The processes that run PROGRAM; those of other users cannot be inspected.
ranks() {
  local folder
  for folder in /proc/[0-9]*; do
    if [ "$(readlink "$folder/exe" 2>/dev/null | sed 's,.*/,,')" = "$program" ]; then
      echo "${folder#/proc/}"
    fi
  done
}

mapfile -t asked < <(ranks)
for rank in "${asked[@]}"; do kill -USR1 "$rank" 2>/dev/null || true; done
for rank in "${asked[@]}"; do
  while [ "$(readlink "/proc/$rank/exe" 2>/dev/null | sed 's,.*/,,')" = "$program" ]; do
    sleep 0.2
  done
done
