#!/usr/bin/env python3
"""A rank that never starts, or hangs while it starts, ends the job, soon and with a message.

    start_test.py INCIPIT MPIRUN STOP_SHIM
"""
import os
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

    def stopped(self, function, call, *, timeout):
        """Rank 2 of 3 stops at this call. Returns what the others say."""
        start = time.monotonic()
        done = subprocess.run(
            [program.MPIRUN, "-n", "3", *self.command("train"), "--set",
             f"parallel.timeout_seconds={timeout}", "--set",
             f"run.output_dir={self.folder}/{function}"],
            capture_output=True, text=True, timeout=100, cwd=self.folder,
            env=os.environ | {"LD_PRELOAD": SHIM, "STOP_RANK": "2", "STOP_AT": function,
                              "STOP_CALL": str(call)})
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertLess(time.monotonic() - start, timeout + 25)
        return done.stderr

    def test_a_rank_that_stops_once_it_has_joined(self):
        said = self.stopped("MPI_Init_thread", 1, timeout=3)
        self.assertRegex(said, r"rank 0 of 3\): start .* has waited 10.0s for the other ranks; "
                               r"rank 2 has not arrived")
        self.assertRegex(said, rf"did not answer within {LEAST}.0s; rank 2 has not arrived")
        self.assertNotIn("rank 1 has not", said)

    def test_a_rank_that_stops_while_it_starts_is_named(self):
        missing = r"rank 2 \(.*, process \d+\) has not arrived"
        for call, timeout in ((4, 4), (7, 12)):
            said = self.stopped("MPI_Iallgather", call, timeout=timeout)
            self.assertRegex(said, r"incipit \(rank [01]\): .* the other ranks did not answer within "
                                   rf"{timeout}.0s; {missing}")
            self.assertNotRegex(said, r"rank [01] \([^)]*\) has not arrived")
        self.assertRegex(said, r"rank 0 of 3\): has waited 10.\d*s for the other ranks at .*; "
                               + missing)

    def test_a_rank_that_stops_in_a_call_without_a_deadline(self):
        said = self.stopped("MPI_Comm_split_type", 1, timeout=4)
        self.assertIn("local rank (MPI_Comm_split_type): the other ranks did not answer within "
                      "4.0s", said)

    def test_another_number_of_ranks_than_the_run_needs(self):
        alone = self.refused(2, "train", self.config, "--set", "parallel.world=2")
        self.assertIn("parallel.world: expected 2 ranks, but the world has 1", alone)
        three = self.refused(2, "train", self.config, "--set", "parallel.world=3", ranks=2)
        self.assertIn("parallel.world: expected 3 ranks, but the world has 2", three)
        self.incipit("eval", self.config, "--set", "method.kind=none", "--set",
                     "parallel.world=2", ranks=2)


if __name__ == "__main__":
    SHIM = sys.argv.pop(3)
    program.main()
