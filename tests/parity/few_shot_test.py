#!/usr/bin/env python3
"""Few-shot log-likelihoods, PMI and calibrated scores, against transformers and plain Python.

    few_shot_test.py TOOL MODEL_DIR

The tokens of few-shot examples and sources are tokenised here from the records; the program's must be
the same. PMI (Holtzman et al. 2021) and contextual calibration (Zhao et al. 2021) are computed here
from transformers' log-likelihoods.
"""
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

import plain_scores  # noqa: E402

TOOL, MODEL = sys.argv[1], Path(sys.argv[2])
WITHIN = 1e-3
ANSWERS = {"good": " good", "bad": " very bad"}  # of different lengths
TRAIN = [("The soup was warm and the bread fresh.", "good"), ("Nobody answered the bell.", "bad"),
         ("The tiles were loose and it rained in.", "bad"), ("A quiet room above the harbour.", "good"),
         ("We waited two hours for cold tea.", "bad"), ("They lent us boots for the walk.", "good")]
TEST = ["The lamp flickers all night.", "Breakfast comes with plums from the garden.",
        "The key did not fit.", "Good beds.", "A goat ate the map, and the owner laughed with us."]
GIVEN = [5, 1, 6, 2]  # lines of train


def source(text):
    return f"Review: {text}\nSentiment:"


class FewShot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not MODEL.exists():
            raise unittest.SkipTest(f"{MODEL} is missing: run scripts/setup.sh")
        cls.folder = Path(tempfile.mkdtemp(prefix="incipit-few-shot-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.write("train.jsonl", [{"text": text, "label": label} for text, label in TRAIN])
        cls.write("test.jsonl", [{"text": text, "label": "good"} for text in TEST])
        (cls.folder / "run.yaml").write_text(f"""
model: {{path: {MODEL}, dtype: float32}}
method: {{kind: none}}
task:
  data_dir: {cls.folder}
  train: train.jsonl
  validation: 0
  test: test.jsonl
  template: "Review: {{text}}\\nSentiment:"
  verbalizer: {{good: "{ANSWERS['good']}", bad: "{ANSWERS['bad']}"}}
  shots: 4
  shot_lines: {GIVEN}
""")
        cls.tokenizer = AutoTokenizer.from_pretrained(MODEL)
        cls.model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
        cls.prefix = []
        for line in GIVEN:
            text, label = TRAIN[line - 1]
            for part in (source(text), ANSWERS[label], "\n\n"):
                cls.prefix += cls.tokenizer.encode(part, add_special_tokens=False)
        cls.candidates = [cls.tokenizer.encode(text, add_special_tokens=False)
                          for text in ANSWERS.values()]

    @classmethod
    def write(cls, name, records):
        (cls.folder / name).write_text("".join(json.dumps(each) + "\n" for each in records))

    def ask(self, score, **more):
        request = {"examples": 0, "threads": 2, "repeat": 1, **more}
        done = subprocess.run([TOOL, self.folder / "run.yaml", "--set", f"eval.score={score}"],
                              input=json.dumps(request), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def plain(self, texts, before=None):
        """Log-likelihoods of the candidates after each text, one padded row for each."""
        before = self.prefix if before is None else before
        questions = [{"source": before + self.tokenizer.encode(source(text), add_special_tokens=False),
                      "candidates": self.candidates} for text in texts]
        return plain_scores.plain(self.model, questions, batch_size=10)

    def compare(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for scores, right in zip(found, expected):
            for a, b in zip(scores, right):
                self.assertAlmostEqual(a, b, delta=WITHIN)

    def test_sums_equal_transformers(self):
        answer = self.ask("sum")
        self.assertEqual(answer["prefix_ids"], self.prefix)
        self.compare([each["scores"] for each in answer["examples"]], self.plain(TEST))

    def test_one_batch_may_have_few_shot_examples_and_a_soft_prompt(self):
        prompt = self.tokenizer.encode("Is the guest happy?", add_special_tokens=False)
        together = self.ask("sum", soft_prompt=prompt)["together"]
        self.compare(together["task"], self.plain(TEST))
        self.compare(together["soft_prompt"], self.plain(TEST, before=prompt))

    def test_pmi_is_less_the_score_after_an_empty_input(self):
        answer = self.ask("pmi")
        empty = self.plain([""])[0]
        self.compare([each["scores"] for each in answer["examples"]],
                     [[a - b for a, b in zip(scores, empty)] for scores in self.plain(TEST)])

    def test_calibrated_scores_divide_by_the_probability_without_content(self):
        def probabilities(scores):
            weights = [math.exp(score) for score in scores]
            return [weight / sum(weights) for weight in weights]

        answer = self.ask("calibrated")
        free = [probabilities(scores) for scores in self.plain(["N/A", "[MASK]", ""])]
        mean = [sum(each) / len(free) for each in zip(*free)]
        self.compare([each["scores"] for each in answer["examples"]],
                     [[math.log(p / m) for p, m in zip(probabilities(scores), mean)]
                      for scores in self.plain(TEST)])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
