#!/usr/bin/env python3
"""Kills, stops and signals the ranks of a supervised run at random moments; no byte may be lost.

    tests/nightly/chaos.py [--faults 100] [--ranks 4] [--steps 3000] [--seed N]
        [--build build/release]

A run of a tiny model under scripts/supervise.sh, always on the same mesh, whose fsync is slowed down.
At least a third of the kills come while a checkpoint is being written. The end must be in every byte
that of an undisturbed run. 100 faults take about ten minutes. Exit code 1: something was lost; the
folder stays and is named.
"""
import argparse
import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import runs
import tiny

TIMEOUT = 5  # seconds, of one operation among ranks


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    return parser.parse_args()


class Chaos:
    def __init__(self, options):
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="incipit_chaos_"))
        self.config = tiny.write_everything(self.folder)
        self.random = random.Random(options.seed)
        self.counts = collections.Counter()
        self.log = (self.folder / "log").open("w")

    def command(self, name):
        settings = [f"run.output_dir={self.folder / name}", f"train.steps={self.options.steps}",
                    "train.eval_every=1000", "train.checkpoint_every=25",
                    f"parallel.timeout_seconds={TIMEOUT}"]
        words = [word for each in settings for word in ("--set", each)]
        return [ROOT / "scripts" / "mpirun.sh", "-n", str(self.options.ranks),
                self.options.build / "launcher" / "incipit", "train", self.config, *words]

    def run(self, command, **environment):
        return subprocess.Popen(
            list(map(str, command)), stdout=self.log, stderr=self.log, cwd=self.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment)

    def ranks(self):
        """The processes of the run's ranks."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                engine = os.readlink(entry / "exe").endswith("/incipit-engine")
            except OSError:
                continue
            if engine and f"run.output_dir={self.folder / 'disturbed'}".encode() in words:
                found.append(int(entry.name))
        return found

    def writes_checkpoint(self):
        return any((self.folder / "disturbed" / "checkpoints").glob("step-*.tmp"))

    def disturb(self, job):
        """One fault, at a random moment."""
        kind = self.random.choice(["kill", "kill in a checkpoint", "kill in a checkpoint", "stop",
                                   "signal"])
        deadline = time.monotonic() + self.random.uniform(0.2, 4)
        while time.monotonic() < deadline and job.poll() is None:
            time.sleep(0.005)
        if kind == "kill in a checkpoint":
            while not self.writes_checkpoint():
                if job.poll() is not None:
                    return
                time.sleep(0.002)
        ranks = self.ranks()
        if not ranks:
            return
        victim = self.random.choice(ranks)
        name = {"stop": signal.SIGSTOP, "signal": signal.SIGUSR1}.get(kind, signal.SIGKILL)
        try:
            os.kill(victim, name)
        except ProcessLookupError:
            return
        self.counts[kind] += 1
        self.settle(victim, job)

    def settle(self, victim, job):
        """Waits until the victim has gone, so that faults do not fall on an ending job."""
        deadline = time.monotonic() + 60
        while Path(f"/proc/{victim}").exists() and job.poll() is None:
            assert time.monotonic() < deadline, f"process {victim} does not end"
            time.sleep(0.02)

    def main(self):
        undisturbed = self.run(self.command("undisturbed"))
        assert undisturbed.wait() == 0, f"{self.folder}/log"
        supervise = [ROOT / "scripts" / "supervise.sh", "--run", self.folder / "disturbed", "--tries",
                     "1000", "--backoff", "0", "--", *self.command("disturbed")]
        began = time.monotonic()
        job = self.run(supervise, LD_PRELOAD=str(self.options.build / "tests" / "faults" /
                                                 "libfsync_shim.so"))
        try:
            while job.poll() is None and sum(self.counts.values()) < self.options.faults:
                self.disturb(job)
            code = job.wait()
        finally:
            if job.poll() is None:  # this script was interrupted
                job.terminate()
                job.wait()
        return self.report(code, time.monotonic() - began)

    def report(self, code, seconds):
        restarts = re.findall(r"supervise: .*restart (\d+)", (self.folder / "log").read_text())
        same = code == 0 and (runs.outcome(self.folder / "disturbed")
                              == runs.outcome(self.folder / "undisturbed"))
        total = sum(self.counts.values())
        print(f"seed {self.options.seed}, {self.options.ranks} ranks, {seconds:.0f} s, "
              f"{len(restarts)} restarts")
        for kind, count in sorted(self.counts.items()):
            print(f"  {kind:22} {count:4}")
        print(f"  faults injected {total}, survived {total if same else 'unknown'}, "
              f"lost {0 if same else 'bytes differ, or the run ended with ' + str(code)}")
        kills = self.counts["kill"] + self.counts["kill in a checkpoint"]
        if 3 * self.counts["kill in a checkpoint"] < kills:
            print("  too few kills in checkpoints: take another seed")
            same = False
        if same and total > 0:
            shutil.rmtree(self.folder)
            return 0
        print(f"see {self.folder}")
        return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(Chaos(arguments()).main())
