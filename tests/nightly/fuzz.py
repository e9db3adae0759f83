#!/usr/bin/env python3
"""Fuzzes the readers with libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer.

    tests/nightly/fuzz.py [--seconds 1800] [--jobs 2] [--merge] [--no-build] [READER...]

Needs clang-14, clang++-14 and libclang-rt-14-dev. Builds the preset `fuzz` and runs every reader of
tests/fuzz for so many CPU seconds, starting with its corpus in tests/fuzz/corpus. What it found before is
kept in build/fuzz/corpus. With --merge, inputs that reach code that the committed corpus does not
reach are added to it, a few of every size. Exit code 1: an input crashed, or took more
than 10 s or 2 GiB; it is named, and belongs into the corpus once it is fixed.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "fuzz"
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
MAX_ADDED, MAX_BYTES = 60, 30000  # of a committed corpus, beside its first inputs
# The length of inputs: a tokenizer of 10 kB has every part of a real one.
MAX_LENGTH = {"tokenizer": 16384, "yaml": 8192}
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0:alloc_dealloc_mismatch=0:detect_container_overflow=0",
           "UBSAN_OPTIONS": "print_stacktrace=1"}


def build():
    subprocess.run(["cmake", "--preset", "fuzz"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "fuzz"], cwd=ROOT, check=True)


def fuzz(reader, seconds):
    """Returns (inputs tried, edges, inputs of the corpus, names of crashes)."""
    found, crashes = BUILD / "corpus" / reader, BUILD / "crashes" / reader
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [BUILD / "tests" / "fuzz" / f"fuzz_{reader}", found, CORPUS / reader,
         f"-max_total_time={seconds}", f"-max_len={MAX_LENGTH.get(reader, 4096)}", "-timeout=10",
         "-rss_limit_mb=2048", "-print_final_stats=1", "-use_value_profile=1",
         f"-artifact_prefix={crashes}/"],
        capture_output=True, text=True, errors="replace", env=os.environ | OPTIONS)
    (BUILD / f"{reader}.log").write_text(done.stderr)
    tried = re.findall(r"stat::number_of_executed_units: (\d+)", done.stderr)
    edges = re.findall(r"cov: (\d+)", done.stderr)
    return (int(tried[-1]) if tried else 0, int(edges[-1]) if edges else 0,
            sum(1 for _ in found.iterdir()), sorted(map(str, crashes.iterdir())),
            done.returncode)


def merge(reader):
    """Adds to the committed corpus what reaches more of the code."""
    chosen = BUILD / "merged" / reader
    shutil.rmtree(chosen, ignore_errors=True)
    chosen.mkdir(parents=True)
    for path in (CORPUS / reader).iterdir():
        shutil.copy(path, chosen)
    before = {path.name for path in chosen.iterdir()}
    subprocess.run([BUILD / "tests" / "fuzz" / f"fuzz_{reader}", "-merge=1", chosen,
                    BUILD / "corpus" / reader], env=os.environ | OPTIONS, check=True,
                   capture_output=True)
    sizes = [path.stat().st_size for path in (CORPUS / reader).iterdir()
             if re.fullmatch("[0-9a-f]{40}", path.name)]
    added = sorted((path for path in chosen.iterdir() if path.name not in before),
                   key=lambda path: (path.stat().st_size, path.name))
    wanted = max(MAX_ADDED - len(sizes), 0)
    for path in added[::max(1, len(added) // max(wanted, 1))][:wanted]:
        if sum(sizes) + path.stat().st_size <= MAX_BYTES:
            sizes.append(path.stat().st_size)
            shutil.copy(path, CORPUS / reader)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("readers", nargs="*",
                        default=sorted(path.name for path in CORPUS.iterdir()))
    options = parser.parse_args()
    if not options.no_build:
        build()
    bad = False
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda reader: fuzz(reader, options.seconds), options.readers)
        print(f"{'reader':12} {'inputs':>10} {'edges':>7} {'corpus':>7}  crashes", flush=True)
        for reader, (tried, edges, kept, crashes, code) in zip(options.readers, results):
            print(f"{reader:12} {tried:10} {edges:7} {kept:7}  {len(crashes)}", flush=True)
            for name in crashes:
                print(f"  {name}")
            if code != 0:
                print(f"  exit code {code}; see {BUILD}/{reader}.log")
            bad = bad or bool(crashes) or code != 0
    if options.merge:
        for reader in options.readers:
            merge(reader)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
