#!/usr/bin/env python3
"""Log-likelihoods of every candidate on 50 examples of every task of SuperGLUE, against transformers.

    superglue_test.py TOOL MODEL_DIR SHARED

The texts of sources and candidates come from the program (the golden tests compare them); tokenizer and
model are transformers'. The model is a small random one with the tokenizer of MODEL_DIR, so that
thousands of rows take seconds; bench/evaluation compares the default model's own log-likelihoods.
AX-b and AX-g have no files beside the repository: their records are invented here.
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402

import plain_scores  # noqa: E402

TOOL, MODEL = sys.argv[1], Path(sys.argv[2])
DATA = Path(os.environ.get("INCIPIT_SHARED", sys.argv[3])) / "data" / "superglue"
EXAMPLES, WITHIN = 50, 1e-3

# Folder and file of each task; several files are put after each other.
FILES = {"boolq": ("BoolQ", ["val-head2000.jsonl"]), "cb": ("CB", ["val.jsonl"]),
         "copa": ("COPA", ["val.jsonl"]), "multirc": ("MultiRC", ["train32.jsonl"]),
         "record": ("ReCoRD", ["train32.jsonl", "dev32.jsonl"]), "rte": ("RTE", ["val.jsonl"]),
         "wic": ("WiC", ["train32.jsonl", "dev32.jsonl"]), "wsc": ("WSC", ["val.jsonl"])}
WORDS = "the old mill by a quiet river turns slowly while nobody but some heron is there".split()


def invented(task):
    """Lines of a diagnostic task."""
    draw = random.Random(task)
    first, second = ("sentence1", "sentence2") if task == "axb" else ("premise", "hypothesis")
    for i in range(EXAMPLES):
        yield json.dumps({first: " ".join(draw.choices(WORDS, k=12)) + ".",
                          second: " ".join(draw.choices(WORDS, k=6)) + ".", "idx": i,
                          "pair_id": i, "label": draw.choice(["entailment", "not_entailment"])})


class SuperGlue(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="incipit-superglue-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        model = cls.folder / "model"
        model.mkdir()
        for file in MODEL.glob("*token*"):
            shutil.copy(file, model)
        cls.tokenizer = AutoTokenizer.from_pretrained(MODEL)
        torch.manual_seed(5)
        cls.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=len(cls.tokenizer), hidden_size=48, intermediate_size=96,
            num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, initializer_range=0.3,
            max_position_embeddings=4096, tie_word_embeddings=True)).eval()
        cls.model.save_pretrained(model)

    def ours(self, task, lines):
        (self.folder / f"{task}.jsonl").write_text("\n".join(lines), encoding="utf8")
        config = self.folder / f"{task}.yaml"
        config.write_text(
            f"model: {{path: {self.folder}/model, dtype: float32}}\nmethod: {{kind: none}}\n"
            f"task: {{name: {task}, data_dir: {self.folder}, train: '', validation: 0, "
            f"test: {task}.jsonl}}\neval: {{score: sum}}\n", encoding="utf8")
        request = {"examples": EXAMPLES, "threads": 2, "repeat": 1}
        done = subprocess.run([TOOL, str(config)], input=json.dumps(request), text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["examples"]

    def questions(self, examples):
        """With ids by transformers' tokenizer; a source that was cut keeps the program's."""
        def ids(text):
            return self.tokenizer(text, add_special_tokens=False)["input_ids"]

        for example in examples:
            if not example["truncated"]:
                self.assertEqual(example["source_ids"], ids(example["source"]))
            candidates = [ids(candidate["text"]) for candidate in example["candidates"]]
            self.assertEqual(candidates, [c["ids"] for c in example["candidates"]])
            yield {"line": example["line"], "source": example["source_ids"],
                   "candidates": candidates}

    def check(self, task, lines):
        examples = self.ours(task, lines)
        self.assertEqual(len(examples), EXAMPLES)
        expected = plain_scores.trimmed(self.model, list(self.questions(examples)), 16)
        for example, scores in zip(examples, expected, strict=True):
            self.assertGreater(len(scores), 1, f"{task}, line {example['line']}")
            for found, wanted in zip(example["scores"], scores, strict=True):
                self.assertAlmostEqual(found, wanted, delta=WITHIN,
                                       msg=f"{task}, line {example['line']}")

    def test_tasks_of_the_benchmark(self):
        if not DATA.exists():
            self.skipTest(f"no SuperGLUE files under {DATA}")
        for task, (folder, files) in FILES.items():
            with self.subTest(task):
                lines = [line for file in files
                         for line in (DATA / folder / file).read_text("utf8").splitlines()]
                self.check(task, lines)

    def test_diagnostic_tasks(self):
        for task in ("axb", "axg"):
            with self.subTest(task):
                self.check(task, list(invented(task)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
