"""Comparisons that continue: a committed file for each finished run."""
import hashlib
import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "build/release/launcher/incipit"


class Records:
    """The records of finished runs in `folder`.

    A record is named by a hash of everything that its result depends on but the program: method,
    settings and the texts of the `inputs`, files. A run whose inputs have changed has no record.
    """

    def __init__(self, folder, inputs):
        self.folder = folder
        self.inputs = [file.read_text(encoding="utf8") for file in inputs]

    def key(self, method, settings):
        parts = [method, json.dumps(settings, sort_keys=True), *self.inputs]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def path(self, key):
        return self.folder / f"{key}.json"

    def read(self, key):
        """Returns the record, or None if the run is not finished."""
        file = self.path(key)
        return json.loads(file.read_text(encoding="utf8")) if file.exists() else None

    def write(self, key, record):
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True,
                                capture_output=True, text=True).stdout.strip()
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.path(key).with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"commit": commit, **record}) + "\n", encoding="utf8")
        unfinished.rename(self.path(key))

    def all(self):
        """All records of present inputs."""
        for file in sorted(self.folder.glob("*.json")):
            record = json.loads(file.read_text(encoding="utf8"))
            if self.key(record["method"], {**record["settings"], "run.seed": record["seed"]}) == \
                    file.stem:
                yield record


class Runner:
    """Runs what has no record yet, until `deadline` (seconds of time.monotonic)."""

    def __init__(self, records, runs, deadline, ranks=1):
        self.records = records
        self.runs = runs  # the folder of unfinished runs
        self.deadline = deadline
        self.ranks = ranks

    def record(self, method, seed, settings, run, shown="validation"):
        """Returns the record of a run; `run(folder)` makes its figures if there is none.

        A new run's figure `shown` is printed.
        """
        key = self.records.key(method, {**settings, "run.seed": seed})
        known = self.records.read(key)
        if known is not None:
            return known
        if time.monotonic() > self.deadline:
            raise TimeoutError
        start = time.monotonic()
        figures = run(self.runs / key)
        self.records.write(key, {"method": method, "seed": seed, "settings": settings, **figures})
        shutil.rmtree(self.runs / key, ignore_errors=True)
        print(f"{time.monotonic() - start:6.0f} s  {method}, seed {seed}: {shown} "
              f"{figures[shown]:.3f}  {settings}", flush=True)
        return self.records.read(key)

    def incipit(self, command, *arguments):
        launch = ["scripts/mpirun.sh", "-n", str(self.ranks)] if self.ranks > 1 else []
        done = subprocess.run([*launch, str(PROGRAM), command, *map(str, arguments)], cwd=ROOT,
                              stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            sys.exit(f"incipit {command} ended with exit code {done.returncode}; start again to "
                     "continue")


def best_rate(rates, loss):
    """The learning rate with the lowest `loss(rate)`.

    While the best one is the lowest or the highest that was tried, a third of it, or three times as
    much, is tried too.
    """
    rates = sorted(rates)
    while True:
        best = min(rates, key=loss)
        if rates[0] < best < rates[-1]:
            return best
        further = best / 3 if best == rates[0] else 3 * best
        rates = sorted([*rates, float(f"{further:.0e}")])


def assignments(settings):
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def made_with(evaluation):
    """What computed an evaluation, from its folder."""
    manifest = json.loads((evaluation / "manifest.json").read_text(encoding="utf8"))
    return {"processor": manifest["processor_capability"], "dtype": manifest["model"]["dtype"],
            "model": manifest["model"]["weights_fingerprint"]}


def trained(output):
    """Loss and time of a finished training, and what its task needs besides the shared model."""
    lines = (output / "metrics.jsonl").read_text(encoding="utf8").splitlines()
    steps = [step for step in map(json.loads, lines) if "loss" in step]
    files = list((output / "adapter/best").glob("*.safetensors"))
    files = files or list((output / "model/best").glob("*.safetensors"))
    return {"train_loss": statistics.fmean(step["loss"] for step in steps[-20:]),
            "seconds": sum(step["seconds"] for step in steps),
            "numbers": sum(map(numbers_in, files)),
            "bytes": sum(file.stat().st_size for file in files)}


def numbers_in(file):
    """How many numbers the tensors of a safetensors file have."""
    with file.open("rb") as content:
        header = json.loads(content.read(int.from_bytes(content.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items()
               if name != "__metadata__")
