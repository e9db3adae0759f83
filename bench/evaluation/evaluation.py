#!/usr/bin/env python3
"""Times the scoring of SuperGLUE's candidates by Incipit and by transformers, in turns in one run.

    .venv/bin/python bench/evaluation/evaluation.py [--tasks boolq multirc record] [--rounds 3]
        [--examples N] [--out bench/results/evaluation-NAME]

README.md describes the measurement; the results are in bench/results.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "parity"))
import plain_scores  # noqa: E402

TOOL = ROOT / "build/release/tests/parity/evaluation_tool"
MODEL = ROOT / "models/smollm2-135m-instruct"
DATA = Path(os.environ.get("INCIPIT_SHARED", ROOT.parent / "shared")) / "data" / "superglue"
THREADS = 2
WITHIN = 1e-3
BATCH_SIZES = (4, 8, 16)
PEERS = {"plain": plain_scores.plain, "trimmed": plain_scores.trimmed, "cached": plain_scores.cached}
# Folder, file, and number of examples; None: all.
FILES = {"boolq": ("BoolQ", "val-head2000.jsonl", 100), "cb": ("CB", "val.jsonl", None),
         "copa": ("COPA", "val.jsonl", None), "multirc": ("MultiRC", "train32.jsonl", None),
         "record": ("ReCoRD", "train32.jsonl", None), "rte": ("RTE", "val.jsonl", 100),
         "wic": ("WiC", "train32.jsonl", None), "wsc": ("WSC", "val.jsonl", None)}


def configuration(task, folder):
    directory, file, _ = FILES[task]
    path = Path(folder) / f"{task}.yaml"
    path.write_text(f"model: {{path: {MODEL}, dtype: float32}}\nmethod: {{kind: none}}\n"
                    f"task: {{name: {task}, data_dir: {DATA / directory}, train: '', validation: 0, "
                    f"test: {file}}}\neval: {{score: sum}}\n", encoding="utf8")
    return path


def ours(config, limit):
    """Returns the last of two repetitions; the first one loads the weights into memory."""
    request = {"examples": limit or 0, "threads": THREADS, "repeat": 2}
    done = subprocess.run([str(TOOL), str(config)], input=json.dumps(request), text=True,
                          capture_output=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    answer = json.loads(done.stdout)
    return answer["seconds"][-1], answer["examples"]


def timed(score, *arguments):
    start = time.perf_counter()
    scores = score(*arguments)
    return time.perf_counter() - start, scores


def largest_difference(found, expected):
    return max(abs(x - y) for a, b in zip(found, expected, strict=True)
               for x, y in zip(a, b, strict=True))


def fastest_batch_size(score, model, questions):
    some, rows = [], 0
    while rows < 2 * max(BATCH_SIZES) and len(some) < len(questions):
        some.append(questions[len(some)])
        rows += len(some[-1]["candidates"])
    score(model, some[:1], 4)  # warm-up
    return min(BATCH_SIZES, key=lambda size: timed(score, model, some, size)[0])


def measure(model, task, rounds, limit, folder):
    config, limit = configuration(task, folder), limit or FILES[task][2]
    _, examples = ours(config, limit)
    questions = [{"line": example["line"], "source": example["source_ids"],
                  "candidates": [c["ids"] for c in example["candidates"]]} for example in examples]
    sizes = {way: fastest_batch_size(PEERS[way], model, questions) for way in ("plain", "trimmed")}
    seconds = {way: [] for way in ("incipit", *PEERS)}
    apart = dict.fromkeys(PEERS, 0.0)
    for _ in range(rounds):
        taken, examples = ours(config, limit)
        seconds["incipit"].append(taken)
        found = [example["scores"] for example in examples]
        for way, score in PEERS.items():
            batch_size = [sizes[way]] if way in sizes else []
            taken, scores = timed(score, model, questions, *batch_size)
            seconds[way].append(taken)
            apart[way] = max(apart[way], largest_difference(found, scores))
    medians = {way: statistics.median(times) for way, times in seconds.items()}
    return {"task": task, "file": f"{FILES[task][0]}/{FILES[task][1]}", "examples": len(questions),
            "candidates": sum(len(q["candidates"]) for q in questions), "batch_sizes": sizes,
            "seconds": medians, "all_seconds": seconds, "apart": apart,
            "agrees": max(apart.values()) <= WITHIN}


def table(results):
    lines = ["| file | examples | candidates | Incipit | plain | trimmed | cached | scores apart |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for r in results:
        own = r["seconds"]["incipit"]
        peers = " | ".join(f"{r['seconds'][way] / own:.1f}x" for way in PEERS)
        lines.append(f"| {r['file']} | {r['examples']} | {r['candidates']} | {own:.1f} s | {peers} "
                     f"| {max(r['apart'].values()):.0e} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=list(FILES), choices=list(FILES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--examples", type=int, help="the first N of each task")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"evaluation: no SuperGLUE files under {DATA}: point INCIPIT_SHARED at the folder "
                 "that contains data/superglue")
    torch.set_num_threads(THREADS)
    load = os.getloadavg()[0]
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for task in arguments.tasks:
            results.append(measure(model, task, arguments.rounds, arguments.examples, folder))
            print(table(results[-1:]).splitlines()[-1], flush=True)
    print("\n" + table(results))
    if arguments.out:
        arguments.out.with_suffix(".md").write_text(table(results) + "\n")
        arguments.out.with_suffix(".json").write_text(
            json.dumps({"load_before": load, "results": results}, indent=1) + "\n")
    if not all(result["agrees"] for result in results):
        sys.exit("evaluation: the sides disagree by more than the tolerance")


if __name__ == "__main__":
    main()
