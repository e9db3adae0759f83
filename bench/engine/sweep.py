#!/usr/bin/env python3
"""Compares the members of a sweep, trained in one batch, with as many runs one after the other.

    .venv/bin/python bench/engine/sweep.py [--members 5] [--rounds 3] [--steps 4] [--batch 16]

In each round the sweep and the runs alternate. They train soft prompts for the messages to a town
hall on the default model, float32, one thread, with the seeds 1, 2, ... and without evaluations.
Every member's losses must equal those of its run to 1e-3. "Whole" is the time of the processes,
with start and loading; "steps" is that of their steps but for the first. Processor time suffers
less from other programs: that of steps is what processes with one step only take less. All are
medians over the rounds, and so are the ratios.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WITHIN = 1e-3


def run(arguments, tokens, folder, steps, *settings):
    """Returns the seconds of steps and process, the steps' lines, and the bytes of weights."""
    # The splits are those of run.seed, so a member's and a run's are equal only without validation.
    common = {"run.output_dir": folder, "model.dtype": "float32", "train.steps": steps,
              "train.eval_every": 0, "train.checkpoint_every": 0, "task.test": "''",
              "task.validation": 0, "train.batch_size": arguments.batch,
              "method.num_virtual_tokens": tokens, "method.init.kind": "sampled_vocab",
              "method.init.text": "''"}
    command = [arguments.incipit, "train", "configs/recipes/town_hall_short.yaml", "--fresh"]
    for setting in [f"{key}={value}" for key, value in common.items()] + list(settings):
        command += ["--set", setting]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    whole, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "loss" in line]
    memory = json.loads((folder / "memory.json").read_text())["ranks"][0]["host_tensors"]
    return {"steps": sum(line["seconds"] for line in lines[1:]), "whole": whole,
            "whole, processor": processor, "lines": lines,
            "weights": memory["weights"]["peak_bytes"]}


def timed(arguments, tokens, folder, *settings):
    """The same, with the processor time of the steps."""
    one = run(arguments, tokens, folder, 1, *settings)
    all_steps = run(arguments, tokens, folder, arguments.steps + 1, *settings)
    key = "whole, processor"
    return all_steps | {"steps, processor": all_steps[key] - one[key]}


def compare(arguments, tokens, turn):
    """Returns the sweep and the runs of a round."""
    seeds = range(1, arguments.members + 1)
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        def sweep():
            return timed(arguments, tokens, Path(scratch) / "sweep", f"sweep.seed={list(seeds)}")

        def alone():
            return [timed(arguments, tokens, Path(scratch) / str(seed), f"run.seed={seed}")
                    for seed in seeds]

        if turn % 2:
            runs = alone()
            return sweep(), runs
        return sweep(), alone()


def largest_difference(sweep, runs):
    return max(abs(line["losses"][f"seed{seed}"] - own["loss"])
               for seed, each in enumerate(runs, start=1)
               for line, own in zip(sweep["lines"], each["lines"], strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=16, help="examples of a member in a step")
    parser.add_argument("--tokens", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--incipit", type=Path,
                        default=REPOSITORY / "build" / "release" / "launcher" / "incipit")
    arguments = parser.parse_args()
    apart = 0.0
    print("| tokens | | sweep | runs | ratio | of the rounds |")
    print("| ---: | --- | ---: | ---: | ---: | --- |")
    for tokens in arguments.tokens:
        rounds = [compare(arguments, tokens, turn) for turn in range(arguments.rounds)]
        apart = max(apart, *(largest_difference(*each) for each in rounds))
        for key in ("steps", "steps, processor", "whole", "whole, processor"):
            together = [sweep[key] for sweep, _ in rounds]
            after = [sum(each[key] for each in runs) for _, runs in rounds]
            ratios = [a / b for a, b in zip(together, after)]
            print(f"| {tokens} | {key} | {statistics.median(together):.2f} s "
                  f"| {statistics.median(after):.2f} s | {statistics.median(ratios):.3f} "
                  f"| {min(ratios):.3f} to {max(ratios):.3f} |", flush=True)
        sweep, runs = rounds[0]
        print(f"| {tokens} | weights in memory | {sweep['weights'] / 2**20:.0f} MiB "
              f"| {runs[0]['weights'] / 2**20:.0f} MiB each "
              f"| {sweep['weights'] / runs[0]['weights']:.3f} | |")
    print(f"\n{arguments.members} members; losses differ by at most {apart:.0e}.")
    return 0 if apart < WITHIN else 1


if __name__ == "__main__":
    sys.exit(main())
