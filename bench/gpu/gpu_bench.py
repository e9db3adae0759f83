#!/usr/bin/env python3
"""Tests and measures Incipit on a GPU. Run it in an unpacked bundle; README.md describes what it does.

    python3 bench/gpu/gpu_bench.py [--out FOLDER] [--lengths FILE.json] [--scratch FOLDER]
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "vs_peft")]
import first_step  # noqa: E402
import gpu_tests  # noqa: E402
import report  # noqa: E402
import shapes  # noqa: E402
import tables  # noqa: E402
from comparison import Case, Group, Steps, compare  # noqa: E402
from sides import ROOT  # noqa: E402
from worker_process import WorkerError  # noqa: E402

GROUPS = {
    "cuda": [Group("1b", "bfloat16", (Case("train", 32), Case("train", 8), Case("evaluate", 32)),
                   seconds=80, peft_extra_gib=21),
             Group("1b", "float32", (Case("train", 8),), seconds=55, peft_extra_gib=10),
             Group("8b", "bfloat16", (Case("train", 32),), seconds=100, peft_extra_gib=55)],
    "cpu": [Group("tiny", "float32", (Case("train", 2, 20), Case("evaluate", 2)), seconds=0,
                  steps=Steps(checked=1, pairs=1, peft=1, incipit=2))]}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"],
                        help="cpu: a tiny model, to try the script where there is no GPU")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "results")),
                        help="folder of the results ($OUT or results)")
    parser.add_argument("--scratch", type=Path, help="folder for random models, 16 GB "
                        "(/dev/shm if it is large enough, else /tmp)")
    parser.add_argument("--lengths", type=Path, metavar="FILE.json",
                        help="a list of numbers of tokens, instead of RTE's distribution")
    parser.add_argument("--seconds", type=float, default=285, help="begin nothing that would end "
                        "later; what was left out is listed")
    parser.add_argument("--threads", type=int, default=min(8, os.cpu_count() or 1))
    return parser.parse_args()


def device_facts(device):
    """Returns the name of the card, its driver and its memory."""
    if device == "cpu":
        return {"processor": report.processor(), "device": report.processor()}
    import torch
    query = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
                           capture_output=True, text=True)
    properties = torch.cuda.get_device_properties(0)
    return {"processor": report.processor(), "device": properties.name,
            "driver": query.stdout.split("\n")[0].strip() or None, "cuda": torch.version.cuda,
            "memory_gib": properties.total_memory / 2**30}


def machine(device, bundle):
    return {**device_facts(device), "cores": os.cpu_count(), "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("torch", "transformers", "peft")},
            "commit": bundle["commit"]}


def open_bundle():
    """Returns what make_bundle.py wrote about the bundle, if its programs run on this machine."""
    about = ROOT / "bundle.json"
    if not about.exists():
        sys.exit("gpu_bench: run the script in a bundle, which bench/gpu/make_bundle.py makes")
    bundle = json.loads(about.read_text())
    glibc = os.confstr("CS_GNU_LIBC_VERSION").split()[1]
    if [int(part) for part in glibc.split(".")] < [int(part) for part in bundle["glibc"].split(".")]:
        sys.exit(f"gpu_bench: the bundle's programs need glibc {bundle['glibc']} or later, and this "
                 f"machine has {glibc}: build and pack them on an older system")
    return bundle


def scratch_folder(arguments):
    if arguments.scratch:
        return arguments.scratch
    needed = 2 * shapes.SHAPES["8b"].weight_bytes("bfloat16")
    shared = Path("/dev/shm")
    if arguments.device == "cuda" and shared.is_dir() and shutil.disk_usage(shared).free > needed:
        return shared
    return Path(tempfile.gettempdir())


class Run:
    def __init__(self, arguments, bundle, folder):
        self.arguments, self.bundle, self.folder = arguments, bundle, folder
        self.start = time.monotonic()
        self.models = {}
        facts = machine(arguments.device, bundle)
        self.document = {"date": datetime.date.today().isoformat(), "machine": facts,
                         "tests": [], "results": [], "first_step": None, "left_out": [],
                         "problems": []}
        name = report.short_name({"processor": facts["device"]})
        self.stem = arguments.out / f"gpu-{self.document['date']}-{name}"

    def part(self, title, seconds, work):
        """Does a part of the run if there is time for it, and writes what is known by then."""
        taken = time.monotonic() - self.start
        if taken + seconds > self.arguments.seconds:
            self.document["left_out"].append(title)
            return
        print(f"{taken:6.0f} s  {title}", file=sys.stderr, flush=True)
        try:
            work()
        except (WorkerError, RuntimeError) as error:
            self.document["problems"].append(f"{title}: {error}")
        self.document["seconds"] = time.monotonic() - self.start
        tables.write(self.document, self.stem)

    def model(self, shape):
        """Returns the folder of a random model; makes it once."""
        if shape not in self.models:
            for other in self.models.values():
                shutil.rmtree(other)
            folder = self.folder / shape
            shapes.write_model(shapes.SHAPES[shape], folder, self.arguments.device)
            for file in (ROOT / "tokenizer").iterdir():
                shutil.copy(file, folder)
            self.models = {shape: folder}
        return self.models[shape]

    def compare(self, group):
        lengths = json.loads(self.arguments.lengths.read_text()) if self.arguments.lengths else None
        results = compare(group, self.model(group.shape), self.folder, self.arguments.device,
                          self.document["machine"].get("memory_gib"), self.arguments.threads,
                          lengths)
        self.document["results"] += results
        for each in results:
            if not each["agrees"]:
                self.document["problems"].append(
                    f"{tables.title(each)}: the sides differ by {each['disagreement']}")

    def first_step(self, shape):
        self.document["first_step"] = first_step.measure(
            self.model(shape), shape, self.folder, self.arguments.device)

    def test(self):
        self.document["tests"] = gpu_tests.run(ROOT / "tests", self.bundle["tests"],
                                               self.arguments.device)
        self.document["problems"] += gpu_tests.problems(self.document["tests"])

    def everything(self):
        self.part("gpu tests", 20, self.test)
        largest = "8b" if self.arguments.device == "cuda" else "tiny"
        for group in GROUPS[self.arguments.device]:
            self.part(f"{group.shape} {group.dtype}", group.seconds, lambda: self.compare(group))
            if group.shape == largest:
                self.part("start to first step", 25, lambda: self.first_step(largest))
        return self.document


def main():
    arguments = parse_arguments()
    bundle = open_bundle()
    if arguments.device == "cuda":
        import torch
        if not torch.cuda.is_available():
            sys.exit("gpu_bench: torch finds no GPU; --device cpu tries the script without one")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu_bench-", dir=scratch_folder(arguments)) as folder:
        run = Run(arguments, bundle, Path(folder))
        document = run.everything()
        log = Path(folder) / "workers.log"
        if document["problems"] and log.exists():
            print(log.read_text()[-4000:], file=sys.stderr)
    print(tables.markdown(document))
    print("\nwritten:", *(run.stem.with_suffix(suffix) for suffix in (".json", ".md")))
    if document["problems"]:
        sys.exit("gpu_bench: " + "; ".join(document["problems"]))


if __name__ == "__main__":
    main()
