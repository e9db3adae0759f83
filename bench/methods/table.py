#!/usr/bin/env python3
"""Makes the table of the methods from the records in bench/results/methods.

    .venv/bin/python bench/methods/table.py [--write]

`--write` writes it to bench/results/methods-town_hall.md. README.md describes the figures.
"""
import argparse
import collections
import statistics

import numpy as np

import messages
from messages import RECORDS
from settings import CHOICE_SEED, LEARNED, ROOT, SCORED, SEEDS

OUT = ROOT / "bench/results/methods-town_hall.md"
RESAMPLES = 2000
NEEDED = {method: len(SEEDS) for method in (*LEARNED, "few-shot")}  # runs of a ranked method
REFERENCE = "model tuning"

Score = collections.namedtuple("Score", "mean resamples")  # balanced accuracies, 0 to 1


def read_all():
    """The records of runs on the present messages and configuration, by method and then seed."""
    by_method = collections.defaultdict(dict)
    for record in RECORDS.all():
        if all(which in record for which in SCORED):
            by_method[record["method"]][record["seed"]] = record
    return by_method


def balanced_accuracy(right, labels):
    """Mean over the labels of the share of right answers; right: [..., messages]."""
    return np.mean([right[..., labels == label].mean(-1) for label in np.unique(labels)], axis=0)


def resampled(right, labels, draw):
    """Balanced accuracies over seeds and messages drawn with replacement, seeds first.

    right: [seeds, messages]. All methods draw the same messages, so their differences are paired.
    """
    seeds = np.random.default_rng(1).integers(len(right), size=(RESAMPLES, len(right)))
    return np.array([balanced_mean(right[drawn].mean(0), rows) for drawn, rows in zip(seeds, draw)])


def balanced_mean(values, rows_by_label):
    return np.mean([values[rows].mean() for rows in rows_by_label])


def draws(labels):
    """For every resample, message numbers of each label, as many as there are."""
    generator = np.random.default_rng(2)
    by_label = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return [[generator.choice(rows, len(rows)) for rows in by_label] for _ in range(RESAMPLES)]


def interval(values):
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{100 * low:.1f} to {100 * high:.1f}"


def line(method, runs, score):
    def mean(key, form):
        found = [run[key] for run in runs.values() if key in run]
        return format(statistics.mean(found), form) if found else ""

    rates = {run["settings"]["train.optimizer.lr"] for run in runs.values()
             if "train.optimizer.lr" in run["settings"]}
    return (f"| {method} | {len(runs)} | {', '.join(f'{rate:g}' for rate in rates)} "
            f"| {100 * score.mean:.1f} | {interval(score.resamples)} "
            f"| {mean('validation', '.3f')} | {mean('train_loss', '.3f')} "
            f"| {mean('seconds', '.0f')} | {mean('numbers', ',.0f')} | {mean('bytes', ',.0f')} |")


def difference(first, second):
    """How much better the first is."""
    return Score(first.mean - second.mean, first.resamples - second.resamples)


def points(score):
    """A difference with its interval."""
    return f"{100 * score.mean:.1f} ({interval(score.resamples)})"


def differences(scores):
    """Paired differences to the best of the methods, and to the next better one."""
    ranked = sorted(scores, key=lambda method: -scores[method].mean)
    if len(ranked) < 2:
        return []
    lines = ["", f"Points below {ranked[0]}, and below the method in the row before (95 % interval):", "",
             f"| method | below {ranked[0]} | below the one before |", "| --- | ---: | ---: |"]
    for before, method in zip(ranked, ranked[1:]):
        found = (points(difference(scores[better], scores[method])) for better in (ranked[0], before))
        lines.append(f"| {method} | {' | '.join(found)} |")
    return lines


def section(which, by_method):
    """The table of one set of messages, and the scores of the methods with all their seeds."""
    labels = np.array(messages.labels(which))
    draw = draws(labels)
    scores, rows = {}, []
    for method, runs in by_method.items():
        right = np.array([np.argmax(run[which], 1) == labels for run in runs.values()], dtype=float)
        score = Score(balanced_accuracy(right, labels).mean(), resampled(right, labels, draw))
        rows.append((score.mean, line(method, runs, score)))
        if len(runs) >= NEEDED.get(method, 1):
            scores[method] = score
    return ["", f"## On {len(labels)} messages: {SCORED[which]}", "",
            "| method | n | learning rate | balanced accuracy | 95 % | validation cross-entropy "
            "| train loss | seconds | numbers per task | bytes per task |",
            "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
            *(text for _, text in sorted(rows, reverse=True)), *differences(scores)], scores


def transfer(scores):
    """What each method gains over model tuning, at home and in another town."""
    full = [method for method in LEARNED if method in scores["fresh"]]
    if REFERENCE not in full or len(full) < 2:
        return []
    lines = ["", "## Transfer to another town", "",
             f"Gain over {REFERENCE} in points (95 % interval), trained on one town's messages, and how much "
             "larger it is in the other town:", "",
             f"| method | {SCORED['fresh']} | {SCORED['other_town']} | change |",
             "| --- | ---: | ---: | ---: |"]
    for method in full:
        if method != REFERENCE:
            home, away = (difference(found[method], found[REFERENCE]) for found in scores.values())
            lines.append(f"| {method} | {points(home)} | {points(away)} "
                         f"| {points(difference(away, home))} |")
    return lines


def log_softmax(rows):
    return rows - np.logaddexp.reduce(rows, -1, keepdims=True)


def votes(answers, labels):
    """The answer that most of the seeds give, or the first of those on a tie; answers: [seeds, n]."""
    counts = np.array([(answers == label).sum(0) for label in range(labels)])
    return counts.argmax(0)


def ensembles(by_method):
    """What the runs of a method gain by answering together, on the fresh messages."""
    labels = np.array(messages.labels("fresh"))
    draw = draws(labels)

    def gain(right, singles):
        """Gain over the mean of the single runs; the runs are fixed, the messages are drawn."""
        found = np.array([balanced_mean(right - singles, rows) for rows in draw])
        mean = balanced_accuracy(right - singles, labels)
        return (f"{100 * balanced_accuracy(right, labels):.1f} | "
                f"{100 * mean:+.1f} ({interval(found)})")

    rows = []
    for method in LEARNED:
        runs = by_method.get(method, {})
        if len(runs) < len(SEEDS):
            continue
        scores = log_softmax(np.array([runs[seed]["fresh"] for seed in SEEDS]))
        answers = scores.argmax(-1)
        singles = (answers == labels).mean(0)
        vote = (votes(answers, len(messages.LABELS)) == labels).astype(float)
        together = (np.exp(scores).mean(0).argmax(-1) == labels).astype(float)
        rows.append(f"| {method} | {100 * balanced_accuracy(singles, labels):.1f} "
                    f"| {gain(vote, singles)} | {gain(together, singles)} |")
    if not rows:
        return []
    return ["", f"## Ensembles of {len(SEEDS)} runs", "",
            f"Balanced accuracy on {SCORED['fresh']}, and the gain over the mean of the single runs in "
            "points (95 % interval).", "",
            "| method | single run | majority vote | gain | mean probability | gain |",
            "| --- | ---: | ---: | --- | ---: | --- |", *rows]


def rates():
    """The learning rates that were tried, with what chose among them."""
    tried = collections.defaultdict(dict)
    for record in RECORDS.all():
        if record["seed"] == CHOICE_SEED:
            rate = record["settings"]["train.optimizer.lr"]
            tried[record["method"]][rate] = record["validation"]
    if not tried:
        return []
    lines = ["", "## Learning rates", "", "Validation cross-entropy of the run that chooses.", "",
             "| method | learning rate: cross-entropy |", "| --- | --- |"]
    return lines + [f"| {method} | " + ", ".join(
        f"{rate:g}: {tried[method][rate]:.3f}" for rate in sorted(tried[method])) + " |"
        for method in LEARNED if method in tried]


def table(by_method):
    out = ["# Methods on the town hall's messages", "",
           "`bench/methods/run.py`, then `bench/methods/table.py --write`"]
    scores = {}
    for which in SCORED:
        lines, scores[which] = section(which, by_method)
        out += lines
    out += transfer(scores) + ensembles(by_method) + rates()
    missing = [method for method in NEEDED if method not in scores["fresh"]]
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
