#!/usr/bin/env python3
"""The image's files train and evaluate as a plain user on a read-only root, and need nothing else.

    container_test.py INCIPIT MPIRUN

Runs in a mount namespace (sandbox.py) without the checkout, the build and the Python environment.
Needs the right to make one.
"""
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program
import sandbox


class Image(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for path in (cls.config, cls.folder / "colours.yaml"):
            path.write_text(path.read_text().replace(str(cls.folder), "/mnt"))
        cls.sandbox = sandbox.Sandbox(Path(program.INCIPIT).parents[1], cls.folder)
        cls.addClassCleanup(cls.sandbox.remove)

    def inside(self, *command):
        return subprocess.run(self.sandbox.command(*command), capture_output=True, text=True,
                              timeout=100)

    def test_a_run_and_its_evaluation(self):
        done = self.inside("/opt/incipit/scripts/supervise.sh", "--run", "/mnt/run", "--",
                           "/opt/incipit/scripts/mpirun.sh", "-n", "2", "incipit", "train",
                           "/mnt/run.yaml", "--set", "parallel.world=2")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("6 steps", done.stdout)
        done = self.inside("incipit", "eval", "/mnt/run.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_ranks_that_do_not_find_each_other_fail(self):
        done = self.inside("incipit", "train", "/mnt/run.yaml", "--set", "parallel.world=2",
                           "--set", "run.output_dir=/mnt/alone")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("parallel.world: expected 2 ranks, but the world has 1", done.stderr)

    def test_the_root_is_read_only_and_the_user_plain(self):
        done = self.inside("sh", "-c", "id -u; touch /opt/incipit/x /etc/x; ls " + str(sandbox.ROOT))
        self.assertEqual(done.stdout.split(), [str(sandbox.USER)])
        self.assertEqual(done.stderr.count("Read-only file system"), 2, done.stderr)

    def test_every_library_is_in_the_image_or_in_its_packages(self):
        done = self.inside("ldd", "/opt/incipit/bin/incipit-engine")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("not found", done.stdout)
        for path in re.findall(r"=> (/\S+)", done.stdout):
            self.assertTrue(path.startswith(("/opt/incipit/lib/", "/lib/", "/usr/lib/")), path)


if __name__ == "__main__":
    if not sandbox.is_possible():
        print("skipped: this user may not make mount namespaces")
        sys.exit(77)
    program.main()
