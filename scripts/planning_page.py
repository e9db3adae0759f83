#!/usr/bin/env python3
"""Writes the tables of docs/planning.md anew: what `incipit plan` says of the Llama-3 shapes.

  scripts/planning_page.py build/release/launcher/incipit           # takes over a minute
  scripts/planning_page.py build/release/launcher/incipit --print 8 # to standard output, only these rows

The text above the tables is left as it is.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHAPES = {"llama3-1b": "Llama-3.2 1B", "llama3-8b": "Llama-3 8B", "llama3-70b": "Llama-3 70B", "llama3-405b": "Llama-3 405B"}
RANKS = (8, 64, 512)
OPTIONS = ["--set", "model.dtype=bfloat16", "--set", "train.batch_size=512",
           "--set", "train.micro_batch_tokens=2048"]
GIB, MIB = 2**30, 2**20

PAGE = ROOT / "docs" / "planning.md"


def plans(program, shape, ranks):
    command = [program, "plan", "configs/recipes/rte.yaml", "--model", f"docs/shapes/{shape}",
               "--ranks", str(ranks), "--ranks-per-machine", "8", "--json", *OPTIONS]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True,
                          encoding="utf8")
    return json.loads(done.stdout)


def row(ranks, answer):
    best = answer["cheapest"]
    if best is None:
        return f"| {ranks} | none fits | | | | | |\n"
    held = best["bytes"]
    sent = sum(sum(purposes.values()) for purposes in best["sent_bytes"].values())
    return (f"| {ranks} | {best['name']} | {held['weights'] / GIB:.1f} GiB | "
            f"{held['all'] / GIB:.1f} GiB | {size(sent)} | "
            f"{1000 * best['step_seconds']:,.0f} ms | {best['largest_batch']:,} |\n")


def size(count):
    """A number of bytes, in the unit that gives it few digits."""
    return f"{count / GIB:,.1f} GiB" if count >= GIB else f"{count / MIB:,.1f} MiB"


def tables(program, numbers):
    """Returns the page's sections of one shape each, with a row for each number of GPUs."""
    text = ""
    for shape, name in SHAPES.items():
        text += (f"\n### {name}\n\n| GPUs | cheapest mesh | weights | all | sent a step | step | "
                 "largest batch |\n|--:|---|--:|--:|--:|--:|--:|\n")
        text += "".join(row(ranks, plans(program, shape, ranks)) for ranks in numbers)
    return text


def main():
    arguments = argparse.ArgumentParser(description=__doc__,
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program", type=Path)
    arguments.add_argument("--print", type=int, nargs="+", metavar="GPUS")
    given = arguments.parse_args()
    program = given.program.resolve()
    if given.print:
        sys.stdout.write(tables(program, given.print))
        return
    text = PAGE.read_text(encoding="utf8")
    PAGE.write_text(text[:text.index("\n### ")] + tables(program, RANKS), encoding="utf8")


if __name__ == "__main__":
    main()
