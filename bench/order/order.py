#!/usr/bin/env python3
"""Times the scoring of 24 orders of four few-shot examples by Incipit and by transformers.

    .venv/bin/python bench/order/order.py [--queries 32] [--rounds 1] [--out bench/results/order-NAME]

README.md describes the measurement.
"""
import argparse
import copy
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/release/launcher/incipit"
MODEL = ROOT / "models/smollm2-135m-instruct"
THREADS, BATCH, WITHIN = 2, 16, 1e-3
ANSWERS = {"good": " good", "bad": " bad"}  # a token each
PLACES = ["mill", "ferry", "bakery", "guest house", "museum", "swimming pool", "bicycle shop",
          "market hall", "observatory", "tea room"]
GOOD = ["the staff took their time to explain everything", "we would come back tomorrow",
        "every room was spotless", "the children did not want to leave",
        "it cost less than we had expected"]
BAD = ["nobody seemed to know who was in charge", "we left before the end",
       "the floor was sticky", "the children asked to go home after ten minutes",
       "it cost twice what the sign said"]


def reviews(count, seed):
    """Invented reviews of about 40 tokens, labels in turn."""
    draw = random.Random(seed)
    for i in range(count):
        label, phrases = (("good", GOOD), ("bad", BAD))[i % 2]
        first, second = draw.sample(phrases, 2)
        text = (f"We visited the {draw.choice(PLACES)} on a rainy day in week {draw.randrange(1, 53)} "
                f"with {draw.randrange(2, 9)} friends, and {first}; {second}.")
        yield {"text": text, "label": label}


def write_run(folder, queries):
    for name, count, seed in (("train", 4, 1), ("test", queries, 2)):
        lines = (json.dumps(record) + "\n" for record in reviews(count, seed))
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf8")
    path = folder / "run.yaml"
    path.write_text(f"""run: {{name: order, output_dir: {folder}/run}}
model: {{path: {MODEL}, dtype: float32}}
method: {{kind: none}}
task:
  data_dir: {folder}
  train: train.jsonl
  validation: 0
  test: test.jsonl
  template: "Review: {{text}}\\nSentiment:"
  verbalizer: {{good: "{ANSWERS['good']}", bad: "{ANSWERS['bad']}"}}
  shots: 4
order: {{queries: 0, probes_per_order: 0}}
log: {{level: warn}}
""", encoding="utf8")
    return path


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def cpu_seconds(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def ours(config, folder, queries):
    """The whole command: start, loading, scoring, results. Returns times and scores by order."""
    output = Path(tempfile.mkdtemp(dir=folder)) / "run"
    before, start = cpu_seconds(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([str(PROGRAM), "order", str(config), "--output", str(output), "--json"],
                          text=True, capture_output=True)
    taken = {"seconds": time.perf_counter() - start,
             "cpu_seconds": cpu_seconds(resource.RUSAGE_CHILDREN) - before}
    if done.returncode != 0:
        sys.exit(done.stderr)
    results = json.loads(done.stdout)
    rows = [each["likelihoods"][:queries] for each in read_lines(output / "order.jsonl")
            if "likelihoods" in each]
    return taken, rows, results


class Tokens:
    def __init__(self, folder, results):
        tokenizer = AutoTokenizer.from_pretrained(MODEL)

        def encode(text):
            return tokenizer.encode(text, add_special_tokens=False)

        train, test = (read_lines(folder / f"{name}.jsonl") for name in ("train", "test"))
        shots = []
        for example in results["examples"]:
            record = train[int(example["line"]) - 1]
            shots.append(encode(self.source(record)) + encode(ANSWERS[record["label"]])
                         + encode("\n\n"))
        self.orders = [sum((shots[index] for index in order), []) for order in results["orders"]]
        self.queries = [encode(self.source(record)) for record in test]
        self.answers = [encode(text)[0] for text in ANSWERS.values()]

    @staticmethod
    def source(record):
        return f"Review: {record['text']}\nSentiment:"


def padded_left(rows):
    """Ids, mask and positions, padded at the beginning: the last position is every row's answer."""
    length = max(map(len, rows))
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, length - len(row):] = torch.tensor(row)
        mask[i, length - len(row):] = 1
    return ids, mask, (mask.cumsum(-1) - 1).clamp(min=0)


@torch.no_grad()
def order_by_order(model, tokens):
    """Every query after every order, a padded batch at a time, with logits at the answer only."""
    found = []
    for order in tokens.orders:
        scores = []
        for start in range(0, len(tokens.queries), BATCH):
            ids, mask, positions = padded_left(
                [order + query for query in tokens.queries[start:start + BATCH]])
            logits = model(input_ids=ids, attention_mask=mask, position_ids=positions,
                           logits_to_keep=1, use_cache=False).logits[:, -1]
            scores += logits.float().log_softmax(-1)[:, tokens.answers].tolist()
        found.append(scores)
    return found


@torch.no_grad()
def cached(model, tokens):
    """The same, with the keys and values of each order computed once and given to its queries."""
    found = []
    for order in tokens.orders:
        cache = model(input_ids=torch.tensor([order]), use_cache=True, logits_to_keep=1).past_key_values
        scores = []
        for start in range(0, len(tokens.queries), BATCH):
            ids, mask, positions = padded_left(tokens.queries[start:start + BATCH])
            own = copy.deepcopy(cache)
            own.batch_repeat_interleave(len(ids))
            before = torch.ones(len(ids), len(order), dtype=torch.long)
            logits = model(input_ids=ids, attention_mask=torch.cat([before, mask], dim=1),
                           position_ids=positions + len(order), past_key_values=own,
                           logits_to_keep=1).logits[:, -1]
            scores += logits.float().log_softmax(-1)[:, tokens.answers].tolist()
        found.append(scores)
    return found


def timed(score, *arguments):
    before, start = cpu_seconds(resource.RUSAGE_SELF), time.perf_counter()
    scores = score(*arguments)
    return {"seconds": time.perf_counter() - start,
            "cpu_seconds": cpu_seconds(resource.RUSAGE_SELF) - before}, scores


def largest_difference(found, expected):
    return max(abs(x - y) for a, b in zip(found, expected, strict=True)
               for c, d in zip(a, b, strict=True) for x, y in zip(c, d, strict=True))


def table(result):
    own = result["medians"]["incipit"]
    lines = ["| | seconds | processor seconds | relative to Incipit | by processor time |",
             "| --- | ---: | ---: | ---: | ---: |"]
    for way, times in result["medians"].items():
        lines.append(f"| {way} | {times['seconds']:.1f} | {times['cpu_seconds']:.1f} "
                     f"| {times['seconds'] / own['seconds']:.1f}x "
                     f"| {times['cpu_seconds'] / own['cpu_seconds']:.1f}x |")
    rows = result["rows"]
    lines += ["", f"{result['orders']} orders of 4 examples, {result['queries']} queries; rows of "
              f"examples: {rows['computed']:,} computed, {rows['without_sharing']:,} without "
              f"sharing. Scores differ by at most {result['apart']:.0e}."]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    load = os.getloadavg()[0]
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    times, apart = {}, 0.0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = write_run(folder, arguments.queries)
        for _ in range(arguments.rounds):
            taken, found, results = ours(config, folder, arguments.queries)
            times.setdefault("incipit", []).append(taken)
            tokens = Tokens(folder, results)
            for way, score in (("transformers, order by order", order_by_order),
                               ("transformers, cache of each order", cached)):
                taken, scores = timed(score, model, tokens)
                times.setdefault(way, []).append(taken)
                apart = max(apart, largest_difference(found, scores))
    medians = {way: {key: statistics.median(each[key] for each in all_times)
                     for key in ("seconds", "cpu_seconds")} for way, all_times in times.items()}
    result = {"orders": len(results["orders"]), "queries": arguments.queries,
              "rows": results["rows"], "load_before": load, "apart": apart, "medians": medians,
              "all": times}
    print(table(result))
    if arguments.out:
        head = (f"# Orders of few-shot examples\n\n{THREADS} threads, {arguments.rounds} rounds, "
                "`bench/order/order.py`\n\n")
        arguments.out.with_suffix(".md").write_text(head + table(result) + "\n")
        arguments.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if apart > WITHIN:
        sys.exit("order: the sides disagree by more than the tolerance")


if __name__ == "__main__":
    main()
