#!/usr/bin/env bash
# Assembles what an image adds to Debian 12 with Open MPI and OpenSSH. Containerfile copies it into
# the image; tests/deploy/container_test.py runs it on a read-only root without an image.
#
#   deploy/container/rootfs.sh [--gpu] DESTINATION
#
#   /opt/incipit/bin            incipit and incipit-engine
#   /opt/incipit/lib            the libraries they load, without those of glibc and Open MPI;
#                               --gpu: also libtorch's for CUDA and those of NVIDIA's wheels
#   /opt/incipit/scripts        mpirun.sh, supervise.sh, stop_ranks.sh
#   /opt/incipit/etc            sshd_config for a plain user on port 2222
#   /etc/ld.so.conf.d, /etc/ssh/ssh_config.d
#
#   BUILD=build/release         the build whose program is taken
# DESTINATION must not exist. Files are hard links where that is possible.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$root/build/release}
gpu=''
if [ "${1:-}" = --gpu ]; then gpu=1; shift; fi
if [ $# != 1 ] || [ -e "$1" ]; then
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
destination=$1
prefix=$destination/opt/incipit
mkdir -p "$prefix"/{bin,lib,scripts,etc} "$destination"/etc/{ld.so.conf.d,ssh/ssh_config.d}

take() {  # FILE FOLDER: follows links, as the name that programs ask for
  local target=$2/${1##*/}
  if [ -e "$target" ]; then return; fi
  cp -Ll "$1" "$target" 2>/dev/null || cp -L "$1" "$target"
}

# The libraries that the files load, without those that Debian's packages in the image bring.
libraries_of() {  # FILE...
  ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ "^/" {print $3}' | sort -u |
    grep -Ev '/(libc|libm|libdl|librt|libutil|libpthread|libresolv|ld-linux[^/]*|libmpi|libopen-(rte|pal)|libhwloc|libevent[^/]*|libudev)\.so[^/]*$'
}

take_libraries() {  # FILE...
  local library
  while read -r library; do take "$library" "$prefix/lib"; done < <(libraries_of "$@")
}

for program in incipit incipit-engine; do
  if [ ! -x "$build/launcher/$program" ]; then
    echo "rootfs.sh: $build/launcher/$program is missing; build it with scripts/setup.sh --only-program" >&2
    exit 3
  fi
  take "$build/launcher/$program" "$prefix/bin"
done
take_libraries "$prefix/bin/incipit-engine"
if [ -n "$gpu" ]; then
  torch=$(dirname "$(libraries_of "$prefix/bin/incipit-engine" | grep '/libtorch_cpu\.so$')")
  take "$torch/libtorch_cuda.so" "$prefix/lib"
  take_libraries "$torch/libtorch_cuda.so"
  if [ -f "$build/kernels/libincipit_cuda.so" ]; then
    take "$build/kernels/libincipit_cuda.so" "$prefix/lib"
  fi
  for library in "$torch"/../../nvidia/nccl/lib/libnccl.so.*; do take "$library" "$prefix/lib"; done
fi

for script in mpirun.sh supervise.sh stop_ranks.sh cores.sh; do
  install -m 755 "$root/scripts/$script" "$prefix/scripts/$script"
done
echo /opt/incipit/lib >"$destination/etc/ld.so.conf.d/incipit.conf"

# The MPI operator mounts its key there: id_rsa, id_rsa.pub and authorized_keys.
cat >"$prefix/etc/sshd_config" <<'SSHD'
Port 2222
HostKey /home/incipit/.ssh/id_rsa
AuthorizedKeysFile /home/incipit/.ssh/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
X11Forwarding no
AllowTcpForwarding no
AllowAgentForwarding no
SSHD
# Workers are new at every start, and only the job's key lets in (network-policy.yaml).
cat >"$destination/etc/ssh/ssh_config.d/incipit.conf" <<'SSH'
Host *
  Port 2222
  IdentityFile /home/incipit/.ssh/id_rsa
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
SSH
du -sh "$prefix" | awk '{print "rootfs.sh: " $1 " in /opt/incipit"}' >&2
