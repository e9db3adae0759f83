"""Shared parts of the program's tests. Arguments of each script: INCIPIT MPIRUN."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tiny

INCIPIT = ""
MPIRUN = ""


class ProgramTest(unittest.TestCase):
    """A folder with a tiny model, data and run.yaml, written once for the class."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.scratch.name)
        cls.config = tiny.write_everything(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def incipit(self, *arguments, ranks=0, code=0, **environment):
        """Runs the program, under mpirun with `ranks`, and checks its exit code."""
        command = [INCIPIT, *map(str, arguments)]
        if ranks:
            command = [MPIRUN, "-n", str(ranks), *command]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf8",
                              timeout=100, env=os.environ | environment, cwd=self.folder)
        self.assertEqual(done.returncode, code,
                         f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done

    def refused(self, code, *arguments, **options):
        """The one message with which the program refuses."""
        done = self.incipit(*arguments, code=code, **options)
        lines = [line for line in done.stderr.splitlines() if line.startswith("incipit")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr[done.stderr.index(lines[0]):]

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf8")
        return path

    def variant(self, name, old, new):
        """A copy of run.yaml with one text replaced."""
        text = self.config.read_text()
        self.assertIn(old, text)
        return self.write(name, text.replace(old, new))


def main():
    global INCIPIT, MPIRUN
    INCIPIT, MPIRUN = sys.argv[1:3]
    unittest.main(module="__main__", argv=sys.argv[:1], verbosity=2)
