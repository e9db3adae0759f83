#!/usr/bin/env python3
"""Measures speed and memory of every dtype on every instruction set of this processor.

    .venv/bin/python bench/engine/dtypes.py [--rounds 5]

The work is a training step of the default model with P = 100 and P = 20 virtual tokens (batch 8,
2 threads), and scoring. In every round each dtype computes the same batches, in turn. The figures are
medians of the ratios to float32 on the same instruction set. INCIPIT_CPU limits the instruction set of
Incipit's kernels, oneDNN, MKL and ATen alike. Memory is the resident set just after loading.
"""
import argparse
import datetime
import json
import statistics
import tempfile
from contextlib import ExitStack

import engine_worker as engine

CASES = (("train", 100), ("train", 20), ("score", 0))


def limits():
    flags = open("/proc/cpuinfo").read()
    return ["avx2"] + (["avx512"] if "avx512bw" in flags else []) + (
        ["auto"] if "avx512_bf16" in flags or "amx_bf16" in flags else [])


def measure(limit, virtual_tokens, rounds, folder):
    dtypes = ("float32", "bfloat16") + (("float16",) if virtual_tokens == 0 else ())
    work = engine.batches(rounds + 1)
    seconds = {dtype: [] for dtype in dtypes}
    with ExitStack() as stack:
        engines = {dtype: stack.enter_context(engine.Engine(dtype, virtual_tokens, folder,
                                                            limit=limit)) for dtype in dtypes}
        for turn in range(rounds + 1):
            order = dtypes if turn % 2 else dtypes[::-1]
            for dtype in order:
                taken, _ = engines[dtype].run([work[turn]])
                if turn > 0:  # the first one warms up
                    seconds[dtype].append(taken)
        loaded = {dtype: engines[dtype].loaded_bytes for dtype in dtypes}
        extra = {dtype: engines[dtype].peak_bytes() - loaded[dtype] for dtype in dtypes}
    return [{"instructions": limit, "virtual_tokens": virtual_tokens, "dtype": dtype,
             "examples_per_second": engine.BATCH / statistics.median(seconds[dtype]),
             "speed_over_float32": statistics.median(
                 a / b for a, b in zip(seconds["float32"], seconds[dtype])),
             "loaded_bytes": loaded[dtype],
             "loaded_over_float32": loaded[dtype] / loaded["float32"],
             "extra_bytes": extra[dtype]} for dtype in dtypes]


def table(results):
    lines = ["| instructions | work | dtype | examples/s | speed, float32 = 1 | memory after load "
             "(MiB) | float32 = 1 | peak beyond it (MiB) |",
             "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for r in results:
        work = f"train P={r['virtual_tokens']}" if r["virtual_tokens"] else "score"
        lines.append(f"| {r['instructions']} | {work} | {r['dtype']} | "
                     f"{r['examples_per_second']:.2f} | {r['speed_over_float32']:.2f} | "
                     f"{r['loaded_bytes'] / 2**20:.0f} | {r['loaded_over_float32']:.2f} | "
                     f"{r['extra_bytes'] / 2**20:.0f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instructions", nargs="+", default=limits(), choices=list(engine.LIMITS))
    arguments = parser.parse_args()
    progress = engine.report.Progress(len(arguments.instructions) * len(CASES))
    results = []
    with tempfile.TemporaryDirectory(prefix="dtypes-") as folder:
        for limit in arguments.instructions:
            for _, virtual_tokens in CASES:
                progress.title(f"{limit} P={virtual_tokens}")
                results += measure(limit, virtual_tokens, arguments.rounds, folder)
                progress.advance(1)
    progress.close()
    document = {"date": datetime.date.today().isoformat(),
                "machine": engine.report.machine(engine.REPOSITORY),
                "rounds": arguments.rounds, "results": results}
    name = f"dtypes-{document['date']}-{engine.report.short_name(document['machine'])}"
    folder = engine.REPOSITORY / "bench" / "results"
    text = table(results)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (folder / f"{name}.md").write_text(
        f"# dtype and instruction set\n\n{document['machine']['processor']}, 2 threads, "
        f"{arguments.rounds} rounds, `bench/engine/dtypes.py`\n\n{text}\n")
    print(text)


if __name__ == "__main__":
    main()
