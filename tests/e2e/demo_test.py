#!/usr/bin/env python3
"""scripts/demo.sh on a tiny model and few steps.  demo_test.py INCIPIT MPIRUN"""
import json
import os
import subprocess
import unittest
from pathlib import Path

import program
import tiny

PROJECT = Path(__file__).resolve().parents[2]
CHAT = {"begin": "", "user": {"before": "<s>user\n", "after": "</s>\n"},
        "user_after_system": {"before": "<s>user\n", "after": "</s>\n"},
        "system": {"before": "<s>system\n", "after": "</s>\n"},
        "assistant": {"before": "<s>assistant\n", "after": "</s>\n"},
        "generation_prompt": "<s>assistant\n", "format": 1}
RUNS = {"short-prompt", "zero-shot", "bag-of-words", *(f"few-shot-{n}" for n in range(1, 6)),
        *(f"soft-prompt-{n}" for n in range(1, 4))}


class Demo(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        tiny.POSITIONS = 16384  # demonstrations, and a token for every byte
        super().setUpClass()
        (cls.folder / "model" / "incipit_chat.json").write_text(json.dumps(CHAT))
        # Few messages, in the layout of the task.
        for split in ("train", "validation", "test"):
            lines = (PROJECT / "configs/tasks/town_hall" / f"{split}.jsonl").read_text(
                encoding="utf8").splitlines(keepends=True)
            (cls.folder / f"{split}.jsonl").write_text("".join(lines[:48]), encoding="utf8")

    def demo(self, *options, runs="runs"):
        sets = ("model.path=" + str(self.folder / "model"), "model.dtype=float32",
                "train.steps=2", "train.eval_every=1")
        command = ["bash", str(PROJECT / "scripts/demo.sh"), "--no-setup", "--runs",
                   str(self.folder / runs), "--data", str(self.folder), *options,
                   *(word for each in sets for word in ("--set", each))]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf8",
                              timeout=280, env=os.environ | {"INCIPIT": program.INCIPIT})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_from_nothing_to_a_table_and_again(self):
        text = self.demo()
        runs = self.folder / "runs"
        for run in RUNS:
            self.assertTrue((runs / run / "predictions" / "test.jsonl").exists(), run)
            self.assertRegex(text, rf"ok  {run} +\d+ s    test accuracy \d+\.\d %")
        comparison = json.loads((runs / "figures.json").read_text())["comparison"]
        methods = {each["name"]: len(each["runs"]) for each in comparison["methods"]}
        self.assertEqual(methods, {"majority": 0, "bag-of-words": 1, "zero-shot": 1,
                                   "few-shot": 5, "soft-prompt": 3})
        for gain in ("soft prompt over few-shot", "short prompt over zero-shot"):
            self.assertRegex(text, gain + r" +[+-]\d+\.\d points, 95 %: ")
        answer, rest = text.index("It answers"), text.index("The rest, six methods compared,")
        self.assertLess(text.index("ok  short-prompt"), answer)
        self.assertLess(answer, rest)
        self.assertLess(rest, text.index("ok  zero-shot"))
        self.assertIn("report.html", text)
        again = self.demo()  # what is finished stays
        self.assertEqual(again.count("kept"), len(RUNS), again)

    def test_the_quick_one_answers_and_stops(self):
        text = self.demo("--quick", "--say", "The lamp post hums", runs="quick")
        self.assertIn("The lamp post hums", text)
        offices = [float(line.split()[1]) for line in text.splitlines() if line.endswith(" %")
                   and len(line.split()) == 3]
        self.assertEqual((len(offices), offices), (6, sorted(offices, reverse=True)), text)
        self.assertAlmostEqual(sum(offices), 100, delta=0.5)
        self.assertRegex(text, r"\d+ minutes and \d+ seconds so far")
        self.assertRegex(text, r"compared take about \d+ minutes here: bash scripts/demo\.sh")
        runs = {each.parent.name for each in (self.folder / "quick").glob("*/scores.json")}
        self.assertEqual(runs, {"short-prompt"})


if __name__ == "__main__":
    program.main()
