#!/usr/bin/env python3
"""The methods of settings.py on three SuperGLUE tasks, with the town hall's learning rates.

    .venv/bin/python bench/methods/superglue.py [--minutes 60] [--only TASK ...]   # continues
    .venv/bin/python bench/methods/superglue.py --table [--write]

Every finished run is a file in bench/results/methods/superglue, with figures and no texts; the
table is made from them. README.md describes it.
"""
import argparse
import collections
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import messages
import table
from messages import run_records
from run import Methods
from settings import LEARNED, ROOT

CONFIG = ROOT / "bench/methods/superglue.yaml"
OUT = ROOT / "bench/results/methods-superglue.md"
SUPERGLUE = Path(os.environ.get("INCIPIT_SHARED", ROOT.parent / "shared")) / "data/superglue"
SEEDS = (1, 2, 3)
TASKS = {
    "rte": {"train": "train.jsonl", "validation": 0.1},
    "cb": {"train": "train32.jsonl", "validation": "dev32.jsonl"},
    "wsc": {"train": "train.jsonl", "validation": 0.1},
}
FROZEN = {"template": {"method.kind": "none"},
          "few-shot": {"method.kind": "none", "task.shots": 4}}
RECORDS = run_records.Records(ROOT / "bench/results/methods/superglue", [CONFIG])


def chosen_rate(method):
    """The learning rate that the town hall's validation messages chose, from run.py's records."""
    try:
        return Methods(messages.RECORDS, ROOT / "runs/methods", deadline=0).best_rate(method)
    except TimeoutError:
        sys.exit(f"superglue.py: the town hall has not chosen a learning rate for {method} yet; "
                 f'start bench/methods/run.py --only "{method}" first')


class SuperGlue(run_records.Runner):
    def run_one(self, task, method, seed):
        settings = {"task.name": task, "task.test": "val.jsonl",
                    **{f"task.{name}": value for name, value in TASKS[task].items()}}
        if method in LEARNED:
            settings |= {**LEARNED[method]["set"], "train.optimizer.lr": chosen_rate(method)}
        else:
            settings |= FROZEN[method]

        def run(output):
            what = [CONFIG, *run_records.assignments(
                {**settings, "task.data_dir": SUPERGLUE / task.upper(), "run.seed": seed,
                 "run.output_dir": output})]
            if method in LEARNED:
                self.incipit("train", *what)
                folder, trained = output, run_records.trained(output)
            else:
                self.incipit("eval", *what, "--split", "test", "--name", "test")
                folder, trained = output / "evaluations/test", {}
            right = [int(line["prediction"] == line["label"])
                     for line in lines_of(folder / "predictions/test.jsonl")]
            return {**figures(right), **run_records.made_with(folder), **trained}

        self.record(method, seed, settings, run, shown="accuracy")

    def majority(self, task):
        def run(_):
            train, test = (labels(SUPERGLUE / task.upper() / name)
                           for name in (TASKS[task]["train"], "val.jsonl"))
            most = statistics.mode(train)
            return figures([int(label == most) for label in test])

        self.record("majority", SEEDS[0], {"task.name": task}, run, shown="accuracy")


def lines_of(file):
    return map(json.loads, file.read_text(encoding="utf8").splitlines())


def labels(file):
    return [line["label"] for line in lines_of(file)]


def figures(right):
    return {"accuracy": statistics.fmean(right), "right": "".join(map(str, right))}


def task_table(task, by_method):
    def mean(runs, key, form):
        found = [run[key] for run in runs if key in run]
        return format(statistics.fmean(found), form) if found else ""

    rows = []
    for method, runs in by_method.items():
        right = np.array([[int(each) for each in run["right"]] for run in runs], dtype=float)
        one_label = np.zeros(right.shape[1])  # so the resamples are of all examples together
        resamples = table.resampled(right, one_label, table.draws(one_label))
        rows.append((right.mean(), f"| {method} | {len(runs)} | {100 * right.mean():.1f} "
                     f"| {table.interval(resamples)} | {mean(runs, 'train_loss', '.3f')} "
                     f"| {mean(runs, 'seconds', '.0f')} |"))
    return ["", f"## {task}, {right.shape[1]} examples", "",
            "| method | n | accuracy | 95 % | train loss | seconds |",
            "| --- | ---: | ---: | --- | ---: | ---: |",
            *(text for _, text in sorted(rows, reverse=True))]


def all_tables():
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for record in RECORDS.all():
        found[record["settings"]["task.name"]][record["method"]].append(record)
    lines = ["# Methods on SuperGLUE tasks", "",
             "`bench/methods/superglue.py`, then `bench/methods/superglue.py --table --write`"]
    for task in TASKS:
        if task in found:
            lines += task_table(task, found[task])
    return "\n".join(lines) + "\n"


def run_all(tasks, minutes):
    runner = SuperGlue(RECORDS, ROOT / "runs/superglue_methods", time.monotonic() + 60 * minutes)
    try:
        for task in tasks:
            runner.majority(task)
        for seed in SEEDS:
            for task in tasks:
                for method in (*FROZEN, *LEARNED):
                    if method != "template" or seed == SEEDS[0]:
                        runner.run_one(task, method, seed)
    except TimeoutError:
        print(f"stopped after {minutes:g} minutes; start again to continue")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no run after these")
    parser.add_argument("--only", nargs="+", default=list(TASKS), choices=list(TASKS), metavar="TASK")
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--write", action="store_true", help=f"write it to {OUT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    if not arguments.table:
        return run_all(arguments.only, arguments.minutes)
    text = all_tables()
    if arguments.write:
        OUT.write_text(text, encoding="utf8")
    print(text, end="")


if __name__ == "__main__":
    main()
