#!/usr/bin/env python3
"""Reports: pages that are whole, figures that are right.  report_test.py INCIPIT MPIRUN"""
import json
import math
import random
import re
import sys
from pathlib import Path
from unittest import mock

import numpy
import program
import scipy.stats
import tiny

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import html_check  # noqa: E402

HOSTILE = "</title><script>alert(1)</script>\"' onload=x \x01\u202e &amp; \ud7ff"


def write_run(folder, lines):
    (folder / "predictions").mkdir(parents=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "predictions" / "test.jsonl").write_text(text, encoding="utf8")
    return folder


def invented(count, share, seed, labels=("yes", "no")):
    """Predictions of a method that is right in about `share` of the examples."""
    answers = random.Random(5)
    draw = random.Random(seed)
    lines = []
    for index in range(count):
        label = answers.choice(labels)
        right = draw.random() < share
        prediction = label if right else next(each for each in labels if each != label)
        lines.append({"idx": index, "prediction": prediction, "label": label})
    return lines


def right(lines):
    return numpy.array([line["prediction"] == line["label"] for line in lines], dtype=float)


class Report(program.ProgramTest):
    def page(self, *arguments, at):
        done = self.incipit("report", *arguments)
        self.assertIn(str(at), done.stdout)
        checker = html_check.check((self.folder / at).read_text(encoding="utf8"))
        self.assertEqual(checker.problems, [])
        self.assertIn("default-src 'none'", checker.policy)
        self.assertIn("width=device-width", checker.viewport)
        return html_check.text_of(checker), done.stdout

    def figures(self, *arguments):
        self.incipit("report", *arguments, "--json", "figures.json", "--output", "page.html")
        return json.loads((self.folder / "figures.json").read_text())


class OfOneRun(Report):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().incipit("train", cls.config)

    def test_tells_all_that_the_run_left(self):
        text, said = self.page("run", at="run/report.html")
        for word in ("tiny", "soft prompt of 4 tokens", "Scores", "Labels on test", "Training",
                     "Gradient norm", "accuracy on validation", "Model input", "Cost",
                     "learned / frozen", "tokens a second"):
            self.assertIn(word, text)
        self.assertIn("Of 12 test examples", said)
        self.assertNotIn("\x1b", said)

    def test_shows_the_text_of_errors_and_of_an_example(self):
        text, _ = self.page("run", at="run/report.html")
        records = [json.loads(line) for line in (self.folder / "test.jsonl").read_text().splitlines()]
        lines = (self.folder / "run" / "predictions" / "test.jsonl").read_text().splitlines()
        wrong = [p["idx"] for p in map(json.loads, lines) if p["prediction"] != p["label"]]
        self.assertTrue(wrong, "an untrained tiny model makes mistakes")
        for index in wrong:
            self.assertIn(records[index]["text"], text)
        self.assertIn("test.jsonl:1", text)
        self.assertIn(" grn", text)

    def test_figures_are_those_of_the_evaluation(self):
        scores = json.loads((self.folder / "run" / "scores.json").read_text())["test"]
        shown = self.figures("run")["runs"][0]["scores"]["test"]
        self.assertAlmostEqual(shown["accuracy"], scores["accuracy"])
        for mine, theirs in zip(shown["accuracy_95"], scores["accuracy_95"]):
            self.assertAlmostEqual(mine, theirs)

    def test_data_that_changed_is_not_shown(self):
        path = self.folder / "test.jsonl"
        before = path.read_text()
        try:
            path.write_text(before.replace(" of day ", " of daze "))
            text, _ = self.page("run", "--output", "changed.html", at="changed.html")
            self.assertIn("has changed since the run read it", text)
            self.assertNotIn("of daze", text)
        finally:
            path.write_text(before)

    def test_shows_the_diagnosis(self):
        path = self.folder / "run" / "diagnosis.json"
        path.write_text(json.dumps({"verdict": "not_learned", "summary": "Nothing was learned.",
                                    "findings": ["one label"], "advice": ["a higher rate"],
                                    "figures": {"first_loss": 0.7}}))
        text, _ = self.page("run", at="run/report.html")
        for words in ("Nothing was learned.", "one label", "a higher rate"):
            self.assertIn(words, text)


class OfSeveral(Report):
    def test_seeds_of_one_method_are_one_row(self):
        for seed in (1, 2):
            self.incipit("train", self.config, "--set", f"run.seed={seed}", "--set",
                         f"run.output_dir=seed_{seed}", "--set", f"run.name=prompt-{seed}", "--set",
                         "task.validation=train.jsonl", "--set", "task.on_overlap=warn")
        self.incipit("eval", self.config, "--set", "method.kind=none", "--set",
                     "run.output_dir=zero", "--set", "run.name=zero")
        comparison = self.figures("seed_1", "seed_2", "zero")["comparison"]
        names = [method["name"] for method in comparison["methods"]]
        self.assertEqual(names, ["majority", "prompt", "zero"])
        prompt = comparison["methods"][1]
        self.assertEqual(prompt["runs"], ["seed_1", "seed_2"])
        self.assertAlmostEqual(prompt["accuracy"], sum(prompt["accuracies"]) / 2)
        text, said = self.page("seed_1", "seed_2", "zero", at="report.html")
        self.assertIn("2 seeds", text)
        self.assertIn("zero-shot", text)
        self.assertRegex(said, r"(?m)^  prompt +2 ")

    def test_runs_of_several_sizes_have_a_learning_curve(self):
        dots = {}
        for size, seed in ((6, 1), (6, 2), (12, 1), (0, 1)):
            name = f"curve-{size}-{seed}"
            self.incipit("train", self.config, "--seed", seed, "--set", f"train.examples={size}",
                         "--set", f"run.output_dir={name}", "--set", f"run.name={name}", "--set",
                         "train.epochs=1", "--set", "task.validation=train.jsonl", "--set",
                         "task.on_overlap=warn")
            manifest = json.loads((self.folder / name / "manifest.json").read_text())
            train = manifest["splits"]["train"]
            self.assertEqual(train["examples"], size or 40)
            self.assertEqual(train.get("drawn_from"), 40 if size else None)
            scores = json.loads((self.folder / name / "scores.json").read_text())
            dots[name] = (size or 40, scores["test"]["accuracy"])
        figures = self.figures(*dots)
        (curve,) = figures["learning_curves"]
        self.assertEqual([point["examples"] for point in curve["points"]], [6, 12, 40])
        methods = figures["comparison"]["methods"]
        self.assertEqual(methods[curve["points"][0]["method"]]["runs"],
                         ["curve-6-1", "curve-6-2"])
        text, said = self.page(*dots, at="report.html")
        self.assertIn("accuracy against training examples", text)
        page = (self.folder / "report.html").read_text(encoding="utf8")
        chart = re.search(r'<section id="learning-curve">.*?</section>', page, re.DOTALL)[0]
        found = re.findall(r'<circle class="dot c0" cx="([\d.]+)" cy="[\d.]+" r="3">\s*'
                           r"<title>(.*?)</title>", chart)
        self.assertEqual({title for _, title in found},
                         {f"{name}, training examples {size}: {100 * accuracy:.1f} %"
                          for name, (size, accuracy) in dots.items()})
        middle = 46 + math.log(12 / 6) / math.log(40 / 6) * 304  # the axis is logarithmic
        places = sorted({float(x) for x, _ in found})
        for place, expected in zip(places, (46, middle, 350), strict=True):
            self.assertAlmostEqual(place, expected, delta=0.01)
        self.assertEqual(chart.count("(95 %: "), 3)  # an interval of each mean
        for size in (6, 12, 40):
            self.assertRegex(said, rf"(?m)^  curve +{size} +{2 if size == 6 else 1} ")
        self.assertNotIn("learning-curve", self.page_of("curve-6-1", "curve-6-2"))

    def test_runs_on_models_of_several_sizes_have_a_size_curve(self):
        with mock.patch.object(tiny, "LAYERS", 4):
            larger = sum(math.prod(shape) for shape in tiny.tensor_shapes().values())
            tiny.write_model(self.folder / "larger")
        small = sum(math.prod(shape) for shape in tiny.tensor_shapes().values())
        dots = {}
        for model, size in (("larger", larger), ("model", small)):
            for command, method in (("train", "prompt_tuning"), ("eval", "none")):
                name = f"{method}-{model}"
                self.incipit(command, self.config, "--set", f"model.path={self.folder / model}",
                             "--set", f"method.kind={method}", "--set", f"run.output_dir={name}",
                             "--set", f"run.name={name}")
                scores = json.loads((self.folder / name / "scores.json").read_text())
                dots[name] = (size, scores["test"]["accuracy"])
        manifest = self.folder / "none-model" / "manifest.json"
        noted = json.loads(manifest.read_text())
        self.assertEqual(noted["model"].pop("parameters"), small)
        manifest.write_text(json.dumps(noted))  # as of an earlier version: the model is read
        figures = self.figures(*dots)
        self.assertEqual([curve["name"] for curve in figures["size_curves"]],
                         ["prompt_tuning", "none"])
        for curve in figures["size_curves"]:
            self.assertEqual([point["parameters"] for point in curve["points"]], [small, larger])
        self.assertNotIn("learning_curves", figures)
        text, said = self.page(*dots, at="report.html")
        for name, (size, accuracy) in dots.items():
            self.assertIn(f"{name}, parameters of the model {size:,}: {100 * accuracy:.1f} %",
                          self.page_of(*dots))
        self.assertIn("accuracy against parameters of the model", text)
        self.assertRegex(said, rf"(?m)^  none +{larger:,} +1 ")
        text, _ = self.page("prompt_tuning-model", "none-model", at="report.html")
        self.assertIn("no method has runs on models of different sizes", text)

    def page_of(self, *runs):
        self.page(*runs, at="report.html")
        return (self.folder / "report.html").read_text(encoding="utf8")

    def test_training_examples_that_are_not_there_are_refused(self):
        for size in (1, 31):
            message = self.refused(2, "validate", self.config, "--set", f"train.examples={size}")
            self.assertIn("train.examples: must be between 2 (one of each label) and 30", message)
        done = self.incipit("validate", self.config, "--set", "train.examples=12")
        self.assertIn("of 12 examples drawn from 30", done.stdout)

    def test_intervals_are_those_of_scipy(self):
        better, worse = invented(240, 0.8, 1), invented(240, 0.7, 2)
        runs = [write_run(self.folder / "better", better), write_run(self.folder / "worse", worse)]
        comparison = self.figures(*runs)["comparison"]
        gain = next(each for each in comparison["gains"] if (each["of"], each["over"]) == (1, 2))
        differences = right(better) - right(worse)
        self.assertAlmostEqual(gain["gain"], differences.mean())
        expected = scipy.stats.bootstrap((differences,), numpy.mean, n_resamples=10000,
                                         method="percentile", rng=numpy.random.default_rng(3))
        low, high = expected.confidence_interval
        # Two draws of 10,000 agree to about 0.03 of a standard error.
        tolerance = 0.15 * expected.standard_error
        self.assertAlmostEqual(gain["gain_95"][0], low, delta=tolerance)
        self.assertAlmostEqual(gain["gain_95"][1], high, delta=tolerance)
        self.assertEqual(gain["excludes_zero"], bool(low > 0 or high < 0))
        majority = comparison["methods"][0]
        labels = [line["label"] for line in better]
        self.assertAlmostEqual(majority["accuracy"],
                               max(map(labels.count, set(labels))) / len(labels))

    def test_one_run_and_a_comparison_judge_alike(self):
        # The interval of 80 % is above the 60 % of the majority, but that of the gain includes 0.
        labels = ["yes"] * 24 + ["no"] * 16
        lines = [{"idx": i, "prediction": "no" if i < 8 else label, "label": label}
                 for i, label in enumerate(labels)]
        for runs, word in ((lines, "which may be chance."),
                           (lines * 4, "more than chance explains.")):
            lines = [line | {"idx": i} for i, line in enumerate(runs)]
            name = f"of_{len(lines)}"
            run = write_run(self.folder / name, lines)
            _, said = self.page(run, at=name + "/report.html")
            said = " ".join(said.split())
            self.assertIn("80.0 % are answered correctly (95 %: ", said)
            self.assertIn("would be right in 60.0 %. The gain over that, on the same examples, is "
                          "+20.0 points", said)
            self.assertIn(word, said)
            other = write_run(self.folder / (name + "_majority"),
                              [line | {"prediction": "yes"} for line in lines])
            gains = self.figures(run, other)["comparison"]["gains"]
            gain = next(each for each in gains if (each["of"], each["over"]) == (1, 0))
            self.assertEqual(gain["excludes_zero"], word.startswith("more"))
            shown = re.search(r"points \(95 %: (\S+) to (\S+)\)", said.replace("\u2212", "-"))
            for end, exact in zip(shown.groups(), gain["gain_95"], strict=True):
                self.assertAlmostEqual(float(end), 100 * exact, delta=0.051)

    def test_other_test_examples_are_refused(self):
        first = write_run(self.folder / "first", invented(20, 0.5, 1))
        fewer = write_run(self.folder / "fewer", invented(19, 0.5, 1))
        message = self.refused(2, "report", first, fewer)
        self.assertIn("19 examples, not 20", message)
        lines = invented(20, 0.5, 1)
        lines[7]["label"] = "maybe"
        other = write_run(self.folder / "other", lines)
        self.assertIn("example 8 is labelled 'maybe'", self.refused(2, "report", first, other))

    def test_what_is_no_run_is_refused(self):
        self.assertIn("no such run directory", self.refused(3, "report", "nowhere"))
        self.assertIn("predictions/test.jsonl", self.refused(3, "report", "model"))
        broken = write_run(self.folder / "broken", [])
        path = broken / "predictions" / "test.jsonl"
        path.write_text('{"idx": 1, "label": "yes"}\n')
        message = self.refused(3, "report", broken)
        self.assertIn("test.jsonl:1", message)
        self.assertIn("prediction", message)

    def test_hostile_text_stays_text(self):
        lines = [{"idx": HOSTILE, "prediction": HOSTILE, "label": "<b>", "scores":
                  {HOSTILE: -0.1, "<b>": -3}}]
        run = write_run(self.folder / "hostile", lines)
        text, _ = self.page(run, at="hostile/report.html")
        self.assertIn("</title><script>alert(1)</script>\"' onload=x \ufffd\u202e &amp;", text)


if __name__ == "__main__":
    program.main()
