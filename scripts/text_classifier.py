"""Logistic regression on features of texts, as a run directory that `incipit report` reads."""
import argparse
import json
import os
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score

STRENGTHS = [0.1, 0.3, 1, 3, 10, 30, 100, 300]


def read(path, text, label):
    records = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
    ids = [record.get("idx", number) for number, record in enumerate(records)]
    return ids, [record[text] for record in records], [record[label] for record in records]


def write_atomically(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(content, encoding="utf8")
    os.replace(unfinished, path)


def choose(train, validation):
    """Returns the model that is best on the validation split, and its score.

    Each split is (features, labels). On ties the most regularised model wins.
    """
    best, best_score = None, -1.0
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=2000).fit(*train)
        score = model.score(*validation)
        if score > best_score:
            best, best_score = model, score
    return best, best_score


def run(name, description, make_features):
    """The whole script: reads the splits, trains, and writes predictions and scores.

    make_features(texts of train) returns a function from texts to a matrix, a row for each text.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--text", default="text", help="field of the text")
    parser.add_argument("--label", default="label", help="field of the label")
    arguments = parser.parse_args()
    train, validation, test = (read(arguments.data_dir / f"{split}.jsonl", arguments.text,
                                    arguments.label) for split in ("train", "validation", "test"))
    features = make_features(train[1])
    model, validation_score = choose((features(train[1]), train[2]),
                                     (features(validation[1]), validation[2]))
    ids, texts, labels = test
    likelihoods = np.atleast_2d(model.predict_log_proba(features(texts)))
    predictions = model.classes_[likelihoods.argmax(axis=1)].tolist()
    lines = [json.dumps({"idx": idx, "prediction": prediction, "label": label,
                         "scores": dict(zip(model.classes_.tolist(), row.tolist()))},
                        ensure_ascii=False) + "\n"
             for idx, prediction, label, row in zip(ids, predictions, labels, likelihoods)]
    write_atomically(arguments.run_dir / "predictions" / "test.jsonl", "".join(lines))
    scores = {"validation": {"examples": len(validation[2]), "accuracy": validation_score},
              "test": {"examples": len(labels), "accuracy": accuracy_score(labels, predictions),
                       "macro_f1": f1_score(labels, predictions, average="macro")}}
    write_atomically(arguments.run_dir / "scores.json", json.dumps(scores, indent=2) + "\n")
    print(f"{name}: validation {validation_score:.4f} (C = {model.C:g}), "
          f"test {scores['test']['accuracy']:.4f} of {len(labels)}")
