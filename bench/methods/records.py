"""The committed record of a run: its settings, figures, and log-likelihoods of every message."""
import hashlib
import json
import math
import subprocess

from settings import CONFIG, ROOT, SPLITS

FOLDER = ROOT / "bench/results/methods"
LABELS = ("roads", "waste", "water", "parks", "housing", "noise")


def key(method, settings):
    """Identifies a run by everything that its result depends on but the program."""
    parts = [method, CONFIG.read_text(encoding="utf8"), json.dumps(settings, sort_keys=True)]
    parts += [file.read_text(encoding="utf8") for file in SPLITS.values()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def path(record_key):
    return FOLDER / f"{record_key}.json"


def read(record_key):
    """Returns the record, or None if the run is not finished."""
    file = path(record_key)
    return json.loads(file.read_text(encoding="utf8")) if file.exists() else None


def write(record_key, record):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.strip()
    FOLDER.mkdir(parents=True, exist_ok=True)
    unfinished = path(record_key).with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"commit": commit, **record}) + "\n", encoding="utf8")
    unfinished.rename(path(record_key))


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
