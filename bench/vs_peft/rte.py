"""Reads RTE as batches of token ids, by the rules of configs/recipes/rte.yaml."""
import json
import os
import random
from pathlib import Path

TEMPLATE = ("{premise}", "\nQuestion: {hypothesis} Yes or No?\nAnswer:")
VERBALIZER = {"entailment": " Yes", "not_entailment": " No"}
MAX_SOURCE_TOKENS = 256
MEGA_BATCHES = 50  # batches whose examples are sorted together, as Hugging Face's Trainer does


def data_path(repository):
    shared = Path(os.environ.get("INCIPIT_SHARED", repository.parent / "shared"))
    path = shared / "data" / "superglue" / "RTE" / "train.jsonl"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: point INCIPIT_SHARED at the folder that "
                                "contains data/superglue")
    return path


def _source(tokenizer, record):
    """Returns at most MAX_SOURCE_TOKENS ids; a premise that is too long is cut at its end."""
    def ids(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    premise = record["premise"]
    rest = TEMPLATE[1].format(hypothesis=record["hypothesis"])
    source = ids(TEMPLATE[0].format(premise=premise) + rest)
    while len(source) > MAX_SOURCE_TOKENS:
        offsets = tokenizer(premise, add_special_tokens=False, return_offsets_mapping=True)
        starts = [start for start, _ in offsets["offset_mapping"]]
        premise = premise[:starts[-max(1, len(source) - MAX_SOURCE_TOKENS)]].rstrip()
        source = ids(TEMPLATE[0].format(premise=premise) + rest)
    return source


def examples(tokenizer, path, count):
    """Returns the first `count` examples in file order, with source, target and candidates as ids."""
    candidates = {label: tokenizer(text, add_special_tokens=False)["input_ids"]
                  for label, text in VERBALIZER.items()}
    result = []
    with open(path, encoding="utf8") as file:
        for line in file:
            record = json.loads(line)
            result.append({"source": _source(tokenizer, record),
                           "target": candidates[record["label"]],
                           "candidates": list(candidates.values())})
            if len(result) == count:
                break
    return result


def in_file_order(rows, batch_size):
    return [rows[i:i + batch_size] for i in range(0, len(rows) - batch_size + 1, batch_size)]


def by_length(rows, batch_size, seed=0):
    """Returns batches of examples of similar length, in random order."""
    batches = []
    size = MEGA_BATCHES * batch_size
    for start in range(0, len(rows), size):
        group = sorted(rows[start:start + size], key=lambda row: -len(row["source"]))
        batches += in_file_order(group, batch_size)
    random.Random(seed).shuffle(batches)
    return batches
