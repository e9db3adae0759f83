#!/usr/bin/env python3
"""Runs the methods of settings.py, continuing from the runs that are finished.

    .venv/bin/python bench/methods/run.py [--minutes 60] [--only METHOD ...] [--ranks 1]

Every finished run is a file in bench/results/methods; table.py makes tables from them. README.md
describes the comparison.
"""
import argparse
import json
import shutil
import subprocess
import sys
import time

import baselines
import records
from settings import CHOICE_SEED, CONFIG, LEARNED, ROOT, SCORED, SEEDS, SHOTS, SPLITS

PROGRAM = ROOT / "build/release/launcher/incipit"
RUNS = ROOT / "runs/methods"
NO_TRAINING = {"method.kind": "none"}


class Runner:
    """Runs what has no record yet, until `deadline` (seconds of time.monotonic)."""

    def __init__(self, ranks, deadline):
        self.ranks = ranks
        self.deadline = deadline

    def record(self, method, seed, settings, run):
        """Returns the record of a run; `run(folder)` makes its figures if there is none."""
        key = records.key(method, {**settings, "run.seed": seed})
        known = records.read(key)
        if known is not None:
            return known
        if time.monotonic() > self.deadline:
            raise TimeoutError
        start = time.monotonic()
        figures = run(RUNS / key)
        records.write(key, {"method": method, "seed": seed, "settings": settings, **figures})
        shutil.rmtree(RUNS / key, ignore_errors=True)
        print(f"{time.monotonic() - start:6.0f} s  {method}, seed {seed}: validation cross-entropy "
              f"{figures['validation_cross_entropy']:.3f}  {settings}", flush=True)
        return records.read(key)

    def incipit(self, command, *arguments):
        launch = ["scripts/mpirun.sh", "-n", str(self.ranks)] if self.ranks > 1 else []
        done = subprocess.run([*launch, str(PROGRAM), command, *map(str, arguments)], cwd=ROOT,
                              stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            sys.exit(f"run.py: incipit {command} ended with exit code {done.returncode}; start "
                     "run.py again to continue")

    def evaluate(self, what, output, messages):
        """The log-likelihoods that a run or a configuration gives the messages of one split."""
        split = "validation" if messages == "validation" else "test"
        test = assignments({"task.test": SPLITS[messages]}) if split == "test" else []
        self.incipit("eval", *what, *test, "--split", split, "--name", messages)
        return records.read_scores(output / f"evaluations/{messages}/predictions/{split}.jsonl")

    def scored(self, what, output, chosen):
        """The figures of a run; only one with chosen settings is scored on more than validation."""
        validation = self.evaluate(what, output, "validation")
        figures = {"validation_cross_entropy": records.cross_entropy(validation, "validation")}
        for messages in SCORED if chosen else ():
            figures[messages] = self.evaluate(what, output, messages)
        manifest = json.loads((output / "evaluations/validation/manifest.json").read_text())
        return {**figures, "processor": manifest["processor_capability"],
                "dtype": manifest["model"]["dtype"], "model": manifest["model"]["weights_fingerprint"]}

    def learned(self, method, rate, seed):
        settings = {**LEARNED[method]["set"], "train.optimizer.lr": rate}

        def run(output):
            self.incipit("train", CONFIG, *assignments(
                {**settings, "run.seed": seed, "run.output_dir": output}))
            lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
            steps = [line for line in lines if "loss" in line]
            return {**self.scored([output], output, seed != CHOICE_SEED),
                    "train_loss": sum(step["loss"] for step in steps[-20:]) / len(steps[-20:]),
                    "seconds": sum(step["seconds"] for step in steps), **stored(output)}

        return self.record(method, seed, settings, run)

    def best_rate(self, method):
        """The learning rate with the lowest cross-entropy on the validation split."""
        return min(LEARNED[method]["rates"], key=lambda rate: self.learned(
            method, rate, CHOICE_SEED)["validation_cross_entropy"])

    def few_shot(self, seed):
        settings = {**NO_TRAINING, "task.shots": SHOTS}

        def run(output):
            what = [CONFIG, *assignments({**settings, "run.seed": seed, "run.output_dir": output})]
            return self.scored(what, output, chosen=True)

        self.record("few-shot", seed, settings, run)

    def best_template(self):
        def run(output):
            self.incipit("compare", CONFIG, "--templates", "configs/templates/town_hall.yaml",
                         "--output", output,
                         *assignments({**NO_TRAINING, "task.test": SPLITS["fresh"]}))
            return self.scored([output], output, chosen=True)

        self.record("best template", 1, NO_TRAINING, run)


def assignments(settings):
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def stored(output):
    """Numbers and bytes that a task needs besides the shared model."""
    files = list((output / "adapter/best").glob("*.safetensors"))
    files = files or list((output / "model/best").glob("*.safetensors"))
    numbers = 0
    for file in files:
        with file.open("rb") as content:
            header = json.loads(content.read(int.from_bytes(content.read(8), "little")))
        for name, tensor in header.items():
            size = 1
            for extent in tensor.get("shape", ()):
                size *= extent
            numbers += size if name != "__metadata__" else 0
    return {"numbers": numbers, "bytes": sum(file.stat().st_size for file in files)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no run after these")
    parser.add_argument("--only", nargs="+", default=list(LEARNED), choices=list(LEARNED),
                        metavar="METHOD", help="learned methods to run")
    parser.add_argument("--ranks", type=int, default=1)
    arguments = parser.parse_args()
    runner = Runner(arguments.ranks, time.monotonic() + 60 * arguments.minutes)
    try:
        for method, run in baselines.METHODS.items():
            runner.record(method, 1, {}, lambda output, run=run: run())
        runner.best_template()
        for seed in SEEDS:
            runner.few_shot(seed)
        rates = {method: runner.best_rate(method) for method in arguments.only}
        for seed in SEEDS:
            for method, rate in rates.items():
                runner.learned(method, rate, seed)
    except TimeoutError:
        print(f"stopped after {arguments.minutes:g} minutes; start again to continue")


if __name__ == "__main__":
    main()
