#!/usr/bin/env python3
"""A live Prometheus with the rules of deploy/prometheus watches runs, at first undisturbed ones.

    tests/nightly/live_alerts.py build/release/launcher/incipit scripts/mpirun.sh

Every duration of the rules is shortened; tests/deploy/alerts_test.yml tests the real ones. No alert
may be pending during an undisturbed run or after its end. Then a rank is stopped, checkpoints fail,
and losses overflow: their alerts must fire. Every query of the dashboard must have an answer.
Takes about two minutes of both cores. Needs the package prometheus.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program
from prometheus_test import free_ports

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SHORTER = [(r"\[6h\] offset 10m", "[30s] offset 4s"), (r"\[15m\]", "[10s]"), (r"\[5m\]", "[4s]"),
           (r"for: \d+m", "for: 2s"), (r"> 600\b", "> 6")]


def shortened(text):
    for pattern, replacement in SHORTER:
        text, count = re.subn(pattern, replacement, text)
    return text


class Watched(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port, server = free_ports(2), free_ports(1)
        for name in ("recording.yml", "alerts.yml"):
            text = shortened((DEPLOY / "prometheus" / name).read_text())
            rules = re.sub("annotations.*?(?=- alert|$)", "", text, flags=re.S)
            assert not re.search(r"[\[ ]\d+[mh]\b", rules), rules
            (cls.folder / name).write_text(text)
        targets = ", ".join(f'"127.0.0.1:{cls.port + rank}"' for rank in range(2))
        (cls.folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}\n"
            "rule_files: [recording.yml, alerts.yml]\n"
            f"scrape_configs:\n  - job_name: incipit\n    static_configs: [{{targets: [{targets}]}}]\n")
        cls.server = f"http://127.0.0.1:{server}"
        cls.log = (cls.folder / "prometheus.log").open("w")
        cls.prometheus = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=storage",
             f"--web.listen-address=127.0.0.1:{server}"], cwd=cls.folder, stdout=cls.log,
            stderr=cls.log)
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{cls.server}/-/ready", timeout=10).close()
                break
            except OSError:
                time.sleep(0.1)

    @classmethod
    def tearDownClass(cls):
        cls.prometheus.terminate()
        cls.prometheus.wait(timeout=20)
        cls.log.close()
        super().tearDownClass()

    def ask(self, expression):
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.server}/api/v1/query?{query}", timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def fired(self, state="firing"):
        """The alerts that fired since the test began."""
        seconds = int(time.monotonic() - self.began) + 1
        found = self.ask(f'count by (alertname) (count_over_time(ALERTS{{alertstate=~"{state}"}}'
                         f"[{seconds}s]))")
        return {each["metric"]["alertname"] for each in found}

    def start(self, name, *settings, shown="incipit_steps_total > 20"):
        self.run_dir = self.folder / name
        command = [program.MPIRUN, "-n", "2", program.INCIPIT, "train", str(self.config)]
        for setting in (f"run.output_dir={self.run_dir}", f"metrics.listen=127.0.0.1:{self.port}",
                        "metrics.port_taken=error", "metrics.peak_flops=1e9", *settings):
            command += ["--set", setting]
        log = (self.folder / f"{name}.log").open("w")
        self.addCleanup(log.close)
        job = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder,
                               env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.addCleanup(self.end, job)
        self.wait(lambda: self.ask(shown))
        self.began = time.monotonic()
        return job

    @staticmethod
    def end(job):
        if job.poll() is None:
            job.terminate()
            job.wait(timeout=30)
        time.sleep(3)  # the series of this run go stale

    def wait(self, condition, seconds=40):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.3)

    def wait_for(self, *alerts):
        deadline = time.monotonic() + 40
        while not set(alerts) <= self.fired():
            self.assertLess(time.monotonic(), deadline, f"{self.fired()}, not {alerts}")
            time.sleep(0.3)

    def test_1_nothing_fires_during_an_undisturbed_run_or_after_its_end(self):
        job = self.start("undisturbed", "train.steps=3000", "train.eval_every=1000",
                         "train.checkpoint_every=500")
        dashboard = json.loads((DEPLOY / "grafana" / "incipit.json").read_text())
        time.sleep(5)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"].replace("$job", "incipit").replace("[5m]", "[4s]")
                expression = expression.replace("[1h]", "[10s]")
                answer = self.ask(expression)
                if not expression.endswith("> 0") and "_checkpoint_duration_" not in expression \
                        and "_last_checkpoint_" not in expression:
                    self.assertTrue(answer, f"{panel['title']}: {expression}")
        self.assertEqual(job.wait(timeout=90), 0)
        time.sleep(8)
        self.assertEqual(self.fired(), set())

    def test_2_a_stopped_rank(self):
        self.start("stopped", "train.steps=1000000", "train.eval_every=0",
                   "train.checkpoint_every=0")
        beat = self.run_dir / "heartbeats" / "rank-1.heartbeat"
        self.wait(beat.exists)
        pid = int(re.search(r"^pid (\d+)", beat.read_text(), re.M)[1])
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        self.wait_for("IncipitStalled", "IncipitRankMissing")

    def test_3_failed_checkpoints(self):
        self.start("failing", "train.steps=1000000", "train.eval_every=0",
                   "train.checkpoint_every=50", "train.max_checkpoint_failures=1000000")
        shutil.rmtree(self.run_dir / "checkpoints", ignore_errors=True)
        while not (self.run_dir / "checkpoints").is_file():
            shutil.rmtree(self.run_dir / "checkpoints", ignore_errors=True)
            try:
                (self.run_dir / "checkpoints").write_text("a file")
            except OSError:
                pass
        self.wait_for("IncipitCheckpointFailed", "IncipitStaleCheckpoint")

    def test_4_steps_that_are_not_finite(self):
        model = self.folder / "nan_model"
        shutil.copytree(self.folder / "model", model)
        weights = model / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-4] + b"\x00\x00\xc0\x7f")  # in the last norm
        self.start("overflow", f"model.path={model}", "train.steps=1000000", "train.eval_every=0",
                   "train.checkpoint_every=0", "train.max_nonfinite_steps=1000000",
                   shown="incipit_nonfinite_steps_total > 5")
        self.wait_for("IncipitNotFinite")


if __name__ == "__main__":
    if shutil.which("prometheus") is None:
        print("skipped: prometheus is missing")
        sys.exit(77)
    program.main()
