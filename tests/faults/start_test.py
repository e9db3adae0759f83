#!/usr/bin/env python3
"""A rank that never starts ends the job, soon and with a message.  start_test.py INCIPIT MPIRUN"""
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program

LEAST = 15  # seconds, of the start, whatever the timeout of an operation
STOPPED = 'if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then kill -STOP $$; fi; exec "$0" "$@"'


class AtTheStart(program.ProgramTest):
    def ends(self, ranks):
        """Runs mpirun with these arguments. Returns what it says."""
        start = time.monotonic()
        done = subprocess.run([program.MPIRUN, *ranks], capture_output=True, text=True, timeout=60,
                              cwd=self.folder)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertLess(time.monotonic() - start, LEAST + 20)
        self.assertRegex(done.stderr, r"rank 0 of 2\): start \(MPI_Init\) has waited 10.0s for the "
                                      "other ranks; one of them may be stopped")
        self.assertRegex(done.stderr, r"rank 0 of 2\): start \(MPI_Init\): the other ranks did not "
                                      rf"answer within {LEAST}.0s; is one of them stopped")
        return done.stderr

    def command(self, name):
        return [program.INCIPIT, name, str(self.config), "--set",
                "parallel.timeout_seconds=2"]

    def test_a_rank_that_is_stopped_before_it_starts(self):
        self.ends(["-n", "2", "sh", "-c", STOPPED, *self.command("train")])

    def test_a_rank_that_is_another_program(self):
        self.ends(["-n", "1", *self.command("eval"), "--set", "method.kind=none",
                   ":", "-n", "1", "sleep", "100"])

    def test_another_number_of_ranks_than_the_run_needs(self):
        alone = self.refused(2, "train", self.config, "--set", "parallel.world=2")
        self.assertIn("parallel.world: expected 2 ranks, but the world has 1", alone)
        three = self.refused(2, "train", self.config, "--set", "parallel.world=3", ranks=2)
        self.assertIn("parallel.world: expected 3 ranks, but the world has 2", three)
        self.incipit("eval", self.config, "--set", "method.kind=none", "--set",
                     "parallel.world=2", ranks=2)


if __name__ == "__main__":
    program.main()
