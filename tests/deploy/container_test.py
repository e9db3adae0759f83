#!/usr/bin/env python3
"""The image's files train and evaluate as a plain user on a read-only root, and need nothing else.

    container_test.py INCIPIT MPIRUN

Runs in a mount namespace without the checkout, the build and the Python environment, with Debian's
Open MPI, as deploy/container/Containerfile has it. Needs the right to make one.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program

ROOT = Path(__file__).resolve().parents[2]
USER = "1000"

# Arguments: ROOTFS FOLDER HIDDEN... -- COMMAND. FOLDER becomes /data, which the user may write.
SANDBOX = r"""
set -eu
rootfs=$1 folder=$2; shift 2
conf=$(mktemp -d); mount -t tmpfs none "$conf"
echo /opt/incipit/lib >"$conf/ld.conf"; cat /etc/ld.so.conf.d/*.conf >>"$conf/ld.conf"
mkdir -p /opt/incipit /data
mount --bind "$rootfs/opt/incipit" /opt/incipit
mount --bind "$folder" /data
ldconfig -f "$conf/ld.conf" -C "$conf/cache" 2>/dev/null
mount --bind "$conf/cache" /etc/ld.so.cache
mount -o remount,bind,ro /opt/incipit
while [ "$1" != -- ]; do mount -t tmpfs -o size=0 none "$1"; shift; done; shift
mount -t tmpfs none /tmp; chmod 1777 /tmp
mount -t tmpfs none /dev/shm; chmod 1777 /dev/shm
mount --bind / / ; mount -o remount,bind,ro /
cd /data
exec setpriv --reuid "$0" --regid "$0" --clear-groups --no-new-privs --bounding-set=-all \
  env -i HOME=/tmp PATH=/opt/incipit/bin:/usr/bin:/bin OMP_NUM_THREADS=1 "$@"
"""


def can_make_namespaces():
    if os.geteuid() != 0:
        return False
    done = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
                          capture_output=True)
    return done.returncode == 0


class Image(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rootfs = Path(tempfile.mkdtemp()) / "rootfs"
        cls.addClassCleanup(shutil.rmtree, cls.rootfs.parent)
        done = subprocess.run([ROOT / "deploy" / "container" / "rootfs.sh", cls.rootfs],
                              env=os.environ | {"BUILD": Path(program.INCIPIT).parents[1]},
                              capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        for path in (cls.config, cls.folder / "colours.yaml"):
            path.write_text(path.read_text().replace(str(cls.folder), "/data"))
        for path in [cls.folder, *cls.folder.rglob("*")]:
            os.chown(path, int(USER), int(USER))

    def inside(self, *command):
        # The checkout, the environments and the home of the user who runs the tests.
        linked = Path(os.path.realpath(ROOT / ".venv")).parents[0]
        hidden = {str(ROOT), str(linked), str(Path.home()),
                  str(Path(program.INCIPIT).resolve().parents[1])}
        hidden = sorted(path for path in hidden if not str(self.folder).startswith(path + "/"))
        # A folder inside another hidden one is gone with it.
        hidden = [path for path in hidden
                  if not any(path.startswith(other + "/") for other in hidden)]
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", SANDBOX, USER, self.rootfs, self.folder, *hidden,
             "--", *command], capture_output=True, text=True, timeout=100)

    def test_a_run_and_its_evaluation(self):
        done = self.inside("/opt/incipit/scripts/supervise.sh", "--run", "/data/run", "--",
                           "/opt/incipit/scripts/mpirun.sh", "-n", "2", "incipit", "train",
                           "/data/run.yaml", "--set", "parallel.world=2")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("6 steps", done.stdout)
        done = self.inside("incipit", "eval", "/data/run.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_ranks_that_do_not_find_each_other_fail(self):
        done = self.inside("incipit", "train", "/data/run.yaml", "--set", "parallel.world=2",
                           "--set", "run.output_dir=/data/alone")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("parallel.world: expected 2 ranks, but the world has 1", done.stderr)

    def test_the_root_is_read_only_and_the_user_plain(self):
        done = self.inside("sh", "-c", "id -u; touch /opt/incipit/x /etc/x; ls " + str(ROOT))
        self.assertEqual(done.stdout.split(), [USER])
        self.assertEqual(done.stderr.count("Read-only file system"), 2, done.stderr)

    def test_every_library_is_in_the_image_or_in_its_packages(self):
        done = self.inside("ldd", "/opt/incipit/bin/incipit-engine")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("not found", done.stdout)
        for path in re.findall(r"=> (/\S+)", done.stdout):
            self.assertTrue(path.startswith(("/opt/incipit/lib/", "/lib/", "/usr/lib/")), path)


if __name__ == "__main__":
    if not can_make_namespaces():
        print("skipped: this user may not make mount namespaces")
        sys.exit(77)
    program.main()
