#!/usr/bin/env python3
"""Several tasks in one run, one process and one batch.  mixture_test.py INCIPIT MPIRUN"""
import json
import re

import program
import tiny

WARMTH = """# Is it cold?
train: warm_train.jsonl
test: warm_test.jsonl
template: "{text} seems"
verbalizer: {blue: " cold", green: " mild"}
"""

MIXED = """run: {{name: mixed, output_dir: "{folder}/mixed", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method:
  kind: prompt_tuning
  num_virtual_tokens: 4
  init: {{kind: sampled_vocab}}
tasks:
  colours: {{name: "{folder}/colours.yaml", data_dir: "{folder}", validation: 0.25}}
  warmth: {{name: "{folder}/warmth.yaml", data_dir: "{folder}", validation: 0.25}}
mixture: {{sampling: even}}
train: {{steps: 6, batch_size: 8, eval_every: 3}}
"""

SINGLE = """run: {{name: {task}, output_dir: "{folder}/{task}_alone", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
task: {{name: "{folder}/{task}.yaml", data_dir: "{folder}", validation: 0.25}}
"""


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


class Mixture(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tiny.write_records(cls.folder / "warm_train.jsonl", 24, seed=3)
        tiny.write_records(cls.folder / "warm_test.jsonl", 10, seed=4)
        (cls.folder / "warmth.yaml").write_text(WARMTH)
        cls.mixed = cls.folder / "mixed.yaml"
        cls.mixed.write_text(MIXED.format(folder=cls.folder))
        for task in ("colours", "warmth"):
            (cls.folder / f"{task}_alone.yaml").write_text(
                SINGLE.format(folder=cls.folder, task=task))
        cls.run_dir = cls.folder / "mixed"
        cls.trained = cls().incipit("train", cls.mixed)

    def predictions(self, run, *parts):
        return read_lines(run.joinpath("predictions", *parts, "test.jsonl"))

    def assert_same_scores(self, mine, others):
        self.assertEqual(len(mine), len(others))
        for a, b in zip(mine, others):
            self.assertEqual((a["idx"], a["prediction"]), (b["idx"], b["prediction"]))
            for label, score in a["scores"].items():
                self.assertAlmostEqual(b["scores"][label], score, delta=1e-4)

    def test_a_run_leaves_a_prompt_predictions_and_scores_for_every_task(self):
        scores = json.loads((self.run_dir / "scores.json").read_text())
        self.assertEqual(list(scores), ["colours", "warmth"])
        for task, examples in (("colours", 12), ("warmth", 10)):
            for which in ("best", "last"):
                folder = self.run_dir / "adapter" / which / task
                config = json.loads((folder / "adapter_config.json").read_text())
                self.assertEqual(config["num_virtual_tokens"], 4)
            self.assertEqual(scores[task]["test"]["examples"], examples)
            found = self.predictions(self.run_dir, task)
            right = sum(p["prediction"] == p["label"] for p in found)
            self.assertAlmostEqual(scores[task]["test"]["accuracy"], right / examples)
        best = [(self.run_dir / "adapter" / "best" / task / "adapter_model.safetensors").read_bytes()
                for task in ("colours", "warmth")]
        self.assertNotEqual(*best)
        manifest = json.loads((self.run_dir / "manifest.json").read_text())
        self.assertEqual(manifest["splits"]["warmth"]["train"]["examples"], 18)
        diagnoses = json.loads((self.run_dir / "diagnosis.json").read_text())
        self.assertEqual(list(diagnoses), ["colours", "warmth"])

    def test_steps_and_evaluations_are_told_by_task(self):
        lines = read_lines(self.run_dir / "metrics.jsonl")
        steps = [line for line in lines if "loss" in line]
        self.assertEqual(len(steps), 6)
        for line in steps:
            self.assertEqual(list(line["losses"]), ["colours", "warmth"])
            low, high = sorted(line["losses"].values())
            self.assertTrue(low <= line["loss"] <= high, line)
        scored = [(line["step"], line["task"], line["split"]) for line in lines if "split" in line]
        self.assertEqual(scored, [(3, "colours", "validation"), (3, "warmth", "validation"),
                                  (6, "colours", "validation"), (6, "warmth", "validation"),
                                  (6, "colours", "test"), (6, "warmth", "test")])

    def test_says_what_it_scores_and_costs(self):
        # 4 rows of 32 numbers of 4 bytes; the parameters of tiny.tensor_shapes().
        count = sum(shape[0] * (shape[1] if len(shape) == 2 else 1)
                    for shape in tiny.tensor_shapes().values())
        times = f"{round(count * 4 / 512):,}"
        again = self.incipit("eval", self.mixed)
        for text in (self.trained.stdout, again.stdout):
            self.assertRegex(text, r"\n  colours +test +12 ")
            self.assertRegex(text, r"\n  warmth +test +10 ")
            self.assertRegex(text, r"\n  all +test +22 ")
            self.assertIn("512 B a task", text)
            self.assertIn(f": {times} times as much", text)
        scores = json.loads((self.run_dir / "scores.json").read_text())
        mean = sum(task["test"]["accuracy"] for task in scores.values()) / 2
        self.assertRegex(again.stdout, rf"\n  all +test .* {mean:.4f}\n")

    def test_tasks_scored_together_score_as_alone(self):
        adapters = {task: self.run_dir / "adapter" / "last" / task for task in ("colours", "warmth")}
        named = [word for task in ("warmth", "colours")
                 for word in ("--adapter", f"{task}={adapters[task]}")]
        ordered = [word for path in adapters.values() for word in ("--adapter", path)]
        for name, words in (("by_name", named), ("by_order", ordered)):
            self.incipit("eval", self.mixed, *words, "--set", f"run.output_dir={name}")
            for task, path in adapters.items():
                if name == "by_name":
                    self.incipit("eval", self.folder / f"{task}_alone.yaml", "--adapter", path)
                alone = self.folder / f"{task}_alone"
                self.assert_same_scores(self.predictions(self.folder / name, task),
                                        self.predictions(alone))
                together = json.loads((self.folder / name / "scores.json").read_text())
                self.assertEqual(together[task],
                                 json.loads((alone / "scores.json").read_text()))

    def test_two_ranks_learn_the_same(self):
        self.incipit("train", self.mixed, "--set", "run.output_dir=two", ranks=2)
        one = [line for line in read_lines(self.run_dir / "metrics.jsonl") if "loss" in line]
        two = [line for line in read_lines(self.folder / "two" / "metrics.jsonl") if "loss" in line]
        for a, b in zip(one, two, strict=True):
            self.assertAlmostEqual(b["loss"] / a["loss"], 1, delta=1e-4)
            for task, loss in a["losses"].items():
                self.assertAlmostEqual(b["losses"][task] / loss, 1, delta=1e-4)

    def test_more_steps_go_on_as_if_the_run_had_never_ended(self):
        def train(name, steps):
            return self.incipit("train", self.mixed, "--set", f"run.output_dir={name}",
                                "--set", f"train.steps={steps}")
        train("parts", 6)
        self.assertIn("resuming from", train("parts", 9).stderr)
        train("whole", 9)
        for task in ("colours", "warmth"):
            name = f"adapter/last/{task}/adapter_model.safetensors"
            self.assertEqual((self.folder / "parts" / name).read_bytes(),
                             (self.folder / "whole" / name).read_bytes())

    def test_one_prompt_for_all(self):
        shared = ("--set", "mixture.prompts=shared", "--set", "run.output_dir=shared")
        done = self.incipit("train", self.mixed, *shared)
        self.assertIn("512 B for 2 tasks", done.stdout)
        adapter = self.folder / "shared" / "adapter" / "best"
        self.assertTrue((adapter / "adapter_config.json").exists())
        trained = self.predictions(self.folder / "shared", "warmth")
        self.incipit("eval", self.mixed, *shared, "--adapter", adapter)
        self.assert_same_scores(self.predictions(self.folder / "shared", "warmth"), trained)
        done = self.incipit("predict", self.folder / "shared", "--task", "warmth",
                            "--input", self.folder / "warm_test.jsonl")
        self.assertEqual(len(done.stdout.splitlines()), 10)

    def test_commands_of_one_task_take_one_of_several(self):
        asked = ("predict", self.run_dir, "--input", self.folder / "warm_test.jsonl")
        done = self.incipit(*asked, "--task", "warmth")
        self.assertEqual([json.loads(line)["prediction"] for line in done.stdout.splitlines()],
                         [p["prediction"] for p in self.predictions(self.run_dir, "warmth")])
        self.assertIn("seems", self.incipit("show", self.mixed, "--task", "warmth").stdout)
        page = self.folder / "warmth.html"
        self.incipit("report", self.run_dir, "--task", "warmth", "--output", page,
                     "--json", self.folder / "warmth.json")
        self.assertIn("warmth", page.read_text(encoding="utf8"))
        for command in (asked, ("show", self.mixed), ("report", self.run_dir),
                        ("generate", self.mixed, "--prompt", "x"), ("compare", self.mixed)):
            message = self.refused(2, *command)
            self.assertIn("--task", message)
            self.assertIn("colours, warmth", message)
        message = self.refused(2, *asked, "--task", "taste")
        self.assertIn("taste", message)
        self.assertIn("colours, warmth", message)

    def test_validate_tells_the_shares(self):
        text = self.incipit("validate", self.mixed, "--set", "mixture.sampling=size").stdout
        # 30 and 18 examples to train on.
        self.assertIn("colours: 62.5 % of the examples, 1.0 epochs", text)
        self.assertIn("warmth: 37.5 % of the examples, 1.0 epochs", text)
        self.assertRegex(text, r"warmth\n +split")

    def test_mistakes_are_told_with_their_place(self):
        text = self.mixed.read_text()
        both = self.write("both.yaml", text + "task: {name: rte}\n")
        message = self.refused(2, "train", both)
        self.assertRegex(message, r"both\.yaml:\d+:1: task: the configuration has tasks, too")
        wrong = self.write("wrong.yaml", text.replace("validation: 0.25}\nmixture", "shots: -1}\nmixture"))
        self.assertRegex(self.refused(2, "train", wrong), r"wrong\.yaml:9:\d+: tasks\.warmth\.shots")
        message = self.refused(2, "train", self.mixed, "--set", "tasks.warmth.validation=0")
        self.assertIn("set tasks.warmth.validation", message)
        message = self.refused(2, "eval", self.mixed, "--adapter", self.run_dir)
        self.assertIn("colours, warmth", message)
        message = self.refused(2, "eval", self.mixed, "--set", "run.output_dir=nowhere")
        self.assertTrue(re.search(r"nowhere/adapter/best/colours: there is no trained", message),
                        message)
        bad = self.write("bad.jsonl", '{"idx": 0, "text": "x"}\n')
        message = self.refused(3, "train", self.mixed, "--set", f"tasks.warmth.train={bad}")
        self.assertIn("bad.jsonl:1", message)


if __name__ == "__main__":
    program.main()
