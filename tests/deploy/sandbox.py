"""Runs commands as in the image of deploy/container, without an image: as user 1000 on a read-only
root, with Debian's own packages, /opt/incipit, and a folder at /mnt that the user may write."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USER = 1000

# Arguments: HOSTNAME ROOTFS FOLDER ETC HIDDEN... -- COMMAND. Files of ETC replace those of /etc; its
# folder ssh becomes /home/incipit/.ssh. All mounts end with the command.
SCRIPT = r"""
set -eu
hostname "$0"; rootfs=$1 folder=$2 etc=$3; shift 3
mount -t tmpfs none /opt; mkdir /opt/incipit
mount --bind "$rootfs/opt/incipit" /opt/incipit; mount -o remount,bind,ro /opt/incipit
mount -t tmpfs none /home; mkdir -p /home/incipit/.ssh
cp -p "$etc"/ssh/* /home/incipit/.ssh 2>/dev/null || true
chown -R 1000:1000 /home/incipit
for file in "$etc"/*; do
  if [ -f "$file" ]; then mount --bind "$file" "/etc/${file##*/}"; fi
done
if [ -d /etc/ssh/ssh_config.d ]; then
  mount --bind "$rootfs/etc/ssh/ssh_config.d" /etc/ssh/ssh_config.d
fi
mount --bind "$folder" /mnt
while [ "$1" != -- ]; do mount -t tmpfs -o size=0 none "$1"; shift; done; shift
mount -t tmpfs none /tmp; chmod 1777 /tmp
mount -t tmpfs none /dev/shm; chmod 1777 /dev/shm
mount --bind / /; mount -o remount,bind,ro /
cd /mnt
exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --bounding-set=-all \
  env -i HOME=/home/incipit USER=incipit PATH=/opt/incipit/bin:/usr/bin:/bin:/usr/sbin \
  OMP_NUM_THREADS=1 "$@"
"""


def is_possible():
    """Whether this user may make mount namespaces."""
    if os.geteuid() != 0:
        return False
    done = subprocess.run(["unshare", "--mount", "--uts", "mount", "-t", "tmpfs", "none", "/mnt"],
                          capture_output=True)
    return done.returncode == 0


class Sandbox:
    def __init__(self, build, folder):
        """`folder` becomes /mnt, and the user's."""
        self.folder, self.build = Path(folder), Path(build)
        self.scratch = Path(tempfile.mkdtemp())
        self.rootfs, self.etc = self.scratch / "rootfs", self.scratch / "etc"
        done = subprocess.run([ROOT / "deploy" / "container" / "rootfs.sh", self.rootfs],
                              env=os.environ | {"BUILD": str(build)}, capture_output=True, text=True,
                              timeout=100)
        assert done.returncode == 0, done.stderr
        (self.etc / "ssh").mkdir(parents=True)
        users = [line for line in Path("/etc/passwd").read_text().splitlines()
                 if f":{USER}:" not in line]
        users.append(f"incipit:x:{USER}:{USER}::/home/incipit:/bin/bash")
        self.write("passwd", "\n".join(users) + "\n")
        self.cache_libraries()
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, USER, USER)

    def write(self, name, text):
        """A file of /etc."""
        (self.etc / name).write_text(text)

    def cache_libraries(self):
        """Makes /etc/ld.so.cache as ldconfig does in the image."""
        folders = self.scratch / "ld.conf"
        folders.write_text("/opt/incipit/lib\n" + "".join(
            path.read_text() for path in sorted(Path("/etc/ld.so.conf.d").glob("*.conf"))))
        script = (f"mount -t tmpfs none /opt; mkdir /opt/incipit; "
                  f"mount --bind {self.rootfs}/opt/incipit /opt/incipit; "
                  f"ldconfig -f {folders} -C {self.etc}/ld.so.cache 2>/dev/null")
        subprocess.run(["unshare", "--mount", "sh", "-c", script], check=True)

    def remove(self):
        shutil.rmtree(self.scratch)

    def hidden(self):
        """The checkout, the build, the environments and the home of the user who runs the tests."""
        environment = Path(os.path.realpath(ROOT / ".venv")).parent
        paths = {str(ROOT), str(environment), str(Path.home()), str(self.build.resolve())}
        paths = [path for path in paths if not str(self.folder).startswith(path + "/")]
        return sorted(path for path in paths
                      if not any(path.startswith(other + "/") for other in paths))

    def command(self, *command, host="image", namespace=None):
        network = ["ip", "netns", "exec", namespace] if namespace else []
        return [*network, "unshare", "--mount", "--uts", "sh", "-c", SCRIPT, host,
                str(self.rootfs), str(self.folder), str(self.etc), *self.hidden(), "--",
                *map(str, command)]
