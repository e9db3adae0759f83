#!/usr/bin/env python3
"""Makes tables of the methods with heads from the records in bench/results/heads.

    .venv/bin/python bench/heads/table.py [--write]

`--write` writes them to bench/results/heads.md. README.md describes the figures.
"""
import argparse
import collections
import statistics

import numpy as np

import counts
from settings import METHODS, ROOT, SEEDS, TASKS, records_of

OUT = ROOT / "bench/results/heads.md"
RESAMPLES = 2000
BASELINE = "linear probe"

Score = collections.namedtuple("Score", "mean resamples")


def resampled(task, found):
    """Scores over seeds and answers drawn with replacement; found: [seeds, answers, numbers].

    All methods draw the same answers, so their differences are paired.
    """
    answers = np.random.default_rng(2).integers(found.shape[1], size=(RESAMPLES, found.shape[1]))
    seeds = np.random.default_rng(1).integers(len(found), size=(RESAMPLES, len(found)))
    return np.array([counts.score(task, found[drawn][:, rows]).mean()
                     for drawn, rows in zip(seeds, answers)])


def percentiles(values):
    low, high = np.percentile(100 * values, [2.5, 97.5])
    return f"{low:.1f} to {high:.1f}"


def difference(score, baseline):
    return (f"{100 * (score.mean - baseline.mean):+.1f} "
            f"({percentiles(score.resamples - baseline.resamples)})")


def row(method, runs, score, baseline):
    def mean(key, form):
        return format(statistics.fmean(run[key] for run in runs), form)

    gain = difference(score, baseline) if baseline and method != BASELINE else ""
    rates = ", ".join(f"{rate:g}" for rate in {run["settings"]["train.optimizer.lr"] for run in runs})
    return (f"| {method} | {len(runs)} | {rates} | {100 * score.mean:.1f} "
            f"| {percentiles(score.resamples)} | {gain} | {mean('train_loss', '.3f')} "
            f"| {mean('seconds', '.0f')} | {mean('numbers', ',.0f')} |")


def table(task, metric):
    by_method = collections.defaultdict(list)
    for record in records_of(task).all():
        if "test" in record:
            by_method[record["method"]].append(record)
    if not by_method:
        return ["", f"## {task}, {metric}", "", "No run is recorded yet."]
    scores = {}
    for method, runs in by_method.items():
        found = np.array([run["test"] for run in runs], dtype=float)
        scores[method] = Score(counts.score(task, found).mean(), resampled(task, found))
    ranked = sorted(scores, key=lambda method: -scores[method].mean)
    lines = ["", f"## {task}, {metric}", "",
             "| method | n | learning rate | score | 95 % | gain over the linear probe | train loss "
             "| seconds | numbers per task |",
             "| --- | ---: | ---: | ---: | --- | --- | ---: | ---: | ---: |",
             *(row(method, by_method[method], scores[method], scores.get(BASELINE))
               for method in ranked)]
    missing = [method for method in METHODS if len(by_method[method]) < len(SEEDS)]
    if missing:
        lines += ["", f"Runs are missing: {', '.join(missing)}."]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    lines = ["# Heads on the town hall's messages", "",
             "`bench/heads/run.py`, then `bench/heads/table.py --write`"]
    for task, metric in TASKS.items():
        lines += table(task, metric)
    text = "\n".join(lines) + "\n"
    if arguments.write:
        OUT.write_text(text, encoding="utf8")
    print(text, end="")


if __name__ == "__main__":
    main()
