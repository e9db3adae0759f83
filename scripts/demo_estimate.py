#!/usr/bin/env python3
"""How long the rest of the demo takes on this machine (demo_estimate.py --help).

Prints minutes, rounded up. RUN was trained here: its metrics.jsonl says how long a step takes and
how many rows of the model (tokens and virtual tokens) it computes. Evaluating a row costs half of
training it: the forward pass without the backward pass, which is as long.
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
    """Seconds per row, and rows per message, of a run's median step."""
    virtual = yaml.safe_load((run / "config.yaml").read_text())["method"]["num_virtual_tokens"]
    steps = [step for line in (run / "metrics.jsonl").read_text(encoding="utf8").splitlines()
             if "loss" in (step := json.loads(line))]
    seconds = statistics.median(step["seconds"] / step["tokens"] for step in steps)
    rows = statistics.median((step["tokens"] - ranks * virtual) / step["samples"] for step in steps)
    return seconds, rows


def rows_to_train(options, per_message):
    """Rows of the rest, as many as would cost the same in training."""
    recipe = yaml.safe_load(options.recipe.read_text(encoding="utf8"))
    train, virtual = recipe["train"], recipe["method"]["num_virtual_tokens"]
    select, test = (lines(options.data / f"{split}.jsonl") for split in ("select", "test"))
    wordings = len(yaml.safe_load(options.wordings.read_text(encoding="utf8")))
    compared = wordings * select + test
    evaluated = 2 * compared + (options.draws - 1) * test  # without examples, with the first draw
    evaluated += options.seeds * (options.steps // train["eval_every"] * select + test)
    step = train["batch_size"] * per_message + options.ranks * virtual
    return options.seeds * options.steps * step + evaluated * per_message / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("recipe", type=Path, help="of the soft prompts")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wordings", type=Path, required=True)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--seeds", type=int, required=True, help="soft prompts")
    parser.add_argument("--steps", type=int, required=True, help="of each soft prompt")
    parser.add_argument("--draws", type=int, required=True, help="of few-shot examples")
    options = parser.parse_args()
    seconds, per_message = measured(options.run, options.ranks)
    print(math.ceil(seconds * rows_to_train(options, per_message) / 60))


if __name__ == "__main__":
    main()
