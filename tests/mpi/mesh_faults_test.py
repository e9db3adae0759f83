#!/usr/bin/env python3
"""A rank of a training run is killed or stopped: the others end within 30 s and say where they were.

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

# Ranks and settings.
MESHES = {"data": (2, ["data=2"]), "tensor": (2, ["tensor=2"]), "pipeline": (2, ["pipeline=2"]),
          "fsdp": (2, ["fsdp=2"]),
          "data x tensor": (4, ["data=2", "tensor=2"]),
          "data x pipeline": (4, ["data=2", "pipeline=2"]),
          "pipeline x tensor": (4, ["pipeline=2", "tensor=2"]),
          "data x fsdp": (4, ["data=2", "fsdp=2"])}
TIMEOUT = 5  # seconds, of one operation among ranks


def heartbeat(folder, rank):
    """Returns the heartbeat of a rank; None before it has trained some steps."""
    path = folder / "heartbeats" / f"rank-{rank}.heartbeat"
    if not path.exists():
        return None
    said = dict(line.split(" ", 1) for line in path.read_text().splitlines() if " " in line)
    step = re.match(r"step (\d+)", said.get("doing", ""))
    return said if step and int(step[1]) >= 3 else None


def is_running(pid):
    """Whether there is such a process, other than one that ended and was not waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class AFault(program.ProgramTest):
    """Rank 1 is at fault."""

    def start(self, mesh, name):
        run = self.folder / name
        ranks, parallel = MESHES[mesh]
        settings = [*(f"parallel.{setting}" for setting in parallel),
                    f"parallel.timeout_seconds={TIMEOUT}", f"run.output_dir={run}",
                    "train.steps=1000000", "train.eval_every=0", "train.checkpoint_every=0"]
        command = [program.MPIRUN, "-n", str(ranks), program.INCIPIT, "train", str(self.config)]
        for setting in settings:
            command += ["--set", setting]
        log = (self.folder / f"{name}.log").open("w+")
        job = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder,
                               env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.addCleanup(self.end, job, log)
        deadline = time.monotonic() + 60
        pids = []
        for rank in range(ranks):
            while not (said := heartbeat(run, rank)):
                self.assertIsNone(job.poll(), Path(log.name).read_text(errors="replace"))
                self.assertLess(time.monotonic(), deadline, "the run did not start")
                time.sleep(0.1)
            pids.append(int(said["pid"]))
        return job, pids, Path(log.name)

    @staticmethod
    def end(job, log):
        if job.poll() is None:
            job.kill()
            job.wait()
        log.close()

    def fault(self, mesh, name, what):
        """Signals rank 1 and returns the output; expects every other rank to end and report where."""
        job, pids, log = self.start(mesh, f"{mesh}_{name}")
        os.kill(pids[1], what)
        start = time.monotonic()
        code = job.wait(timeout=60)
        while any(map(is_running, pids)) and time.monotonic() - start < 30:
            time.sleep(0.1)
        self.assertLess(time.monotonic() - start, 30)
        output = log.read_text()
        self.assertNotEqual(code, 0, output)
        for rank in range(len(pids)):
            if rank != 1:
                # Its own deadline, or mpirun that ends all once one of them has ended.
                self.assertRegex(
                    output,
                    rf"incipit \(rank {rank}\): rank {rank}, \S.* \(\w+ on [\w ]+\): at step \d+, "
                    rf"|incipit \(rank {rank} of {len(pids)}\): a signal asks to stop, and this rank "
                    r"waits for others at step \d+, in \S.* \(\w+\)")
        return output

    def test_a_stopped_rank_is_named(self):
        for mesh in MESHES:
            with self.subTest(mesh):
                output = self.fault(mesh, "stopped", signal.SIGSTOP)
                # The rank whose time was up first, and the one that it waited for.
                self.assertRegex(output, r"at step \d+, the other ranks did not answer within "
                                         rf"{TIMEOUT}\.0s; .*rank 1 \(.*\) has been silent for .* "
                                         r"step \d+, in ")

    def test_a_killed_rank_ends_the_others(self):
        for mesh in MESHES:
            with self.subTest(mesh):
                output = self.fault(mesh, "killed", signal.SIGKILL)
                self.assertRegex(output, r"process rank 1 .* exited on signal 9")


if __name__ == "__main__":
    print(f"faults injected {2 * len(MESHES)}")
    program.main()
