#!/usr/bin/env python3
"""A wall clock that jumps by an hour changes nothing.  clock_test.py INCIPIT MPIRUN SHIM"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program
import runs


class Clock(program.ProgramTest):
    def train(self, name, **environment):
        run = self.folder / name
        self.incipit("train", self.config, "--set", f"run.output_dir={run}", "--set",
                     "train.steps=200", "--set", "train.eval_every=100", "--set",
                     "parallel.timeout_seconds=20", ranks=2, OMP_NUM_THREADS="1", **environment)
        return runs.outcome(run)

    def test_jumps_change_no_byte_and_end_no_run(self):
        self.assertEqual(self.train("jumping", LD_PRELOAD=SHIM), self.train("steady"))


if __name__ == "__main__":
    SHIM = sys.argv.pop(3)
    program.main()
