#!/usr/bin/env python3
"""Run directories on full and on read-only file systems.  disk_test.py INCIPIT MPIRUN

Mounts them in a separate namespace; skipped where that is not allowed.
"""
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program

# Arguments: OPTIONS-OF-THE-MOUNT PREPARATION COMMAND...
MOUNT = ('set -e; mount -t tmpfs -o size=256k,mode=777 none disk; eval "$1"; '
         'mount -o "remount,$0" disk; shift; "$@" || exit $?')
KEEPS = "train.checkpoint_every=1", "train.max_checkpoint_failures=2", "train.steps=40"


def may_mount():
    return subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
                          capture_output=True).returncode == 0


class Disk(program.ProgramTest):
    def train(self, preparation, *, options="rw", code, then="true", settings=KEEPS):
        (self.folder / "disk").mkdir(exist_ok=True)
        command = [program.INCIPIT, "train", str(self.config), "--set", "run.output_dir=disk/run",
                   "--set", "train.eval_every=0"]
        for setting in settings:
            command += ["--set", setting]
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", MOUNT, options, preparation, "sh", "-c",
             f'"$0" "$@"; code=$?; {then}; exit $code', *command], capture_output=True, text=True,
            timeout=100, cwd=self.folder, env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_a_disk_without_space_for_checkpoints(self):
        done = self.train("dd if=/dev/zero of=disk/filler bs=1k count=236 2>/dev/null", code=3)
        self.assertIn("No space left on device", done.stderr)
        self.assertRegex(done.stderr, r"\(2 failures in a row\); the last whole checkpoint stays")

    def test_a_disk_that_fills_up_keeps_the_last_whole_checkpoint(self):
        full = self.train("true", code=3, settings=(*KEEPS, "train.keep_checkpoints=100"),
                          then="ls disk/run/checkpoints; rm -f disk/run/checkpoints/step-1/*; "
                               "ls disk/run/checkpoints | wc -l")
        self.assertIn("No space left on device", full.stderr)
        self.assertIn("step-3", full.stdout)

    def test_a_read_only_disk(self):
        done = self.train("true", options="ro", code=3)
        self.assertIn("disk/run: the run directory cannot be created (Read-only file system)",
                      done.stderr)


if __name__ == "__main__":
    if not may_mount():
        print("skipped: this user may not mount file systems")
        sys.exit(77)
    program.main()
