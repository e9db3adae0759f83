# shellcheck shell=bash
# Number of cores that this process may use; core/cores.h is the C++ counterpart.
#   . scripts/cores.sh

# usable_cores [MEMBERSHIP [ROOT]]: prints the number of cores that CPU affinity and the CPU quotas
# of this process's control groups allow (v2 cpu.max, v1 cpu.cfs_quota_us), at least 1.
usable_cores() {
  local membership=${1:-/proc/self/cgroup} root=${2:-/sys/fs/cgroup}
  # nproc respects affinity, but would return OMP_NUM_THREADS if it is set.
  local cores controllers group mount
  cores=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)
  while IFS=: read -r _ controllers group; do
    case ",$controllers," in
      ,,) set -- "$root" "$root/unified" ;;
      *,cpu,*) set -- "$root/cpu" "$root/$controllers" ;;
      *) continue ;;
    esac
    for mount in "$@"; do cores=$(_cores_within "$cores" "$mount" "$group"); done
  done < <(cat "$membership" 2>/dev/null)
  echo "$cores"
}

# _cores_within CORES MOUNT GROUP: prints CORES, or fewer if a group on the path from MOUNT to GROUP
# has a smaller quota.
_cores_within() {
  local cores=$1 folder=$2 rest=${3#/} quota period allowed
  while :; do
    quota='' period=''
    if [ -r "$folder/cpu.max" ]; then
      read -r quota period <"$folder/cpu.max" || true
    elif [ -r "$folder/cpu.cfs_quota_us" ] && [ -r "$folder/cpu.cfs_period_us" ]; then
      read -r quota <"$folder/cpu.cfs_quota_us" || true
      read -r period <"$folder/cpu.cfs_period_us" || true
    fi
    if [[ $quota =~ ^[1-9][0-9]*$ && $period =~ ^[1-9][0-9]*$ ]]; then
      allowed=$((quota / period))
      if [ "$allowed" -lt 1 ]; then allowed=1; fi
      if [ "$allowed" -lt "$cores" ]; then cores=$allowed; fi
    fi
    if [ -z "$rest" ] || [ "${rest%%/*}" = .. ]; then break; fi
    folder=$folder/${rest%%/*}
    case "$rest" in */*) rest=${rest#*/} ;; *) rest= ;; esac
  done
  echo "$cores"
}
