#!/usr/bin/env python3
"""Estimates how long the rest of the demo takes on this machine (demo_estimate.py --help).

Prints minutes, rounded up. RUN must have been trained on this machine: its metrics.jsonl has the
time of each step and the number of rows (tokens and virtual tokens) that it computes. Evaluating a
row costs half of training it, since there is no backward pass, which takes as long as the forward
pass.
"""
import argparse
import json
import math
import statistics
from pathlib import Path

import yaml


def lines(path):
    return sum(1 for line in path.read_text(encoding="utf8").splitlines() if line.strip())


def measured(run, ranks):
    """Returns seconds per row and rows per message, as medians over the steps of a run."""
    virtual = yaml.safe_load((run / "config.yaml").read_text())["method"]["num_virtual_tokens"]
    steps = [step for line in (run / "metrics.jsonl").read_text(encoding="utf8").splitlines()
             if "loss" in (step := json.loads(line))]
    seconds = statistics.median(step["seconds"] / step["tokens"] for step in steps)
    rows = statistics.median((step["tokens"] - ranks * virtual) / step["samples"] for step in steps)
    return seconds, rows


def rows_to_train(options, per_message):
    """Returns the cost of the remaining steps, as the number of training rows of equal cost."""
    recipe = yaml.safe_load(options.recipe.read_text(encoding="utf8"))
    train, virtual = recipe["train"], recipe["method"]["num_virtual_tokens"]
    validation, test = (lines(options.data / f"{split}.jsonl") for split in ("validation", "test"))
    templates = len(yaml.safe_load(options.templates.read_text(encoding="utf8")))
    compared = templates * validation + test
    # Zero-shot, and few-shot with the first draw of examples.
    evaluated = 2 * compared + (options.draws - 1) * test
    evaluated += options.seeds * (options.steps // train["eval_every"] * validation + test)
    step = train["batch_size"] * per_message + options.ranks * virtual
    return options.seeds * options.steps * step + evaluated * per_message / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("recipe", type=Path, help="of the soft prompts")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--templates", type=Path, required=True)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--seeds", type=int, required=True, help="soft prompts")
    parser.add_argument("--steps", type=int, required=True, help="of each soft prompt")
    parser.add_argument("--draws", type=int, required=True, help="of few-shot examples")
    options = parser.parse_args()
    seconds, per_message = measured(options.run, options.ranks)
    print(math.ceil(seconds * rows_to_train(options, per_message) / 60))


if __name__ == "__main__":
    main()
