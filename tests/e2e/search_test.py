#!/usr/bin/env python3
"""Search over words: tokens by gradient, phrases of a template.  search_test.py INCIPIT MPIRUN

tests/parity/word_search_test.py compares gradients and losses with transformers.
"""
import json
import shutil
import sys
from pathlib import Path

import program

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import html_check  # noqa: E402

TRAIN, VALIDATION = 8, 6
SETTINGS = [f"--set={each}" for each in (
    "search.passes=400", f"search.examples={TRAIN}", f"search.validation={VALIDATION}",
    "search.length=4", "search.candidates=3")]
PHRASES = """- {slot: opening, phrases: ["", "Look: ", "About "]}
- {slot: verb, phrases: [" is", " looks", " has the colour"]}
"""
WORDED = "{opening}{text}{verb}"


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


class WordSearch(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls()
        cls.stdout = test.search("whole").stdout
        cls.run_dir = cls.folder / "whole"
        cls.results = test.results_of("whole")
        test.write("phrases.yaml", PHRASES)

    def search(self, output, *options, **how):
        return self.incipit("search", self.config, *SETTINGS, "--output", output, *options, **how)

    def results_of(self, output):
        return json.loads((self.folder / output / "search.json").read_text(encoding="utf8"))

    def phrases(self, output, *options, **how):
        return self.search(output, "--phrases", "phrases.yaml", "--set",
                           f"task.template='{WORDED}'", *options, **how)

    def test_passes_are_counted_and_equal(self):
        entries = read_lines(self.run_dir / "search.jsonl")[1:]
        outcomes = self.results["outcomes"]
        search = outcomes["search"]
        self.assertLessEqual(search["passes_spent"], 400)
        self.assertLessEqual(outcomes["random"]["passes_spent"], search["passes_spent"])
        # What is left is too little for another choice of words.
        self.assertGreater(outcomes["random"]["passes_spent"] + TRAIN + VALIDATION,
                           search["passes_spent"])
        trained = sum("train_loss" in each for each in entries)
        judged = sum("validation_loss" in each for each in entries)
        gradients = len({tuple(each["words"]) for each in entries if "tokens" in each})
        # Both score the start, of which the journal has one entry.
        self.assertEqual(trained + 1, search["words_scored"] + outcomes["random"]["words_scored"])
        self.assertEqual((trained + 1) * TRAIN + (judged + 1) * VALIDATION + gradients * 2 * TRAIN,
                         search["passes_spent"] + outcomes["random"]["passes_spent"])

    def test_the_words_found_are_those_with_the_lowest_validation_loss(self):
        for outcome in ("search", "random"):
            found = self.results["outcomes"][outcome]
            steps = found["steps"]
            self.assertEqual(found["validation_loss"], min(each["validation_loss"] for each in steps))
            losses = [each["train_loss"] for each in steps]
            self.assertEqual(losses, sorted(losses, reverse=True))
            self.assertEqual(len(found["texts"][0]), 4)
        start = self.results["outcomes"]["start"]
        self.assertLess(self.results["outcomes"]["search"]["train_loss"], start["train_loss"])

    def test_the_run_has_the_words(self):
        found = self.results["outcomes"]["search"]
        done = self.incipit("eval", self.run_dir, "--json")
        self.assertAlmostEqual(json.loads(done.stdout)["scores"]["test"]["accuracy"],
                               found["splits"]["test"]["metrics"]["accuracy"])
        shown = self.incipit("show", self.run_dir, "--split", "test", "--json").stdout
        self.assertIn(json.dumps(found["texts"][0])[1:-1], shown)
        self.assertIn("better than random (95 %", self.stdout)

    def test_a_start_is_used(self):
        self.search("started", "--set", "search.start='Now, '", "--set", "search.passes=60")
        start = self.results_of("started")["outcomes"]["start"]
        self.assertEqual(start["texts"], ["Now, "])
        message = self.search("refused", "--set", "search.start='a</s>'", code=2).stderr
        self.assertIn("search.start: 'a</s>' has other tokens before the task's text", message)

    def test_a_stopped_search_continues(self):
        journal = (self.run_dir / "search.jsonl").read_text(encoding="utf8").splitlines(True)
        again = self.folder / "again"
        shutil.copytree(self.run_dir, again)
        (again / "search.json").unlink()
        kept = "".join(journal[:12]) + journal[12][:20]
        (again / "search.jsonl").write_text(kept, encoding="utf8")
        done = self.search("again")
        self.assertIn("11 steps of the search are there already", done.stderr)
        self.assertEqual(self.results_of("again"), self.results)
        self.assertEqual((again / "search.jsonl").read_text(encoding="utf8"), "".join(journal))

    def test_a_larger_budget_continues_too(self):
        shutil.copytree(self.run_dir, self.folder / "more")
        done = self.search("more", "--set", "search.passes=500")
        self.assertIn("steps of the search are there already", done.stderr)
        steps = self.results_of("more")["outcomes"]["search"]["steps"]
        known = self.results["outcomes"]["search"]["steps"]
        self.assertEqual(steps[:len(known)], known)
        self.search("more", "--set", "run.seed=6")
        self.assertTrue((self.folder / "more.1" / "search.json").exists(), "another search")

    def test_two_ranks_find_the_same(self):
        for name, setting in ("data", "parallel.data=2"), ("tensor", "parallel.tensor=2"), (
                "pipeline", "parallel.pipeline=2"), ("fsdp", "parallel.fsdp=2"):
            self.search(name, "--set", setting, ranks=2)
            outcomes = self.results_of(name)["outcomes"]
            for outcome, expected in self.results["outcomes"].items():
                self.assertEqual(outcomes[outcome]["texts"], expected["texts"], name)
                self.assertAlmostEqual(outcomes[outcome]["train_loss"], expected["train_loss"],
                                       places=5)

    def test_phrases(self):
        self.phrases("phrases")
        results = self.results_of("phrases")
        self.assertEqual(results["slots"], ["opening", "verb"])
        found = results["outcomes"]["search"]
        entries = [each for each in read_lines(self.folder / "phrases" / "search.jsonl")[1:]
                   if "train_loss" in each]
        losses = {tuple(each["words"]): each["train_loss"] for each in entries}
        self.assertEqual(min(losses.values()), found["steps"][-1]["train_loss"])
        template = "".join([found["texts"][0], "{text}", found["texts"][1]])
        done = self.incipit("eval", self.config, "--set", "method.kind=none", "--set",
                            f"task.template='{template}'", "--set", "run.output_dir=worded", "--json")
        self.assertAlmostEqual(json.loads(done.stdout)["scores"]["test"]["accuracy"],
                               found["splits"]["test"]["metrics"]["accuracy"])

    def test_phrases_take_few_shot_examples(self):
        self.phrases("shots", "--set", "task.shots=2")
        message = self.search("refused", "--set", "task.shots=2", code=2).stderr
        self.assertIn("task.shots: a search over tokens puts them before the input", message)

    def test_the_page_shows_the_words(self):
        page = (self.run_dir / "report.html").read_text(encoding="utf8")
        html_check.check(page)
        self.assertIn("Every improvement: search", page)
        self.incipit("report", self.run_dir, "--output", "again.html")
        self.assertEqual((self.folder / "again.html").read_text(encoding="utf8"), page)

    def test_what_it_cannot_do_without(self):
        message = self.search("none", "--set", "search.passes=5", code=2).stderr
        self.assertIn("search.passes: is 5; scoring the start takes 14", message)
        message = self.search("none", "--set", "search.examples=1", code=2).stderr
        self.assertIn("search.examples: is 1; expected at least one example of each of the 2 labels",
                      message)
        self.write("wrong.yaml", "- {slot: ending, phrases: [a]}\n")
        message = self.search("none", "--phrases", "wrong.yaml", code=2).stderr
        self.assertIn("wrong.yaml:1:4: slot 1.slot: task.template has no {ending}", message)


if __name__ == "__main__":
    program.main()
