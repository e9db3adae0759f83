#!/usr/bin/env python3
"""Few-shot examples that are the nearest to each query, against transformers.

    nearest_shots_test.py INCIPIT MODEL_DIR

The mean over a source's tokens of transformers' last hidden states says here which training examples are
the nearest (cosine). The program's log-likelihoods must be those after these examples, the nearest last.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

import plain_scores  # noqa: E402

INCIPIT, MODEL = sys.argv[1], Path(sys.argv[2])
WITHIN = 1e-3
SHOTS = 3
ANSWERS = {"good": " good", "bad": " very bad"}
TRAIN = [("The soup was warm and the bread fresh.", "good"), ("Nobody answered the bell.", "bad"),
         ("The tiles were loose and it rained in.", "bad"), ("A quiet room above the harbour.", "good"),
         ("We waited two hours for cold tea.", "bad"), ("They lent us boots for the walk.", "good"),
         ("The roof leaks over the bed.", "bad"), ("Fresh rolls and jam every morning.", "good")]
TEST = ["Rain came in through the roof.", "Breakfast comes with plums from the garden.",
        "The key did not fit.", "The tea was cold, and so was the soup."]


def source(text):
    return f"Review: {text}\nSentiment:"


class NearestShots(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not MODEL.exists():
            raise unittest.SkipTest(f"{MODEL} is missing: run scripts/setup.sh")
        cls.tokenizer = AutoTokenizer.from_pretrained(MODEL)
        cls.model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()

    def tokens(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    @torch.no_grad()
    def state(self, text):
        out = self.model.model(input_ids=torch.tensor([self.tokens(source(text))]))
        return torch.nn.functional.normalize(out.last_hidden_state[0].double().mean(0), dim=0)

    def expected(self):
        """Log-likelihoods of the answers to TEST, and the examples that each query shows."""
        pool = torch.stack([self.state(text) for text, _ in TRAIN])
        questions, shown = [], []
        for text in TEST:
            similar = pool @ self.state(text)
            nearest = torch.argsort(similar, descending=True, stable=True)[:SHOTS].flip(0).tolist()
            before = []
            for index in nearest:
                demonstration, label = TRAIN[index]
                for part in (source(demonstration), ANSWERS[label], "\n\n"):
                    before += self.tokens(part)
            questions.append({"source": before + self.tokens(source(text)),
                              "candidates": [self.tokens(each) for each in ANSWERS.values()]})
            shown.append(nearest)
        return plain_scores.plain(self.model, questions, batch_size=8), shown

    def test_every_query_has_its_own(self):
        expected, shown = self.expected()
        self.assertGreater(len(set(map(tuple, shown))), 1, "queries with different examples")
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            write = lambda name, records: (folder / name).write_text(  # noqa: E731
                "".join(json.dumps(each) + "\n" for each in records))
            write("train.jsonl", [{"text": text, "label": label} for text, label in TRAIN])
            write("test.jsonl", [{"text": text, "label": "good"} for text in TEST])
            (folder / "run.yaml").write_text(f"""
run: {{name: nearest, output_dir: {folder}/run}}
model: {{path: {MODEL}, dtype: float32}}
method: {{kind: none}}
task:
  data_dir: {folder}
  train: train.jsonl
  validation: 0
  test: test.jsonl
  template: "Review: {{text}}\\nSentiment:"
  verbalizer: {{good: "{ANSWERS['good']}", bad: "{ANSWERS['bad']}"}}
  shots: {SHOTS}
  shot_choice: nearest
""")
            subprocess.run([INCIPIT, "eval", folder / "run.yaml"], check=True, capture_output=True)
            lines = (folder / "run" / "predictions" / "test.jsonl").read_text().splitlines()
        for line, right in zip(lines, expected, strict=True):
            found = json.loads(line)["scores"]
            for label, value in zip(ANSWERS, right):
                self.assertAlmostEqual(found[label], value, delta=WITHIN)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
