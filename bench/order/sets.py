#!/usr/bin/env python3
"""Searches for orders of five sets of few-shot examples for each of three tasks.

    .venv/bin/python bench/order/sets.py [--minutes 60] [--only TASK ...]   # continues
    .venv/bin/python bench/order/sets.py --table [--write]

Every finished search is a file in bench/results/order_sets, with figures and no texts; the table is
made from them. README.md describes it.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/release/launcher/incipit"
CONFIG = ROOT / "bench/order/sets.yaml"
FINISHED = ROOT / "bench/results/order_sets"
OUT = ROOT / "bench/results/order_sets.md"
SUPERGLUE = Path(os.environ.get("INCIPIT_SHARED", ROOT.parent / "shared")) / "data/superglue"
SEEDS = (1, 2, 3, 4, 5)
T_95 = 2.776  # Student's t with 4 degrees of freedom
TASKS = {
    "rte": {"task.name": "rte", "task.data_dir": SUPERGLUE / "RTE", "task.shots": 4},
    "wsc": {"task.name": "wsc", "task.data_dir": SUPERGLUE / "WSC", "task.shots": 4},
    "town_hall": {"task.name": "town_hall", "task.data_dir": ROOT / "configs/tasks/town_hall",
                  "task.shots": 6},
}


def finished(task, seed):
    return FINISHED / f"{task}-{seed}.json"


def search(task, seed):
    """Runs one search, or continues it, and writes its figures."""
    folder = ROOT / f"runs/orders/{task}-{seed}"
    settings = {**TASKS[task], "task.shot_seed": seed}
    assignments = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    done = subprocess.run([PROGRAM, "order", CONFIG, *assignments, "--output", folder, "--json"],
                          cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"sets.py: incipit order ended with exit code {done.returncode}; start sets.py "
                 "again to continue")
    results = json.loads(done.stdout)
    del results["run"]  # a path of this machine
    del results["probes"]["first"]
    for example in results["examples"]:
        del example["text"]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.strip()
    FINISHED.mkdir(parents=True, exist_ok=True)
    unfinished = finished(task, seed).with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"commit": commit, "seed": seed, **results}) + "\n",
                          encoding="utf8")
    unfinished.rename(finished(task, seed))


def run_all(tasks, deadline):
    for seed in SEEDS:
        for task in tasks:
            if finished(task, seed).exists():
                continue
            if time.monotonic() > deadline:
                return print("the time is over; start again to continue")
            start = time.monotonic()
            search(task, seed)
            print(f"{time.monotonic() - start:6.0f} s  {task}, examples of seed {seed}", flush=True)


def correlation(found):
    if found is None:
        return "none"
    low, high = found["spearman_95"]
    return f"{found['spearman']:.2f} ({low:.2f} to {high:.2f})"


def row(seed, figures):
    spread, picks = figures["spread"], figures["picks"]
    random = picks["random"]
    low, high = random["score_95"]
    return (f"| {seed} | {spread['mean']:.3f} | {spread['sd']:.3f} | {spread['worst']:.3f} to "
            f"{spread['best']:.3f} | {figures['constant_orders']} "
            f"| {picks['global_entropy']['score']:.3f} "
            f"| {picks['local_entropy']['score']:.3f} | {random['score']:.3f} ({low:.3f} to {high:.3f}) "
            f"| {correlation(figures['correlation']['global_entropy'])} "
            f"| {correlation(figures['correlation']['local_entropy'])} |")


def gain(all_figures, criterion):
    """What the picks gain over random orders: mean over the sets, with its 95 % interval."""
    gains = [each["picks"][criterion]["score"] - each["picks"]["random"]["score"]
             for each in all_figures]
    mean = statistics.mean(gains)
    if len(gains) < len(SEEDS):
        return f"{mean:+.3f} ({len(gains)} of {len(SEEDS)} sets)"
    half = T_95 * statistics.stdev(gains) / math.sqrt(len(gains))
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})"


def task_table(task, runs):
    first = runs[0]
    lines = ["", f"## {task}, {len(first['examples'])} examples, {first['metric']} on "
             f"{first['queries']} queries", "",
             f"Always the queries' most frequent label: {first['majority']:.3f}."]
    for place, scores in enumerate(each["scores"] for each in first["figures"]):
        lines += ["", f"{scores}:", "",
                  "| examples of seed | mean | sd | worst to best | constant | GlobalE's | LocalE's "
                  "| random | correlation of GlobalE | of LocalE |",
                  "| ---: | ---: | ---: | --- | ---: | ---: | ---: | --- | --- | --- |"]
        figures = [run["figures"][place] for run in runs]
        lines += [row(run["seed"], each) for run, each in zip(runs, figures)]
        lines += ["", f"Gain over random orders: GlobalE {gain(figures, 'global_entropy')}, "
                  f"LocalE {gain(figures, 'local_entropy')}."]
    probes = ", ".join(str(run["probes"]["valid"]) for run in runs)
    return [*lines, "", f"Probes: {probes}."]


def table():
    lines = ["# Orders of few-shot examples", "",
             "`bench/order/sets.py`, then `bench/order/sets.py --table --write`"]
    for task in TASKS:
        files = [finished(task, seed) for seed in SEEDS]
        runs = [json.loads(file.read_text(encoding="utf8")) for file in files if file.exists()]
        if runs:
            lines += task_table(task, runs)
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no search after these")
    parser.add_argument("--only", nargs="+", default=list(TASKS), choices=list(TASKS), metavar="TASK")
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--write", action="store_true", help="write the table, too")
    arguments = parser.parse_args()
    if not arguments.table:
        run_all(arguments.only, time.monotonic() + 60 * arguments.minutes)
    text = table()
    if arguments.write:
        OUT.write_text(text, encoding="utf8")
    print(text, end="")


if __name__ == "__main__":
    main()
