#!/usr/bin/env python3
"""Compares the speed of two builds of the engine, to find out whether a change is slower anywhere.

    .venv/bin/python bench/engine/builds.py OLD_WORKER [--pairs 12]

OLD_WORKER is the incipit_bench_worker of the other build; the new one is that of build/release. Both
compute the same batches in turn, and the one that goes first alternates. A ratio above 1 means that the
new build is faster. The interval is that of the median over pairs (95 %, order statistics). Exits with
code 1 if the interval of a row is below 0.97, or if losses or scores differ by more than the tolerance.
"""
import argparse
import datetime
import json
import sys
import tempfile
from pathlib import Path

import engine_worker as engine

TOLERANCE = {"float32": 2e-4, "bfloat16": 5e-2}
CASES = [(dtype, tokens) for dtype in TOLERANCE for tokens in (100, 20, 0)]


def flat(values):
    return [x for value in values for x in (flat(value) if isinstance(value, list) else [value])]


def compare(old, dtype, virtual_tokens, arguments, folder):
    work = engine.batches(arguments.pairs + 1)
    ratios, difference = [], 0.0
    with engine.Engine(dtype, virtual_tokens, folder, worker=old, limit=arguments.cpu) as before, \
            engine.Engine(dtype, virtual_tokens, folder, limit=arguments.cpu) as now:
        for pair in range(arguments.pairs + 1):
            answers = {}
            for name, side in sorted({"old": before, "new": now}.items(), reverse=pair % 2 == 0):
                answers[name] = side.run([work[pair]] * arguments.steps)
            if pair > 0:
                ratios.append(answers["old"][0] / answers["new"][0])
            difference = max(difference, *(
                abs(a - b) / max(abs(a), 1e-3)
                for a, b in zip(flat(answers["old"][1]), flat(answers["new"][1]), strict=True)))
        peaks = {"old": before.peak_bytes(), "new": now.peak_bytes()}
    median, low, high = engine.median_interval(ratios)
    return {"dtype": dtype, "virtual_tokens": virtual_tokens, "speed": median, "low": low,
            "high": high, "difference": difference, "peak_bytes": peaks,
            "agrees": difference <= TOLERANCE[dtype]}


def table(results):
    lines = ["| dtype | P | speed of the new build, old = 1 | 95 % | largest difference | peak memory, "
             "old = 1 |", "| --- | ---: | ---: | --- | ---: | ---: |"]
    for r in results:
        lines.append(f"| {r['dtype']} | {r['virtual_tokens']} | {r['speed']:.3f} | {r['low']:.3f} to "
                     f"{r['high']:.3f} | {r['difference']:.1e} | "
                     f"{r['peak_bytes']['new'] / r['peak_bytes']['old']:.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--steps", type=int, default=1, help="steps of a block")
    parser.add_argument("--cpu", default="auto", choices=list(engine.LIMITS))
    parser.add_argument("--name", default="builds", help="of the result files")
    arguments = parser.parse_args()
    progress = engine.report.Progress(len(CASES))
    results = []
    with tempfile.TemporaryDirectory(prefix="builds-") as folder:
        for dtype, virtual_tokens in CASES:
            progress.title(f"{dtype} P={virtual_tokens}")
            results.append(compare(arguments.old, dtype, virtual_tokens, arguments, folder))
            progress.advance(1)
    progress.close()
    document = {"date": datetime.date.today().isoformat(),
                "machine": engine.report.machine(engine.REPOSITORY), "cpu": arguments.cpu,
                "pairs": arguments.pairs, "steps": arguments.steps, "results": results}
    name = (f"{arguments.name}-{document['date']}-"
            f"{engine.report.short_name(document['machine'])}")
    folder = engine.REPOSITORY / "bench" / "results"
    text = table(results)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (folder / f"{name}.md").write_text(
        f"# Two builds of the engine\n\n{document['machine']['processor']}, INCIPIT_CPU="
        f"{arguments.cpu}, 2 threads, {arguments.pairs} pairs, `bench/engine/builds.py`. A P of 0 is "
        f"scoring.\n\n{text}\n")
    print(text)
    if any(r["high"] < 0.97 or not r["agrees"] for r in results):
        sys.exit("builds: a row is slower, or differs by more than the tolerance")


if __name__ == "__main__":
    main()
