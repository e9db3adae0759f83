#!/usr/bin/env python3
"""A rank of a training run is killed or stopped: the others end within 30 s and say what they know.

    mesh_faults_test.py INCIPIT MPIRUN
"""
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program

MESHES = {"data": "data=2", "tensor": "tensor=2", "pipeline": "pipeline=2",
          "gathered": "gathered=2"}
TIMEOUT = 5  # seconds, of one operation among ranks


def heartbeat(folder, rank):
    """What a rank says of itself; nothing before it has trained some steps."""
    path = folder / "heartbeats" / f"rank-{rank}.heartbeat"
    if not path.exists():
        return None
    said = dict(line.split(" ", 1) for line in path.read_text().splitlines() if " " in line)
    step = re.match(r"step (\d+)", said.get("doing", ""))
    return said if step and int(step[1]) >= 3 else None


class AFault(program.ProgramTest):
    """Rank 1 of two is at fault."""

    def start(self, mesh, name):
        run = self.folder / name
        settings = [f"parallel.{MESHES[mesh]}", f"parallel.timeout_seconds={TIMEOUT}",
                    f"run.output_dir={run}", "train.steps=1000000", "train.eval_every=0",
                    "train.checkpoint_every=0"]
        command = [program.MPIRUN, "-n", "2", program.INCIPIT, "train", str(self.config)]
        for setting in settings:
            command += ["--set", setting]
        log = (self.folder / f"{name}.log").open("w+")
        job = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self.addCleanup(self.end, job, log)
        deadline = time.monotonic() + 60
        while not (said := heartbeat(run, 1)):
            self.assertIsNone(job.poll(), Path(log.name).read_text())
            self.assertLess(time.monotonic(), deadline, "the run did not start")
            time.sleep(0.1)
        return job, int(said["pid"]), Path(log.name)

    @staticmethod
    def end(job, log):
        if job.poll() is None:
            job.kill()
            job.wait()
        log.close()

    def fault(self, mesh, name, what):
        job, pid, log = self.start(mesh, f"{mesh}_{name}")
        os.kill(pid, what)
        start = time.monotonic()
        code = job.wait(timeout=60)
        self.assertLess(time.monotonic() - start, 30)
        output = log.read_text()
        self.assertNotEqual(code, 0, output)
        return output

    def test_a_stopped_rank_is_named(self):
        for mesh in MESHES:
            with self.subTest(mesh):
                output = self.fault(mesh, "stopped", signal.SIGSTOP)
                # The rank that waited, in which operation, and the one that it waited for.
                self.assertRegex(output, r"incipit \(rank 0\): rank 0, \S.* \(\w+ on world\): ")
                self.assertIn(f"did not answer within {TIMEOUT}.0s", output)
                self.assertRegex(output, r"rank 1 \(.*\) has been silent for .* step \d+, in ")

    def test_a_killed_rank_ends_the_others(self):
        for mesh in MESHES:
            with self.subTest(mesh):
                output = self.fault(mesh, "killed", signal.SIGKILL)
                self.assertRegex(output, r"incipit \(rank 0 of 2\): a signal asks to stop, and this "
                                         r"rank waits for others at step \d+, in \S.* \(\w+\)")
                self.assertRegex(output, r"process rank 1 .* exited on signal 9")


if __name__ == "__main__":
    program.main()
