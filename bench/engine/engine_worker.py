"""Runs Incipit's bench worker on generated batches, for the scripts of this folder."""
import os
import random
import re
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "vs_peft"))
import report  # noqa: E402,F401
from worker_process import WorkerProcess  # noqa: E402

MODEL = REPOSITORY / "models" / "smollm2-135m-instruct"
WORKER = REPOSITORY / "build" / "release" / "bench" / "vs_peft" / "incipit_bench_worker"
BATCH = 8



def limits():
    """Returns the environment of the libraries by value of INCIPIT_CPU, read from core/cpu_choice.h."""
    variables = ("INCIPIT_CPU", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY",
                 "MKL_ENABLE_INSTRUCTIONS")
    table = re.findall(r"CpuChoice\{([^}]*)\}", (REPOSITORY / "core" / "cpu_choice.h").read_text())
    rows = [re.findall(r'"([^"]*)"|nullptr', row) for row in table]
    return {row[0]: {name: value for name, value in zip(variables, row) if value} for row in rows}


LIMITS = limits()


def batches(count, seed=7):
    """Returns batches of 8 generated examples with RTE's lengths and two one-token candidates."""
    draw = random.Random(seed)

    def example():
        length = min(256, max(30, round(draw.lognormvariate(4.3, 0.5))))
        source = [draw.randrange(1000, 20000) for _ in range(length)]
        candidates = [[2000], [3000]]
        return {"source": source, "target": draw.choice(candidates), "candidates": candidates}

    return [[example() for _ in range(BATCH)] for _ in range(count)]


def initial_prompt(rows, folder):
    import numpy as np
    path = Path(folder) / f"prompt_{rows}.npy"
    np.save(path, np.random.default_rng(rows).normal(0, 0.1, (rows, 576)).astype(np.float32))
    return str(path)


class Engine:
    """A loaded worker that times blocks of work. Use it in a `with` block."""

    def __init__(self, dtype, virtual_tokens, folder, worker=WORKER, limit="auto", threads=2):
        before = dict(os.environ)
        os.environ.update(LIMITS[limit])
        try:
            self._process = WorkerProcess([str(worker)], Path(folder) / "workers.log", threads)
        finally:
            os.environ.clear()
            os.environ.update(before)
        self._trains = virtual_tokens > 0
        self._process.ask("load", model=str(MODEL), dtype=dtype, threads=threads,
                          learning_rate=0.001,
                          prompt=initial_prompt(virtual_tokens, folder) if self._trains else None)
        self.loaded_bytes = self._process.resident_bytes()
        self._process.reset_peak()

    def run(self, work):
        """Runs the batches; returns seconds, and losses (training) or scores."""
        keys = ("source", "target" if self._trains else "candidates")
        answer = self._process.ask("train" if self._trains else "score", batches=[
            [{key: row[key] for key in keys} for row in batch] for batch in work])
        values = answer["losses" if self._trains else "scores"]
        return answer["seconds"], values

    def peak_bytes(self):
        return self._process.peak_bytes()

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        self._process.__exit__(*arguments)


def median_interval(values):
    """Returns the median and its 95 % interval by order statistics (binomial, distribution-free)."""
    ordered, count = sorted(values), len(values)
    from scipy.stats import binom
    low = max(0, int(binom.ppf(0.025, count, 0.5)) - 1)
    return statistics.median(ordered), ordered[low], ordered[count - 1 - low]
