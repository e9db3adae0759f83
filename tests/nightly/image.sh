#!/usr/bin/env bash
# Builds the image of deploy/container/Containerfile with debootstrap, and runs it.
#
#   tests/nightly/image.sh [MIRROR]
#
# Needs root, debootstrap, and a Debian mirror (the first of apt's sources, if none is given). Makes
# Debian 12 with Open MPI and OpenSSH, adds what rootfs.sh assembles, and prints the sizes. Then it
# trains on two ranks and evaluates in a chroot, as user 1000 on a read-only root, and expects the
# bytes of a run outside.
#
#   BUILD=build/release   the build whose program is taken
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$(realpath "${BUILD:-build/release}")
if [ "${1:-}" = --inside ]; then  # in the mount namespace: ROOT FOLDER COMMAND...
  root=$2 folder=$3
  shift 3
  mount --bind "$root" "$root"
  mount --bind "$folder" "$root/mnt"
  mount -t tmpfs -o mode=1777 none "$root/tmp"
  mount -t proc none "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --rbind /sys "$root/sys"
  mount -t tmpfs -o mode=1777 none "$root/dev/shm"
  mount -o remount,bind,ro "$root"
  exec chroot --userspec=1000:1000 "$root" /usr/bin/env -i HOME=/home/incipit USER=incipit \
    PATH=/opt/incipit/bin:/usr/bin:/bin OMP_NUM_THREADS=1 sh -c 'cd /mnt; exec "$@"' sh "$@"
fi

sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true)
found=$(sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]*\/debian\/?)( .*)?$/\3/p' <<<"$sources")
mirror=${1:-${found%%$'\n'*}}
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
size() { du -sxm "$1" | cut -f 1; }

debootstrap --variant=minbase \
  --include=openmpi-bin,openssh-client,openssh-server bookworm "$root" "$mirror" >"$work/log" 2>&1 ||
  { tail -n 20 "$work/log" >&2; exit 1; }
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/etc/ssh/ssh_host_*
chroot "$root" useradd --uid 1000 --create-home incipit
debian=$(size "$root")
BUILD=$build deploy/container/rootfs.sh "$work/rootfs" 2>/dev/null
cp -a "$work/rootfs/." "$root/"
chroot "$root" ldconfig
echo "Debian with Open MPI and OpenSSH: $debian MB; the image: $(size "$root") MB"
BUILD=$build deploy/container/rootfs.sh --gpu "$work/gpu" 2>/dev/null
echo "the image for GPUs: $((debian + $(size "$work/gpu"))) MB"
rm -rf "$work/gpu"

mkdir "$work/job"
.venv/bin/python - "$work/job" <<'PYTHON'
import sys
from pathlib import Path
sys.path.insert(0, "tests/e2e")
import tiny
folder = Path(sys.argv[1])
tiny.write_everything(folder)
for path in folder.glob("*.yaml"):
    path.write_text(path.read_text().replace(str(folder), "."))
PYTHON
(cd "$work/job" && OMP_NUM_THREADS=1 "$OLDPWD/scripts/mpirun.sh" -n 2 "$build/launcher/incipit" train \
  run.yaml --set run.output_dir=outside >/dev/null 2>&1)
chown -R 1000:1000 "$work/job"
inside() {
  unshare --mount bash "$0" --inside "$root" "$work/job" "$@" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
}
# shellcheck disable=SC2016  # expanded inside
inside sh -c 'test "$(id -u)" = 1000; ! touch /etc/x /opt/incipit/x 2>/dev/null'
inside /opt/incipit/scripts/mpirun.sh -n 2 incipit train run.yaml --set parallel.world=2 \
  --set run.output_dir=inside
inside incipit eval run.yaml --set method.kind=none
for name in adapter predictions scores.json; do
  diff -r "$work/job/outside/$name" "$work/job/inside/$name"
done
echo "trained and evaluated as user 1000 on a read-only root; the bytes are those of a run outside"
