#!/usr/bin/env python3
"""Writes docs/planning.md, with the tables of `incipit plan`, to standard output.

  scripts/planning_page.py build/release/launcher/incipit > docs/planning.md

With numbers of GPUs after the program the tables have only these rows, as a test of docs/planning.md
needs: all of them take over a minute.
"""
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

PAGE = """# Planning a mesh

`incipit plan` predicts what a training step needs on a mesh: memory of the fullest rank by kind, bytes sent
by each collective, time, and the largest batch that fits. It reads the model's `config.json`, no weights and no
data: it runs the engine's own step on tensors without data and counts allocations, matmuls and collectives.
`scripts/planning_page.py` generates this page.

```
incipit plan configs/recipes/rte.yaml                       # the mesh of the configuration
incipit plan configs/recipes/rte.yaml --ranks 8,16          # all meshes of 8 and of 16 ranks
incipit plan configs/recipes/rte.yaml --ranks 8 --gpu-memory 24 --tflops 60 --bandwidth 25,10
incipit plan configs/recipes/rte.yaml --model docs/shapes/llama3-70b --set model.dtype=bfloat16 --ranks 64
```

Meshes of N ranks are compared by ranks x time. `incipit plan` names the cheapest that fits, and the next one.

On a machine without a GPU, and without one of these options or `--ranks-per-machine`, each rank is planned to be this
machine: its memory, the rate of large matmuls as measured at once, and 1.25 GB/s (10 Gbit/s) between machines, which
is assumed.

`--rates-of RUN` uses rates measured by a run of `incipit train` instead of the given ones: operations per second
while computing, the mean length of an example and, if the run's mesh split the model, bytes per second of
communication, including the time in which ranks wait for each other but not the pipeline bubble:

```
mpirun -n 2 incipit train configs/recipes/rte.yaml --set parallel.tensor=2 --set train.steps=10 --set run.output_dir=runs/rates
incipit plan configs/recipes/rte.yaml --rates-of runs/rates --ranks 4,8
```

`train` and the other commands check memory before they read any weights. They refuse a mesh whose ranks have too
little memory for the weights, and name the nearest mesh that fits.

## Assumptions

* Examples have `task.max_source_tokens` + 2 rows (`--tokens` replaces this; 258 if neither is given),
  or as many as the prompt leaves of the model's positions. Two of the rows are scored. Examples share only the soft prompt. If every task of a mixture learns its own prompt, a batch
  has examples of all tasks. The batch size and `train.micro_batch_tokens` come from the configuration.
* A rank reaches `--tflops` for every shape of matmul. A message takes only the time of its bytes. Latency is
  ignored, so small models and large tensor parallel meshes look better than they are.
* An all-reduce is a ring: each of N ranks sends 2 (N - 1) / N times the bytes. FSDP (`parallel.fsdp`) fetches
  layers while others compute; only the part of that time that computation does not hide counts.
* The step allocates as it does on the CPU with one thread on each rank. Of many equal micro-batches it runs only
  as many as a stage has in flight, and one more. Examples that begin alike share rows and need less.
  `ctest --preset release -R e2e.memory` compares both with the memory ledgers of runs on every kind of mesh: weights within 2 %, the peak of all tensors within 15 %. The town_hall recipe has examples of
  different lengths; its peak was 0 to 7 % above the prediction for their mean length. On GPUs element-wise
  operations make temporaries that are not counted, and no peak was measured there. Memory of libraries and the
  driver is not included.
* The largest batch is the largest that fits without `train.micro_batch_tokens`. It is computed for the meshes in the
  table, the 12 cheapest. Above 131,072 rows on a rank it is extrapolated.

Times and peaks below are predictions for GPUs; none was measured.

## Llama-3 shapes

The tables list the cheapest mesh for each number of GPUs, for a batch of 512 examples of the RTE recipe in bfloat16
with at most 2,048 rows at once on a rank (`train.micro_batch_tokens`). The GPUs have 80 GiB, reach 400 TFLOP/s and
send 400 GB/s within a machine of 8 GPUs and 50 GB/s between machines.
"""


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


def page(program, numbers):
    text = PAGE
    for shape, name in SHAPES.items():
        text += (f"\n### {name}\n\n| GPUs | cheapest mesh | weights | all | sent a step | step | "
                 "largest batch |\n|--:|---|--:|--:|--:|--:|--:|\n")
        text += "".join(row(ranks, plans(program, shape, ranks)) for ranks in numbers)
    return text


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.stdout.write(page(Path(sys.argv[1]).resolve(), [int(n) for n in sys.argv[2:]] or RANKS))
