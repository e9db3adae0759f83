#!/usr/bin/env python3
"""Templates of a task against each other.  compare_test.py INCIPIT MPIRUN"""
import json

import program

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

    def test_shows_the_majority_and_whether_the_best_is_above(self):
        run, done = self.compare("majority")
        chosen = json.loads((run / "templates.json").read_text())
        self.assertRegex(done.stdout, rf"\n  majority +- +{chosen['majority']['accuracy']:.4f}")
        best = next(each for each in chosen["templates"] if each["name"] == chosen["best"])
        low, high = best["accuracy_95"]
        word = ("surely above" if low > chosen["majority"]["accuracy"] else
                "below" if high < chosen["majority"]["accuracy"] else "undecided")
        self.assertIn(word, done.stdout)
        self.assertIn(f"always '{chosen['majority']['answer']}'", done.stdout)

    def test_the_run_repeats_from_its_configuration(self):
        run, _ = self.compare("again")
        self.incipit("eval", run / "config.yaml", "--set", "run.output_dir=again_eval")
        self.assertEqual(read_lines(run / "predictions" / "test.jsonl"),
                         read_lines(self.folder / "again_eval" / "predictions" / "test.jsonl"))

    def test_two_ranks_choose_alike(self):
        one, _ = self.compare("one")
        two, done = self.compare("two", ranks=2)
        self.assertEqual((one / "templates.json").read_text(), (two / "templates.json").read_text())
        self.assertEqual(done.stdout.count("3 templates"), 1)

    def test_demonstrations_stand_before_every_template(self):
        run, _ = self.compare("shots", "--set", "task.shots=2")
        self.assertIn("shots: 2", (run / "config.yaml").read_text())

    def test_all_mistakes_of_the_list_at_once(self):
        self.templates = self.write("bad.yaml", "- {name: a, temlate: x}\n- {template: y}\n")
        message = self.refused(2, "compare", self.config, "--templates", self.templates)
        self.assertIn("bad.yaml:1:13: unknown key 'template 1.temlate'", message)
        self.assertIn("bad.yaml:2:3: template 2.name: missing", message)

    def test_what_it_cannot_do_without(self):
        self.assertIn("--templates is missing", self.refused(2, "compare", self.config))
        message = self.refused(2, "compare", self.config, "--templates", self.templates, "--set",
                               "task.validation=0")
        self.assertIn("task.validation: missing", message)


if __name__ == "__main__":
    program.main()
