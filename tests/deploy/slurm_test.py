#!/usr/bin/env python3
"""deploy/slurm/train.sbatch as Slurm's batch shell runs it, with a program that only obeys signals.

tests/nightly/slurm.py submits it to a real Slurm.
"""
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "slurm" / "train.sbatch"
PROGRAM = """#!/usr/bin/env bash
echo "$*" >>called
eval "$PLAN"
"""
WAITS = "trap 'exit 75' USR1; touch waits; while true; do sleep 0.05; done"
# mpirun stands for the launcher; only its arguments matter here.
LAUNCHER = '#!/usr/bin/env bash\necho "ranks $2" >>called\nshift 2\nexec "$@"\n'


class Batch(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.write("incipit", PROGRAM)
        self.write("bin/scontrol", '#!/bin/sh\necho "$*" >>requeued\n')
        self.write("scripts/mpirun.sh", LAUNCHER)
        self.write("scripts/supervise.sh", (ROOT / "scripts" / "supervise.sh").read_text())

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def read(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def start(self, plan, *arguments):
        return subprocess.Popen(
            ["bash", SCRIPT, *arguments], cwd=self.folder, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "PLAN": plan,
                              "SLURM_NTASKS": "3", "SLURM_JOB_ID": "17", "INCIPIT": "./incipit",
                              "SLURM_SUBMIT_DIR": str(self.folder)})

    def test_the_signal_before_the_time_limit_requeues_the_job(self):
        for name in (signal.SIGUSR1, signal.SIGTERM):
            with self.subTest(name):
                for left in ("waits", "requeued"):
                    (self.folder / left).unlink(missing_ok=True)
                job = self.start(WAITS, "conf/rte.yaml", "--set", "train.steps=5")
                while not (self.folder / "waits").exists():
                    time.sleep(0.02)
                job.send_signal(name)
                _, said = job.communicate(timeout=20)
                self.assertEqual(job.returncode, 75, said)
                self.assertEqual(self.read("requeued"), "requeue 17\n")
        self.assertIn("ranks 3\ntrain conf/rte.yaml --set train.steps=5 --set "
                      "run.output_dir=runs/rte\n", self.read("called"))

    def test_a_run_that_ends_is_not_requeued(self):
        for code in (0, 2, 3):
            with self.subTest(code):
                job = self.start(f"exit {code}", "rte.yaml")
                job.communicate(timeout=20)
                self.assertEqual(job.returncode, code)
        self.assertEqual(self.read("requeued"), "")

    def test_a_missing_configuration_is_refused(self):
        job = self.start("exit 0")
        _, said = job.communicate(timeout=20)
        self.assertEqual(job.returncode, 2)
        self.assertIn("the configuration is missing", said)

    def test_the_directives_ask_for_the_signal_and_allow_requeueing(self):
        directives = [line.split()[1] for line in SCRIPT.read_text().splitlines()
                      if line.startswith("#SBATCH")]
        for wanted in ("--signal=B:USR1@120", "--requeue", "--open-mode=append"):
            self.assertIn(wanted, directives)


if __name__ == "__main__":
    unittest.main(verbosity=2)
