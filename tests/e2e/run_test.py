#!/usr/bin/env python3
"""Training and evaluation of a user's own task, on one rank and two.  run_test.py INCIPIT MPIRUN"""
import hashlib
import json
import os
import pty
import subprocess
import time
import urllib.request

import program


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def step_lines(run):
    return [line for line in read_lines(run / "metrics.jsonl") if "loss" in line]


class Training(program.ProgramTest):
    def train(self, name, *overrides, ranks=0):
        sets = [word for each in (f"run.output_dir={name}", *overrides) for word in ("--set", each)]
        done = self.incipit("train", self.config, *sets, ranks=ranks)
        return self.folder / name, done

    def test_leaves_what_a_run_directory_holds(self):
        weights = self.folder / "model" / "model.safetensors"
        before = hashlib.sha256(weights.read_bytes()).hexdigest()
        run, done = self.train("whole")
        steps = step_lines(run)
        self.assertEqual([line["step"] for line in steps], [1, 2, 3, 4, 5, 6])
        for key in ("loss", "learning_rate", "grad_norm", "tokens", "seconds"):
            self.assertGreater(steps[0][key], 0, key)
        self.assertLess(steps[-1]["loss"], steps[0]["loss"])
        for which in ("best", "last"):
            adapter = json.loads((run / "adapter" / which / "adapter_config.json").read_text())
            self.assertEqual(adapter["num_virtual_tokens"], 4)
        manifest = json.loads((run / "manifest.json").read_text())
        self.assertEqual(manifest["ranks"], 1)
        self.assertEqual(manifest["splits"]["train"]["examples"], 30)
        self.assertEqual(manifest["splits"]["validation"]["examples"], 10)
        self.assertEqual(hashlib.sha256(weights.read_bytes()).hexdigest(), before)
        self.assertIn("6 steps", done.stdout)
        self.assertNotIn("\x1b", done.stdout + done.stderr)

    def test_predictions_and_scores_agree(self):
        run, _ = self.train("scored")
        records = read_lines(self.folder / "test.jsonl")
        predictions = read_lines(run / "predictions" / "test.jsonl")
        self.assertEqual([p["idx"] for p in predictions], [r["idx"] for r in records])
        for prediction, record in zip(predictions, records):
            self.assertEqual(prediction["label"], record["label"])
            best = max(prediction["scores"], key=prediction["scores"].get)
            self.assertEqual(prediction["prediction"], best)
        right = sum(p["prediction"] == p["label"] for p in predictions)
        scores = json.loads((run / "scores.json").read_text())
        self.assertAlmostEqual(scores["test"]["accuracy"], right / len(records))

    def test_two_ranks_learn_the_same(self):
        one, _ = self.train("one")
        two, done = self.train("two", ranks=2)
        for a, b in zip(step_lines(one), step_lines(two), strict=True):
            self.assertAlmostEqual(b["loss"] / a["loss"], 1, delta=1e-4)
            self.assertEqual((a["tokens"] > 0, a["samples"]), (b["tokens"] > 0, b["samples"]))
        self.assertEqual(json.loads((two / "manifest.json").read_text())["ranks"], 2)
        self.assertEqual(done.stdout.count("last loss"), 1)
        self.assertNotIn("\x1b", done.stdout)

    def test_the_same_run_again_gives_the_same_prompt(self):
        name = "adapter/last/adapter_model.safetensors"
        first, _ = self.train("again_a")
        second, _ = self.train("again_b")
        self.assertEqual((first / name).read_bytes(), (second / name).read_bytes())

    def test_an_earlier_run_is_moved_aside(self):
        run, _ = self.train("twice", "train.steps=2")
        _, done = self.train("twice", "train.steps=3", "train.batch_size=4")
        self.assertEqual(len(step_lines(run)), 3)
        self.assertEqual(len(step_lines(self.folder / "twice.1")), 2)
        self.assertIn("twice.1", done.stderr)

    def test_the_resolved_configuration_repeats_the_run(self):
        run, _ = self.train("resolved", "train.optimizer.lr=0.02")
        text = (run / "config.yaml").read_text()
        self.assertIn("lr: 0.02", text)
        copy = self.write("again.yaml", text.replace("resolved", "resolved_again"))
        self.incipit("train", copy)
        again = self.folder / "resolved_again"
        self.assertEqual([line["loss"] for line in step_lines(run)],
                         [line["loss"] for line in step_lines(again)])

    def test_chat_format_without_a_chat_template_is_refused(self):
        message = self.refused(3, "train", self.config, "--set", "task.format=chat")
        self.assertIn("chat", message)

    def test_candidates_as_loss(self):
        run, _ = self.train("candidates", "train.loss=candidates")
        self.assertEqual(len(step_lines(run)), 6)


class Evaluation(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().incipit("train", cls.config)

    def test_repeats_the_scores_of_training(self):
        trained = read_lines(self.folder / "run" / "predictions" / "test.jsonl")
        done = self.incipit("eval", self.config, "--split", "test", "--split", "validation")
        self.assertRegex(done.stdout, r"\n  test +12 ")
        self.assertRegex(done.stdout, r"\n  validation +10 ")
        again = read_lines(self.folder / "run" / "predictions" / "test.jsonl")
        self.assertEqual([p["prediction"] for p in again], [p["prediction"] for p in trained])
        for a, b in zip(trained, again):
            for label, score in a["scores"].items():
                self.assertAlmostEqual(b["scores"][label], score, delta=1e-4)
        scores = json.loads((self.folder / "run" / "scores.json").read_text())
        self.assertEqual(sorted(scores), ["test", "validation"])

    def test_of_the_model_alone_on_two_ranks(self):
        options = ("eval", self.config, "--set", "method.kind=none")
        self.incipit(*options, "--set", "run.output_dir=zero_1")
        self.incipit(*options, "--set", "run.output_dir=zero_2", ranks=2)
        one = read_lines(self.folder / "zero_1" / "predictions" / "test.jsonl")
        two = read_lines(self.folder / "zero_2" / "predictions" / "test.jsonl")
        for a, b in zip(one, two, strict=True):
            self.assertEqual(a["idx"], b["idx"])
            for label, score in a["scores"].items():
                self.assertAlmostEqual(b["scores"][label], score, delta=1e-4)

    def test_of_a_named_adapter(self):
        adapter = self.folder / "run" / "adapter" / "last"
        done = self.incipit("eval", self.config, "--adapter", adapter, "--set",
                            "run.output_dir=last")
        self.assertIn("accuracy", done.stdout)


class Watching(program.ProgramTest):
    def on_terminal(self, *arguments, launcher=(), **environment):
        """Returns the output of the program when standard error is a terminal."""
        ours, theirs = pty.openpty()
        environment = os.environ | {"TERM": "xterm"} | environment
        child = subprocess.Popen([*launcher, program.INCIPIT, *map(str, arguments)],
                                 stderr=theirs, stdout=theirs, env=environment, cwd=self.folder)
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            written += part
        self.assertEqual(child.wait(timeout=60), 0, written.decode())
        os.close(ours)
        return written.decode()

    def test_a_bar_on_a_terminal(self):
        text = self.on_terminal("train", self.config, "--set", "run.output_dir=bar")
        self.assertIn("\x1b[36m━", text)
        self.assertIn("6/6", text)

    def test_a_bar_for_evaluations(self):
        text = self.on_terminal("train", self.config, "--set", "run.output_dir=bars")
        self.assertRegex(text, r"\rvalidation  |\x1b\[2Kvalidation  ")
        self.assertIn("0/10", text)  # of the validation split, gone when its scores are logged
        self.assertLess(text.rindex("0/10"), text.rindex("accuracy"))
        text = self.on_terminal("eval", self.config, "--set", "run.output_dir=bars")
        self.assertIn("\x1b[2Ktest  ", text)
        self.assertIn("0/12", text)

    def test_a_bar_through_mpirun(self):
        text = self.on_terminal("train", self.config, "--set", "run.output_dir=bar_of_two",
                                launcher=(program.MPIRUN, "-n", "2"))
        self.assertIn("\x1b[36m━", text)
        self.assertIn("6/6", text)

    def test_a_bar_for_evaluations(self):
        text = self.on_terminal("train", self.config, "--set", "run.output_dir=bars")
        self.assertRegex(text, r"\rvalidation  |\x1b\[2Kvalidation  ")
        self.assertIn("0/10", text)  # of the validation split, gone when its scores are logged
        self.assertLess(text.rindex("0/10"), text.rindex("accuracy"))
        text = self.on_terminal("eval", self.config, "--set", "run.output_dir=bars")
        self.assertIn("\x1b[2Ktest  ", text)
        self.assertIn("0/12", text)

    def test_no_colour_where_it_is_not_wanted(self):
        text = self.on_terminal("train", self.config, "--set", "run.output_dir=grey", NO_COLOR="1")
        self.assertIn("━", text)
        self.assertNotIn("\x1b[36m", text)
        self.assertNotIn("\x1b[1m", text)

    def test_prometheus_can_scrape_a_run(self):
        log = self.folder / "scrape.log"
        with log.open("w") as stderr:
            child = subprocess.Popen(
                [program.INCIPIT, "train", self.config, "--set", "run.output_dir=scraped", "--set",
                 "metrics.listen=127.0.0.1:0", "--set", "train.steps=100000", "--set",
                 "train.eval_every=0"], stderr=stderr, cwd=self.folder)
        try:
            address = ""
            deadline = time.monotonic() + 60
            while not address and time.monotonic() < deadline:
                words = log.read_text().split()
                address = next((w for w in words if w.startswith("http://")), "")
                time.sleep(0.05)
            steps = 0.0
            while steps == 0 and time.monotonic() < deadline:
                page = urllib.request.urlopen(address, timeout=10).read().decode()
                line = next(l for l in page.splitlines() if l.startswith("incipit_steps_total "))
                steps = float(line.split()[1])
            self.assertGreater(steps, 0)
            self.assertIn('incipit_run_info{method="prompt_tuning",run="tiny"', page)
        finally:
            child.kill()
            child.wait()


if __name__ == "__main__":
    program.main()
