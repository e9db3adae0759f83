#!/usr/bin/env python3
"""Templates of a task against each other.  compare_test.py INCIPIT MPIRUN"""
import json
import math
import statistics
import sys
from pathlib import Path

import program

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import html_check  # noqa: E402

TEMPLATES = """# Three ways to ask.
- name: as it is
- {name: asked, template: "Which colour has {text}?"}
- name: shouted
  template: "{text}!"
  verbalizer: {blue: " BLUE", green: " GRN"}
"""


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


class Compare(program.ProgramTest):
    def setUp(self):
        self.templates = self.write("templates.yaml", TEMPLATES)

    def compare(self, output, *options, **how):
        done = self.incipit("compare", self.config, "--templates", self.templates, "--output",
                            output, *options, **how)
        return self.folder / output, done

    def test_leaves_the_best_template_as_a_run(self):
        run, done = self.compare("best")
        chosen = json.loads((run / "templates.json").read_text())
        scores = {each["name"]: each["accuracy"] for each in chosen["templates"]}
        self.assertEqual(list(scores), ["as it is", "asked", "shouted"])
        # The first of the best ones, and the table from the best to the worst.
        self.assertEqual(chosen["best"], max(scores, key=scores.get))
        order = sorted(scores, key=lambda name: -scores[name])
        places = [done.stdout.index(f"\n  {name} ") for name in order]
        self.assertEqual(places, sorted(places))
        predictions = read_lines(run / "predictions" / "test.jsonl")
        right = sum(each["prediction"] == each["label"] for each in predictions)
        test = json.loads((run / "scores.json").read_text())["test"]
        self.assertAlmostEqual(test["accuracy"], right / 12)
        self.assertIn("kind: none", (run / "config.yaml").read_text())

    def test_the_report_has_all_templates(self):
        run, _ = self.compare("reported")
        self.incipit("report", run)
        page = (run / "report.html").read_text(encoding="utf8")
        html_check.check(page)
        chosen = json.loads((run / "templates.json").read_text())
        table = page[page.index("<h2>Templates"):]
        table = table[:table.index("</table>")]
        for each in sorted(chosen["templates"], key=lambda each: -each["accuracy"]):
            cells = (f"{each['name']}</th>", f"{100 * each['accuracy']:.1f} %",
                     f"{100 * each['on_format']:.1f} %", f"{100 * each['calibration_error']:.1f} %")
            for cell in cells:
                self.assertIn(cell, table)
                table = table[table.index(cell) + len(cell):]
        (run / "templates.json").write_text('{"templates": []}')
        self.assertIn("templates.json: has no scores of templates", self.refused(3, "report", run))

    def test_shows_the_majority_and_whether_the_best_is_above_on_test(self):
        run, done = self.compare("majority")
        chosen = json.loads((run / "templates.json").read_text())
        self.assertRegex(done.stdout, rf"\n  majority +- +{chosen['majority']['accuracy']:.4f}")
        test = json.loads((run / "scores.json").read_text())["test"]
        low, high = test["accuracy_95"]
        self.assertRegex(done.stdout, rf"accuracy {test['accuracy']:.4f} \(95 %: {low:.4f} to "
                                      rf"{high:.4f}\).*, 12 examples")
        labels = [each["label"] for each in read_lines(run / "predictions" / "test.jsonl")]
        majority = max(map(labels.count, labels)) / len(labels)
        word = "surely above" if low > majority else "below" if high < majority else "undecided"
        self.assertRegex(done.stdout, rf"always '.*' has accuracy {majority:.4f} on test; .*{word}")

    def test_shows_how_far_answers_are_in_the_format_and_can_be_trusted(self):
        """Guo et al. 2017: ten bins of confidence, from the scores of a separate evaluation."""
        run, done = self.compare("format")
        chosen = json.loads((run / "templates.json").read_text())
        best = next(each for each in chosen["templates"] if each["name"] == chosen["best"])
        self.incipit("eval", run / "config.yaml", "--split", "validation", "--set",
                     "run.output_dir=format_eval")
        mass, bins = [], {}
        for line in read_lines(self.folder / "format_eval" / "predictions" / "validation.jsonl"):
            weights = {label: math.exp(score) for label, score in line["scores"].items()}
            mass.append(sum(weights.values()))
            confidence = max(weights.values()) / mass[-1]
            right = max(weights, key=weights.get) == line["label"]
            bins.setdefault(min(int(confidence * 10), 9), []).append(confidence - right)
        self.assertAlmostEqual(best["on_format"], statistics.fmean(mass))
        error = sum(abs(sum(each)) for each in bins.values()) / len(mass)
        self.assertAlmostEqual(best["calibration_error"], error)
        scores = [each["accuracy"] for each in chosen["templates"]]
        self.assertAlmostEqual(chosen["spread"]["mean"], statistics.fmean(scores))
        self.assertAlmostEqual(chosen["spread"]["sd"], statistics.stdev(scores))
        self.assertEqual((chosen["spread"]["worst"], chosen["spread"]["best"]),
                         (min(scores), max(scores)))
        self.assertIn(f"mean {statistics.fmean(scores):.4f} (sd", done.stdout)
        self.assertRegex(done.stdout, r"on format +calibration error")

    def test_generated_answers_are_in_the_format_if_they_are_labels(self):
        run, done = self.compare("generated", "--set", "task.answer=generate", "--set",
                                 "task.max_answer_tokens=4")
        chosen = json.loads((run / "templates.json").read_text())
        for each in chosen["templates"]:
            self.assertTrue(0 <= each["on_format"] <= 1)
            self.assertLessEqual(each["accuracy"], each["on_format"])
            self.assertNotIn("calibration_error", each)
        self.assertNotIn("calibration error", done.stdout)

    def test_the_run_repeats_from_its_configuration(self):
        run, _ = self.compare("again")
        self.incipit("eval", run / "config.yaml", "--set", "run.output_dir=again_eval")
        self.assertEqual(read_lines(run / "predictions" / "test.jsonl"),
                         read_lines(self.folder / "again_eval" / "predictions" / "test.jsonl"))

    def test_two_ranks_choose_alike(self):
        one, _ = self.compare("one")
        two, done = self.compare("two", ranks=2)
        first, second = (json.loads((run / "templates.json").read_text()) for run in (one, two))
        for a, b in zip(first["templates"], second["templates"], strict=True):
            for key in ("on_format", "calibration_error"):  # of probabilities, which are rounded
                self.assertAlmostEqual(a.pop(key), b.pop(key), places=5)
        self.assertEqual(first, second)
        self.assertEqual(done.stdout.count("3 templates"), 1)

    def test_demonstrations_stand_before_every_template(self):
        run, _ = self.compare("shots", "--set", "task.shots=2")
        self.assertIn("shots: 2", (run / "config.yaml").read_text())

    def test_every_input_may_have_examples_of_its_own(self):
        nearest = ["--set", "task.shots=2", "--set", "task.shot_choice=nearest"]
        run, done = self.compare("nearest", *nearest)
        self.assertIn("every input shows the 2 nearest of 30 training examples", done.stderr)
        alone = read_lines(run / "predictions" / "test.jsonl")
        for mesh in "data", "tensor", "pipeline", "fsdp":
            run, _ = self.compare(f"nearest_{mesh}", *nearest, "--set", f"parallel.{mesh}=2", ranks=2)
            for mine, theirs in zip(alone, read_lines(run / "predictions" / "test.jsonl"),
                                    strict=True):
                for label, score in mine["scores"].items():
                    self.assertAlmostEqual(theirs["scores"][label], score, places=4)
        message = self.refused(2, "order", self.config, *nearest)
        self.assertIn("task.shot_choice: nearest is for incipit eval and compare", message)

    def test_all_mistakes_of_the_list_at_once(self):
        self.templates = self.write("bad.yaml", "- {name: a, temlate: x}\n- {template: y}\n")
        message = self.refused(2, "compare", self.config, "--templates", self.templates)
        self.assertIn("bad.yaml:1:13: unknown key 'template 1.temlate'", message)
        self.assertIn("bad.yaml:2:3: template 2.name: missing", message)

    def test_names_the_template_whose_field_no_record_has(self):
        self.templates = self.write(
            "absent.yaml", '- name: good\n- {name: absent, template: "{note}:"}\n')
        message = self.refused(3, "compare", self.config, "--templates", self.templates, "--output",
                               "absent")
        self.assertIn("template 'absent': ", message)
        self.assertIn("no field 'note'", message)

    def test_what_it_cannot_do_without(self):
        self.assertIn("--templates is missing", self.refused(2, "compare", self.config))
        message = self.refused(2, "compare", self.config, "--templates", self.templates, "--set",
                               "task.validation=0")
        self.assertIn("task.validation: missing", message)


if __name__ == "__main__":
    program.main()
