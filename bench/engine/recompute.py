#!/usr/bin/env python3
"""Measures what `train.recompute: layer` costs in time and saves in memory.

    .venv/bin/python bench/engine/recompute.py [--pairs 5] [--steps 4]

A pair is a run with recomputation and one without, in turn, of a recipe for the messages to a town
hall on the default model in float32. Both train the same steps; their losses must be the same bit
for bit. The time of a run is the median over its steps but the first; the ratio is the median over
pairs. Activations are the peak that memory.json reports.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPES = ("town_hall_short", "town_hall_lora", "town_hall_model_tuning")


def run(arguments, recipe, recompute, folder):
    """Returns the seconds of every step but the first, the losses and the peak of activations."""
    settings = {"run.output_dir": folder, "model.dtype": "float32", "train.steps": arguments.steps + 1,
                "train.eval_every": 0, "train.checkpoint_every": 0, "task.test": "''",
                "train.schedule.warmup_steps": 0, "train.recompute": recompute}
    command = [arguments.incipit, "train", f"configs/recipes/{recipe}.yaml", "--fresh"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    memory = json.loads((folder / "memory.json").read_text())["ranks"][0]["host_tensors"]
    return ([step["seconds"] for step in steps[1:]], [step["loss"] for step in steps],
            memory["activations"]["peak_bytes"])


def compare(arguments, recipe):
    ratios, peaks, losses = [], {}, {}
    for pair in range(arguments.pairs):
        seconds = {}
        for recompute in sorted(("none", "layer"), reverse=pair % 2 == 0):
            with tempfile.TemporaryDirectory(prefix="recompute-") as folder:
                taken, losses[recompute], peaks[recompute] = run(arguments, recipe, recompute,
                                                                 Path(folder))
            seconds[recompute] = statistics.median(taken)
        ratios.append(seconds["layer"] / seconds["none"])
    return statistics.median(ratios), ratios, peaks, losses["layer"] == losses["none"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--recipe", nargs="+", default=RECIPES)
    parser.add_argument("--incipit", type=Path,
                        default=REPOSITORY / "build" / "release" / "launcher" / "incipit")
    arguments = parser.parse_args()
    print("| recipe | time, without = 1 | of the pairs | activations | without | ratio | losses |")
    print("| --- | ---: | --- | ---: | ---: | ---: | --- |")
    all_same = True
    for recipe in arguments.recipe:
        median, ratios, peaks, same = compare(arguments, recipe)
        all_same = all_same and same
        print(f"| {recipe} | {median:.2f} | {min(ratios):.2f} to {max(ratios):.2f} | "
              f"{peaks['layer'] / 2**20:.0f} MiB | {peaks['none'] / 2**20:.0f} MiB | "
              f"{peaks['layer'] / peaks['none']:.2f} | {'equal' if same else 'DIFFERENT'} |",
              flush=True)
    return 0 if all_same else 1


if __name__ == "__main__":
    sys.exit(main())
