#!/usr/bin/env python3
"""Counts what a data-parallel run needs: messages, bytes, threads and files by number of ranks.

    bench/scale/scale.py [--build build/release] [--ranks 1 2 4 8 16] [--write]

Open MPI counts what it sends (its component pml_monitoring), collectives in their point-to-point
messages. A tiny model trains with and without further steps, evaluations and checkpoints; the
differences are the cost of one. Counts do not depend on the speed of the machine, so ranks may share
cores. --write replaces docs/scale.md's table and its plot.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "bench" / "scale")]
import plot
import tiny

MORE = 10  # steps of the longer runs, beside the first
RUNS = {"short": (1, []), "steps": (1 + MORE, []),
        "evaluations": (1 + MORE, ["train.eval_every=1"]),
        "checkpoints": (1 + MORE, ["train.checkpoint_every=1", "train.keep_checkpoints=1000"])}


def sent(prefix, ranks):
    """Returns messages and bytes that all ranks sent, and those of the rank that sent most."""
    totals = []
    for rank in range(ranks):
        text = Path(f"{prefix}.{rank}.prof").read_text()
        point_to_point = text[:text.index("# COLLECTIVES")]
        found = re.findall(r"^[EI]\t.*\t(\d+) bytes\t(\d+) msgs", point_to_point, re.M)
        totals.append((sum(int(n) for _, n in found), sum(int(b) for b, _ in found)))
    return {"messages": sum(n for n, _ in totals), "bytes": sum(b for _, b in totals),
            "most_messages": max(n for n, _ in totals)}


class Watch(threading.Thread):
    """Samples the threads and open files of the processes of a run."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_argument = f"run.output_dir={run}".encode()
        self.ended = threading.Event()
        self.threads = self.files = 0

    def run(self):
        while not self.ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if self.run_argument not in (process / "cmdline").read_bytes().split(b"\0"):
                        continue
                    if not os.readlink(process / "exe").endswith("/incipit-engine"):
                        continue
                    self.threads = max(self.threads, sum(1 for _ in (process / "task").iterdir()))
                    self.files = max(self.files, sum(1 for _ in (process / "fd").iterdir()))
                except OSError:
                    continue


def count(folder, config, build, ranks, name):
    """One run. Returns its counts."""
    steps, settings = RUNS[name]
    run, prefix = folder / f"{name}-{ranks}", folder / f"{name}-{ranks}.sent"
    settings = [f"run.output_dir={run}", f"train.steps={steps}", "train.eval_every=0",
                "train.checkpoint_every=0", "train.batch_size=32", *settings]
    command = ["mpirun", "--bind-to", "none", "--map-by", "slot:OVERSUBSCRIBE", "--mca", "btl",
               "^openib", "--mca", "pml_monitoring_enable", "2", "--mca",
               "pml_monitoring_enable_output", "3", "--mca", "pml_monitoring_filename", str(prefix)]
    if os.geteuid() == 0:
        command.append("--allow-run-as-root")
    command += ["-n", str(ranks), str(build / "launcher" / "incipit"), "train", str(config)]
    for setting in settings:
        command += ["--set", setting]
    watch = Watch(run)
    watch.start()
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder,
                          env=os.environ | {"OMP_NUM_THREADS": "1"})
    watch.ended.set()
    watch.join()
    if done.returncode != 0:
        sys.exit(done.stderr)
    written = [path for path in run.rglob("*") if path.is_file()]
    return sent(prefix, ranks) | {"threads": watch.threads, "open_files": watch.files,
                                  "files": len(written)}


def difference(longer, shorter, key, times):
    return round((longer[key] - shorter[key]) / times, 1)


def row(folder, config, build, ranks):
    """Returns the counts of start and end, and of one step, evaluation and checkpoint."""
    runs = {name: count(folder, config, build, ranks, name) for name in RUNS}
    base = runs["steps"]
    found = {"ranks": ranks, "threads_per_rank": base["threads"],
             "open_files_per_rank": base["open_files"], "files_of_run": base["files"],
             "files_per_checkpoint": difference(runs["checkpoints"], base, "files", 1 + MORE)}
    for key in ("messages", "bytes", "most_messages"):
        step = difference(base, runs["short"], key, MORE)
        found |= {f"start_{key}": round(runs["short"][key] - step, 1), f"step_{key}": step,
                  f"evaluation_{key}": difference(runs["evaluations"], base, key, 1 + MORE),
                  f"checkpoint_{key}": difference(runs["checkpoints"], base, key, 1 + MORE)}
    return found


def table(rows):
    columns = {"ranks": "ranks", "start and end: messages": "start_messages",
               "of the busiest rank": "start_most_messages", "a step": "step_messages",
               "an evaluation": "evaluation_messages", "a checkpoint": "checkpoint_messages",
               "bytes of a step": "step_bytes", "threads a rank": "threads_per_rank",
               "open files a rank": "open_files_per_rank", "files of the run": "files_of_run",
               "files a checkpoint": "files_per_checkpoint"}
    lines = ["| " + " | ".join(columns) + " |", "|" + "---:|" * len(columns)]
    lines += ["| " + " | ".join(f"{each[key]:g}" if each[key] < 1e5 else f"{each[key]:,.0f}"
                                for key in columns.values()) + " |" for each in rows]
    return "\n".join(lines) + "\n"


def write(rows):
    page = ROOT / "docs" / "scale.md"
    text = page.read_text()
    begin, end = text.index("| ranks |"), text.rindex("|\n") + 2
    page.write_text(text[:begin] + table(rows) + text[end:])
    (ROOT / "docs" / "images" / "scale.svg").write_text(plot.panels(rows))
    (ROOT / "bench" / "results" / "scale.json").write_text(json.dumps(rows, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        config = tiny.write_everything(Path(folder))
        for ranks in options.ranks:
            began = time.monotonic()
            rows.append(row(Path(folder), config, options.build.resolve(), ranks))
            print(f"{ranks} ranks: {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(table(rows))
    if options.write:
        write(rows)


if __name__ == "__main__":
    main()
