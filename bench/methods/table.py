#!/usr/bin/env python3
"""Makes the table of the methods from the records in bench/results/methods.

    .venv/bin/python bench/methods/table.py [--write]

`--write` writes it to bench/results/methods-town_hall.md. README.md describes the figures.
"""
import argparse
import collections
import json
import statistics

import numpy as np

import records
from settings import LEARNED, ROOT, SEEDS

OUT = ROOT / "bench/results/methods-town_hall.md"
RESAMPLES = 2000


def read_all():
    """The records of runs on the present messages and configuration, by method and then seed."""
    by_method = collections.defaultdict(dict)
    for file in sorted(records.FOLDER.glob("*.json")):
        record = json.loads(file.read_text(encoding="utf8"))
        settings = {**record["settings"], "run.seed": record["seed"]}
        if "fresh" in record and records.key(record["method"], settings) == file.stem:
            by_method[record["method"]][record["seed"]] = record
    return by_method


def balanced_accuracy(right, labels):
    """Mean over the labels of the share of right answers; right: [..., messages]."""
    return np.mean([right[..., labels == label].mean(-1) for label in np.unique(labels)], axis=0)


def resampled(right, labels, draw):
    """Balanced accuracies over seeds and messages drawn with replacement, seeds first.

    right: [seeds, messages]. All methods draw the same messages, so their differences are paired.
    """
    by_label = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    seeds = np.random.default_rng(1).integers(len(right), size=(RESAMPLES, len(right)))
    found = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        mean = right[seeds[i]].mean(0)
        found[i] = np.mean([mean[draw[i][label]].mean() for label in range(len(by_label))])
    return found


def draws(labels):
    """For every resample, message numbers of each label, as many as there are."""
    generator = np.random.default_rng(2)
    by_label = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return [[generator.choice(rows, len(rows)) for rows in by_label] for _ in range(RESAMPLES)]


def interval(values):
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{100 * low:.1f} to {100 * high:.1f}"


def line(method, runs, right, resamples, labels):
    def mean(key, form):
        found = [run[key] for run in runs.values() if key in run]
        return format(statistics.mean(found), form) if found else ""

    rates = {run["settings"]["train.optimizer.lr"] for run in runs.values()
             if "train.optimizer.lr" in run["settings"]}
    return (f"| {method} | {len(runs)} | {', '.join(f'{rate:g}' for rate in rates)} "
            f"| {100 * balanced_accuracy(right, labels).mean():.1f} | {interval(resamples)} "
            f"| {mean('validation_cross_entropy', '.3f')} | {mean('train_loss', '.3f')} "
            f"| {mean('seconds', '.0f')} | {mean('numbers', ',.0f')} | {mean('bytes', ',.0f')} |")


def differences(scores, full):
    """Paired differences to the best method; only of methods with all their seeds."""
    ranked = sorted(full, key=lambda method: -scores[method][0])
    if len(ranked) < 2:
        return []
    best = ranked[0]
    lines = ["", f"Differences to {best} in points (95 % interval):", "",
             "| method | difference | |", "| --- | ---: | --- |"]
    for method in ranked[1:]:
        apart = 100 * (scores[best][1] - scores[method][1])
        low, high = np.percentile(apart, [2.5, 97.5])
        verdict = "" if low > 0 else "not distinguishable"
        lines.append(f"| {method} | {100 * (scores[best][0] - scores[method][0]):.1f} "
                     f"({low:.1f} to {high:.1f}) | {verdict} |")
    return lines


def table(by_method):
    labels = np.array(records.labels("fresh"))
    draw = draws(labels)
    scores, rows = {}, []
    for method, runs in by_method.items():
        right = np.array([np.argmax(run["fresh"], 1) == labels for run in runs.values()], dtype=float)
        values = resampled(right, labels, draw)
        scores[method] = (balanced_accuracy(right, labels).mean(), values)
        rows.append((scores[method][0], line(method, runs, right, values, labels)))
    needed = {method: len(SEEDS) for method in (*LEARNED, "few-shot")}
    full = [method for method, runs in by_method.items() if len(runs) >= needed.get(method, 1)]
    out = ["# Methods on the town hall's fresh messages", "",
           f"{len(labels)} messages, `bench/methods/run.py`, then `bench/methods/table.py --write`", "",
           "| method | n | learning rate | balanced accuracy | 95 % | validation cross-entropy "
           "| train loss | seconds | numbers per task | bytes per task |",
           "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
           *(text for _, text in sorted(rows, reverse=True)), *differences(scores, full)]
    missing = [method for method in (*LEARNED, "few-shot") if method not in full]
    if missing:
        out += ["", f"Not ranked, because runs are missing: {', '.join(missing)}."]
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    text = table(read_all())
    if parser.parse_args().write:
        OUT.write_text(text, encoding="utf8")
    print(text, end="")


if __name__ == "__main__":
    main()
