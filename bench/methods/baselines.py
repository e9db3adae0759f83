"""Baselines that train no language model: each returns the figures of its record."""
import copy
import os
import sys

import numpy as np
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

import messages
from settings import CONFIG, ROOT, SCORED, SPLITS

sys.path.insert(0, str(ROOT / "scripts"))
import bag_of_words  # noqa: E402
import sentence_embeddings  # noqa: E402
import text_classifier  # noqa: E402

MODEL = ROOT / "models/smollm2-135m-instruct"


def majority():
    """Always the label that is the most common in train (the first one on a tie)."""
    counts = np.bincount(messages.labels("train"), minlength=len(messages.LABELS))
    row = np.log((counts + 1e-9 * (np.arange(len(counts)) == counts.argmax())) / counts.sum())
    return figures({split: [row.tolist()] * len(messages.labels(split)) for split in SPLITS})


def classifier(make_features):
    """Logistic regression; its regularisation is chosen by accuracy on validation."""
    splits = {split: text_classifier.read(file, "text", "office") for split, file in SPLITS.items()}
    features = make_features(splits["train"][1])
    found = {split: features(texts) for split, (_, texts, _) in splits.items()}
    model, _ = text_classifier.choose((found["train"], splits["train"][2]),
                                      (found["validation"], splits["validation"][2]))
    order = [model.classes_.tolist().index(label) for label in messages.LABELS]
    return figures({split: model.predict_log_proba(rows)[:, order].round(4).tolist()
                    for split, rows in found.items()})


def figures(rows):
    return {"validation": messages.cross_entropy(rows["validation"], "validation"),
            **{which: rows[which] for which in SCORED}}


class States:
    """The frozen model's last state of the template's last token, from transformers."""

    def __init__(self):
        self.tokenizer = AutoTokenizer.from_pretrained(MODEL)
        self.model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).model.eval()
        self.template = yaml.safe_load(CONFIG.read_text(encoding="utf8"))["task"]["template"]

    @torch.no_grad()
    def __call__(self, texts):
        tokens = [self.tokenizer.encode(self.template.replace("{text}", text),
                                        add_special_tokens=False) for text in texts]
        shared = os.path.commonprefix(tokens)  # the house rules are computed once
        rules = self.model(input_ids=torch.tensor([shared]), use_cache=True).past_key_values
        rows = []
        for each in tokens:
            rest = torch.tensor([each[len(shared):]])
            states = self.model(input_ids=rest, past_key_values=copy.deepcopy(rules))
            rows.append(states.last_hidden_state[0, -1])
        return torch.stack(rows).numpy()


METHODS = {
    "majority": majority,
    "bag of words": lambda: classifier(bag_of_words.make_features),
    "sentence embeddings": lambda: classifier(
        lambda texts: sentence_embeddings.Embeddings(sentence_embeddings.model_folder())),
    "linear probe": lambda: classifier(lambda texts: States()),
}
