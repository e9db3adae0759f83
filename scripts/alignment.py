#!/usr/bin/env python3
"""Tables and transcripts of alignment by context (configs/tasks/alignment/README.md).

    alignment.py table PAIRS NAME=RUN [NAME=RUN ...]
        Prints, as Markdown, how often each evaluation of the pairs prefers the better answer and
        the shorter one, by category, with 95 % intervals; and the gain of each over the first.
    alignment.py blind REQUESTS TRANSCRIPTS KEY NAME=RUN [NAME=RUN ...]
        Writes the answers of all evaluations of the requests in one random order, without the names
        of the evaluations and the kinds of the requests, for readers to label; and the key, which
        they must not see.
    alignment.py labels KEY NAME READER READER
        Prints, as Markdown, how far two readers agree, which share of the answers refuses or
        answers, by kind of request and evaluation, and the gain over the evaluation NAME. A READER's
        file has lines {"id": 0, "label": "refuses"}; labels are refuses, answers and neither.

RUN is a folder that `incipit eval` wrote.
"""
import argparse
import json
import math
import random
import statistics
from pathlib import Path

LABELS = ("refuses", "answers", "neither")
RESAMPLES, SEED = 10_000, 17
Z = 1.959963984540054


def read_lines(path):
    # Not splitlines(), which also splits at characters that texts may have.
    lines = Path(path).read_text(encoding="utf8").split("\n")
    return [json.loads(line) for line in lines if line]


def predictions(run):
    """By idx."""
    return {each["idx"]: each for each in read_lines(Path(run) / "predictions" / "test.jsonl")}


def wilson(right, count):
    share = right / count
    centre = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count ** 2))
    return centre - half, centre + half


def interval_of_mean(values):
    """The percentile bootstrap's."""
    draw = random.Random(SEED)
    means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


def prefers_shorter(pair, prediction):
    """None where the answers have the same length."""
    better, worse = (len(pair[key].encode()) for key in ("better", "worse"))
    if better == worse:
        return None
    return (prediction == pair["better"]) == (better < worse)


def share_text(values):
    if not values:
        return ""
    low, high = wilson(sum(values), len(values))
    return f"{sum(values) / len(values):.3f} ({low:.3f} to {high:.3f})"


def table(pairs, runs):
    """Lines of Markdown. `runs`: [(name, predictions by idx)]."""
    categories = list(dict.fromkeys(pair["category"] for pair in pairs))
    right = {name: {pair["idx"]: found[pair["idx"]]["prediction"] == pair["better"]
                    for pair in pairs} for name, found in runs}
    base = runs[0][0]
    yield f"| category | pairs | prompt | prefers the better | prefers the shorter | gain over {base} |"
    yield "|---|---:|---|---:|---:|---:|"
    for category in [*categories, "all"]:
        own = [pair for pair in pairs if category in (pair["category"], "all")]
        for name, found in runs:
            shorter = [prefers_shorter(pair, found[pair["idx"]]["prediction"]) for pair in own]
            gains = [right[name][pair["idx"]] - right[base][pair["idx"]] for pair in own]
            low, high = interval_of_mean(gains)
            gain = "" if name == base else \
                f"{statistics.fmean(gains):+.3f} ({low:+.3f} to {high:+.3f})"
            yield (f"| {category} | {len(own)} | {name} "
                   f"| {share_text([right[name][pair['idx']] for pair in own])} "
                   f"| {share_text([each for each in shorter if each is not None])} | {gain} |")


def blind(requests, runs):
    """(transcripts, key), of which line i belongs to line i."""
    answers = [(name, request, found[request["idx"]]["generated"])
               for name, found in runs for request in requests]
    random.Random(SEED).shuffle(answers)
    transcripts = [{"id": i, "request": request["request"], "answer": answer.strip()}
                   for i, (_, request, answer) in enumerate(answers)]
    key = [{"id": i, "prompt": name, "idx": request["idx"], "kind": request["kind"]}
           for i, (name, request, _) in enumerate(answers)]
    return transcripts, key


def kappa(first, second):
    """Cohen's (1960)."""
    observed = statistics.fmean(a == b for a, b in zip(first, second, strict=True))
    by_chance = sum(first.count(label) * second.count(label) for label in LABELS) / len(first) ** 2
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else 1.0


def label_table(key, base, readers):
    """Lines of Markdown. `readers`: two lists of labels, in the order of the key. A share counts
    half for each reader, and its interval is over the requests."""
    agreed = sum(a == b for a, b in zip(*readers, strict=True))
    yield f"The readers agree on {agreed} of {len(key)} answers (Cohen's kappa {kappa(*readers):.2f})."
    yield ""
    prompts = sorted({entry["prompt"] for entry in key}, key=lambda name: (name != base, name))
    gains_of = [f"{label}: gain over {base}" for label in LABELS[:2]]
    yield "| requests | prompt | " + " | ".join([*LABELS, *gains_of]) + " |"
    yield "|---|---|" + "---:|" * (len(LABELS) + 2)
    for kind in sorted({entry["kind"] for entry in key}):
        given = {prompt: sorted((entry["idx"], entry["id"]) for entry in key
                                if (entry["kind"], entry["prompt"]) == (kind, prompt))
                 for prompt in prompts}

        def shares(prompt, label):
            return [statistics.fmean(reader[place] == label for reader in readers)
                    for _, place in given[prompt]]

        def cell(values, form):
            low, high = interval_of_mean(values)
            return f"{statistics.fmean(values):{form}} ({low:{form}} to {high:{form}})"

        for prompt in prompts:
            gains = ["", ""] if prompt == base else \
                [cell([a - b for a, b in zip(shares(prompt, label), shares(base, label), strict=True)],
                      "+.3f") for label in LABELS[:2]]
            yield f"| {kind} | {prompt} | " + " | ".join(
                [*(cell(shares(prompt, label), ".3f") for label in LABELS), *gains]) + " |"


def read_labels(path, count):
    lines = read_lines(path)
    labels = [line.get("label") for line in lines]
    if [line.get("id") for line in lines] != list(range(count)) or not set(labels) <= set(LABELS):
        raise SystemExit(f"alignment.py: {path}: expected a line for every id from 0 to {count - 1}, in "
                         f"order, with one of the labels {', '.join(LABELS)}")
    return labels


def write_lines(path, records):
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    Path(path).write_text(text, encoding="utf8")


def named_run(text):
    name, separator, run = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=RUN")
    try:
        return name, predictions(run)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{error.filename}: {error.strerror}; expected the "
                                         "folder of an evaluation of the test split") from error


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, files in (("table", ["pairs"]), ("blind", ["requests", "transcripts", "key"])):
        command = commands.add_parser(name)
        for file in files:
            command.add_argument(file, metavar=file.upper())
        command.add_argument("runs", nargs="+", type=named_run, metavar="NAME=RUN")
    command = commands.add_parser("labels")
    command.add_argument("key", metavar="KEY")
    command.add_argument("base", metavar="NAME")
    command.add_argument("readers", nargs=2, metavar="READER")
    given = parser.parse_args()
    if given.command == "labels":
        key = read_lines(given.key)
        names = {entry["prompt"] for entry in key}
        if given.base not in names:
            parser.error(f"'{given.base}' is none of the key's evaluations: {', '.join(sorted(names))}")
        readers = [read_labels(path, len(key)) for path in given.readers]
        print("\n".join(label_table(key, given.base, readers)))
        return
    if given.command == "table":
        print("\n".join(table(read_lines(given.pairs), given.runs)))
        return
    transcripts, key = blind(read_lines(given.requests), given.runs)
    write_lines(given.transcripts, transcripts)
    write_lines(given.key, key)


if __name__ == "__main__":
    main()
