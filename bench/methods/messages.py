"""The messages, and the log-likelihoods that a run gives to each of their labels."""
import json
import math
import sys

from settings import CONFIG, ROOT, SPLITS

sys.path.insert(0, str(ROOT / "bench"))
import run_records  # noqa: E402

RECORDS = run_records.Records(ROOT / "bench/results/methods", [CONFIG, *SPLITS.values()])
LABELS = ("roads", "waste", "water", "parks", "housing", "noise")


def labels(split):
    lines = SPLITS[split].read_text(encoding="utf8").splitlines()
    return [LABELS.index(json.loads(line)["office"]) for line in lines]


def read_scores(file):
    """The log-likelihoods of a predictions file: a list per message, in the order of LABELS."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf8").splitlines()]
    return [[round(row["scores"][label], 4) for label in LABELS] for row in rows]


def cross_entropy(rows, split):
    """Mean negative log-probability of the right label; probabilities are over the labels."""
    total = 0.0
    for row, label in zip(rows, labels(split), strict=True):
        highest = max(row)
        total += highest + math.log(sum(math.exp(x - highest) for x in row)) - row[label]
    return total / len(rows)
