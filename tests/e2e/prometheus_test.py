#!/usr/bin/env python3
"""A real Prometheus server scrapes both ranks of a run.  prometheus_test.py INCIPIT MPIRUN

It must see the metrics of docs/metrics.md. Skipped where Debian's package prometheus is missing.
"""
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

import program

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
PATIENCE = 60  # seconds until what is waited for has come
SKIPPED_LINES = 3
RESTARTS = 2


def free_ports(count):
    """The first of `count` free ports in a row."""
    for _ in range(100):
        held = []
        try:
            for index in range(count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", held[0].getsockname()[1] + index if index else 0))
            return held[0].getsockname()[1]
        except OSError:
            continue
        finally:
            for each in held:
                each.close()
    raise AssertionError("no free ports")


def read(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def documented(section):
    """{name: (type, labels)} of the table under a heading of docs/metrics.md."""
    text = PAGE.read_text(encoding="utf8").split(f"## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(incipit_\w+)` \| (\w+) \|([^|]*)\|", text, re.M)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def scraped(page):
    """The same of a scrape; the series of the web server itself left out."""
    kinds = dict(re.findall(r"^# TYPE (incipit_\w+) (\w+)$", page, re.M))
    found = {}
    for name, labels in re.findall(r"^(incipit_\w+?)(?:\{(.*)\})? ", page, re.M):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        base = base if kinds.get(base) == "histogram" else name
        keys = frozenset(re.findall(r'(\w+)="', labels)) - {"le"}
        assert found.setdefault(base, (kinds[base], keys)) == (kinds[base], keys), name
    return found


def documented_questions():
    """Every PromQL expression of the page."""
    text = PAGE.read_text(encoding="utf8").split("## Questions")[1].split("\n## ")[0]
    return [expression for row in re.findall(r"^\| .* \| (.*) \|$", text, re.M)
            for expression in re.findall(r"`([^`]+)`", row)]


class ScrapedRun(program.ProgramTest):
    """Two ranks train, without end, while a server looks on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.processes = []
        try:
            cls.start_training()
            cls.start_server()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        for process in reversed(cls.processes):
            process.terminate()
        for process in cls.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        super().tearDownClass()

    @classmethod
    def start(cls, name, command, **environment):
        with (cls.folder / f"{name}.log").open("w") as log:
            cls.processes.append(subprocess.Popen(
                command, stdout=log, stderr=log, cwd=cls.folder, env=os.environ | environment))

    @classmethod
    def start_training(cls):
        with (cls.folder / "train.jsonl").open("a", encoding="utf8") as file:
            file.write('{"text": "no label"}\n' * SKIPPED_LINES)
        cls.port = free_ports(2)
        settings = ["run.output_dir=watched", "train.steps=1000000", "train.eval_every=20",
                    "train.checkpoint_every=20", "train.optimizer.lr=0.001",
                    "task.on_bad_record=skip", f"metrics.listen=127.0.0.1:{cls.port}",
                    "metrics.port_taken=error"]
        sets = [word for each in settings for word in ("--set", each)]
        cls.start("training", [program.MPIRUN, "-n", "2", program.INCIPIT, "train",
                               str(cls.config), *sets], SLURM_RESTART_COUNT=str(RESTARTS))

    @classmethod
    def start_server(cls):
        targets = ", ".join(f'"127.0.0.1:{cls.port + rank}"' for rank in range(2))
        (cls.folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
            "scrape_configs:\n  - job_name: incipit\n"
            f"    static_configs: [{{targets: [{targets}]}}]\n")
        server = free_ports(1)
        cls.server = f"http://127.0.0.1:{server}"
        cls.start("prometheus", ["prometheus", "--config.file=prometheus.yml",
                                 "--storage.tsdb.path=storage",
                                 f"--web.listen-address=127.0.0.1:{server}"])

    def logs(self):
        return "\n".join(f"--- {path.name}\n{path.read_text()[-2000:]}"
                         for path in sorted(self.folder.glob("*.log")))

    def ask(self, expression):
        """The answer's series: [{"metric": labels, "value": [time, text]}, ...]."""
        query = urllib.parse.urlencode({"query": expression})
        answer = json.loads(read(f"{self.server}/api/v1/query?{query}"))
        self.assertEqual(answer["status"], "success", expression)
        return answer["data"]["result"]

    def values(self, expression):
        return [float(series["value"][1]) for series in self.ask(expression)]

    def wait_for(self, expression, is_right):
        """Asks until the values are right; returns them."""
        values, end = None, time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for process in self.processes:
                self.assertIsNone(process.poll(), f"{process.args[0]} ended\n{self.logs()}")
            try:
                values = self.values(expression)
                if is_right(values):
                    return values
            except OSError:
                pass  # the server is not up yet
            time.sleep(0.2)
        self.fail(f"{expression} stayed at {values}\n{self.logs()}")

    def scrape(self, rank):
        return read(f"http://127.0.0.1:{self.port + rank}/metrics")

    def lines(self, **wanted):
        """Of metrics.jsonl, whole lines only."""
        text = (self.folder / "watched" / "metrics.jsonl").read_text(encoding="utf8")
        records = [json.loads(line) for line in text[:text.rfind("\n")].splitlines()]
        return [r for r in records if all(r.get(key) == value for key, value in wanted.items())]

    def test_both_ranks_are_up_and_steps_rise(self):
        self.wait_for("up", lambda values: values == [1, 1])
        first, = self.wait_for("incipit_steps_total", lambda values: values and values[0] > 0)
        self.wait_for("incipit_steps_total", lambda values: values and values[0] > first)
        counts = self.wait_for("incipit_step_duration_seconds_count",
                               lambda values: len(values) == 2 and min(values) > 0)
        self.assertLess(abs(counts[0] - counts[1]), 1 + 0.5 * max(counts))
        ranks = {(s["metric"]["rank"], s["metric"]["instance"])
                 for s in self.ask("incipit_step_duration_seconds_count")}
        self.assertEqual(ranks, {(str(rank), f"127.0.0.1:{self.port + rank}")
                                 for rank in range(2)})

    def test_the_loss_is_that_of_metrics_jsonl_at_that_step(self):
        def samples(name):
            found = self.ask(name + "[30s]")
            return {at: float(value) for at, value in found[0]["values"]} if found else {}

        self.wait_for("incipit_steps_total", lambda values: values and values[0] > 50)
        steps, losses = samples("incipit_steps_total"), samples("incipit_loss")
        time.sleep(0.5)  # the line of the last of these steps is written now
        logged = {line["step"]: line["loss"] for line in self.lines() if "loss" in line}
        compared = 0
        for at, step in steps.items():
            if step < 2 or at not in losses:
                continue
            # A scrape may fall between two updates of one step.
            near = [logged[near] for near in (step - 1, step, step + 1) if near in logged]
            self.assertTrue(any(math.isclose(losses[at], loss, rel_tol=1e-12) for loss in near),
                            f"loss {losses[at]} at step {step}; metrics.jsonl: {near}")
            compared += 1
        self.assertGreater(compared, 0)

    def test_the_score_is_that_of_the_last_evaluations(self):
        expression = 'incipit_eval_score_ratio{split="validation",metric="accuracy",task="colours"}'
        values = self.wait_for(expression, lambda values: values and values[0] > 0)
        self.assertIn(values[0], [line["accuracy"] for line in self.lines(split="validation")])
        self.assertEqual(self.values('incipit_eval_score_ratio{split="test"}'), [0])

    def test_what_is_measured_is_plausible(self):
        peaks = self.wait_for("incipit_device_memory_peak_bytes",
                              lambda values: len(values) == 2 and min(values) > 0)
        now = self.values("incipit_device_memory_bytes")
        for rank in range(2):
            self.assertGreater(now[rank], 10e6)
            self.assertLessEqual(now[rank], peaks[rank] * 1.1)
        for ratio in self.wait_for("incipit_model_flops_utilization_ratio",
                                   lambda values: len(values) == 2 and min(values) > 0):
            self.assertLess(ratio, 1.5)
        for clock in ("last_step", "last_checkpoint"):
            when, *_ = self.wait_for(f"incipit_{clock}_timestamp_seconds",
                                     lambda values: values and values[0] > 0)
            self.assertLess(abs(time.time() - when), 60, clock)
        self.assertGreater(self.values("incipit_checkpoint_duration_seconds_count")[0], 0)
        self.assertEqual(self.values("incipit_checkpoint_failures_total"), [0])
        self.assertEqual(self.values("incipit_last_success_timestamp_seconds"), [0])
        self.assertEqual(self.values("incipit_input_records_skipped_total"), [SKIPPED_LINES])
        self.assertEqual(self.values("incipit_restarts"), [RESTARTS])
        info, = self.ask("incipit_run_info")
        self.assertEqual((info["metric"]["run"], info["metric"]["task"]), ("tiny", "colours"))

    def test_promtool_finds_nothing_to_say(self):
        self.wait_for("up", lambda values: values == [1, 1])
        for rank in range(2):
            done = subprocess.run(["promtool", "check", "metrics"], input=self.scrape(rank),
                                  capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), rank)

    def test_every_series_is_documented_and_every_documented_one_exists(self):
        self.wait_for("up", lambda values: values == [1, 1])
        of_every_rank = documented("From every rank")
        self.assertGreater(len(of_every_rank), 5)
        self.assertEqual(scraped(self.scrape(1)), of_every_rank)
        self.assertEqual(scraped(self.scrape(0)), of_every_rank | documented("From rank 0"))

    def test_every_expression_of_the_page_is_answered(self):
        self.wait_for("incipit_steps_total", lambda values: values and values[0] > 0)
        questions = documented_questions()
        self.assertGreater(len(questions), 15)
        series = set(documented("From every rank") | documented("From rank 0"))
        for question in questions:
            self.ask(question)
            for name in re.findall(r"\bincipit_\w+", question):
                self.assertIn(re.sub(r"_(bucket|sum|count)$", "", name), series, question)


if __name__ == "__main__":
    for tool in ("prometheus", "promtool"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed (Debian's package prometheus)")
            sys.exit(77)
    program.main()
