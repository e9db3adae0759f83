#!/usr/bin/env python3
"""Stops many training runs at random moments and checks that they lose nothing.

    tests/nightly/stop_signals.py [--tiny 180] [--default 20] [--storm 60] [--seed N]
        [--incipit build/release/launcher/incipit] [--mpirun scripts/mpirun.sh] [--model DIR]

Each run is stopped once, by SIGTERM, SIGUSR1 or SIGINT, at a moment drawn from all of its life,
start-up included, on 1 and 2 ranks in turn, with the instruction sets limited to AVX2. It must end
with exit code 75 (or 0, when it had finished), keep every file that was there, and end in the bytes
of an undisturbed run once it is started again. --tiny counts runs of a tiny random model, --default
of the default model. --storm: seconds of a run of the default model under a harmless signal every
millisecond, whose losses must be those of an undisturbed run.

Moments count from when the signals no longer end the program as they end any program; that takes a
few milliseconds from exec. Exit code 1: something was lost. Logs of such runs stay, and are named.
"""
import argparse
import collections
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import signal_storm
import stopping
import tiny

RANKS = (1, 2)
WAYS = ("starting", "checkpoint", "finished")
TINY = ["train.steps=600", "train.eval_every=200", "train.checkpoint_every=50",
        "train.optimizer.lr=0.001"]
DEFAULT = ["model.dtype=float32", "train.steps=6", "train.batch_size=4", "train.eval_every=3",
           "train.checkpoint_every=2"]
STORM = ["model.dtype=float32", "train.batch_size=4", "train.eval_every=0",
         "train.checkpoint_every=0"]


class Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self, total):
        self.total, self.done, self.begin = total, 0, time.monotonic()
        self.bar = sys.stderr.isatty()

    def show(self, doing):
        elapsed = time.monotonic() - self.begin
        left = f", {elapsed / self.done * (self.total - self.done):.0f} s left" if self.done else ""
        text = f"{self.done}/{self.total} runs, {doing}{left}"
        if self.bar:
            filled = 30 * self.done // max(1, self.total)
            sys.stderr.write(f"\r\x1b[K[{'#' * filled}{'.' * (30 - filled)}] {text}")
        elif self.done % 10 == 0:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def end(self):
        if self.bar:
            sys.stderr.write("\r\x1b[K")


def make_job(arguments, folder, config, sets, ranks):
    folder.mkdir()
    threads = 1 if sets is TINY else max(1, len(os.sched_getaffinity(0)) // ranks)
    environment = {"INCIPIT_CPU": "avx2", "OMP_NUM_THREADS": str(threads),
                   "OMP_WAIT_POLICY": "passive", "INCIPIT_CACHE": str(folder.parent / "cache")}
    return stopping.Job(str(arguments.incipit), str(arguments.mpirun), folder, config, sets, ranks,
                        environment)


def disturb(job, draw, count, title, progress, deviations):
    """How often `count` runs ended in each way; what went wrong is appended to `deviations`."""
    ways = collections.Counter()
    progress.show(f"{title}: the undisturbed run")
    disturbed = stopping.Disturbed(job, draw)
    for number in range(count):
        progress.show(title)
        try:
            ways.update(disturbed.run(f"run_{number}"))
        except stopping.Deviation as deviation:
            ways["deviation"] += 1
            deviations.append(f"{title}, in {job.folder}: {deviation}")
        progress.done += 1
    return ways, disturbed.seconds


def write_default_config(folder, model):
    config = folder / "default.yaml"
    text = tiny.CONFIG.format(folder=folder).replace(f'"{folder}/model"', f'"{model}"')
    config.write_text(text)
    return config


def print_table(rows):
    header = ("model", "ranks", "runs", "seconds", *WAYS, "deviations")
    lines = [header, *[tuple(map(str, row)) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))


def run_all(arguments, folder):
    """The rows of the table and what went wrong."""
    draw = random.Random(arguments.seed)
    configs = {"tiny": (tiny.write_everything(folder), TINY, arguments.tiny),
               "default": (write_default_config(folder, arguments.model), DEFAULT,
                           arguments.default)}
    progress = Progress(arguments.tiny + arguments.default)
    rows, deviations = [], []
    for model, (config, sets, count) in configs.items():
        for index, ranks in enumerate(RANKS):
            own = (count + len(RANKS) - 1 - index) // len(RANKS)
            if own == 0:
                continue
            job = make_job(arguments, folder / f"{model}_{ranks}", config, sets, ranks)
            ways, seconds = disturb(job, draw, own, f"{model}, ranks {ranks}", progress, deviations)
            rows.append((model, ranks, own, f"{seconds:.1f}", *(ways[way] for way in WAYS),
                         ways["deviation"]))
    progress.end()
    return rows, deviations


def storm(arguments, folder):
    """Returns what went wrong under harmless signals."""
    job = make_job(arguments, folder / "storm", folder / "default.yaml", STORM, 1)
    print(f"a harmless signal every millisecond for {arguments.storm} s", file=sys.stderr)
    steps, sent, different = signal_storm.compare(job, arguments.storm, warm_up=3)
    print(f"storm: {sent} signals, {steps} steps compared, "
          + ("all losses equal" if different is None else f"step {different} differs"))
    return [] if different is None and steps else ["storm: the losses differ"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tiny", type=int, default=180)
    parser.add_argument("--default", type=int, default=20)
    parser.add_argument("--storm", type=float, default=60, help="seconds; 0: none")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--incipit", type=Path, default=ROOT / "build/release/launcher/incipit")
    parser.add_argument("--mpirun", type=Path, default=ROOT / "scripts/mpirun.sh")
    parser.add_argument("--model", type=Path, default=ROOT / "models/smollm2-135m-instruct")
    arguments = parser.parse_args()
    for name in ("incipit", "mpirun", "model"):
        setattr(arguments, name, getattr(arguments, name).absolute())
    print(f"seed {arguments.seed}")
    folder = Path(tempfile.mkdtemp(prefix="incipit-stop-"))
    rows, deviations = run_all(arguments, folder)
    print_table(rows)
    if arguments.storm > 0:
        deviations += storm(arguments, folder)
    for deviation in deviations:
        print(f"\nDEVIATION: {deviation}")
    if not deviations:
        shutil.rmtree(folder)
    return 1 if deviations else 0


if __name__ == "__main__":
    sys.exit(main())
