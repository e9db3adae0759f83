#!/usr/bin/env python3
"""Writes docs/planning.md, with the tables of `incipit plan`, to standard output.

  scripts/planning_page.py build/release/launcher/incipit > docs/planning.md

A test checks that docs/planning.md equals this output.
"""
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHAPES = {"llama3-8b": "Llama-3 8B", "llama3-70b": "Llama-3 70B", "llama3-405b": "Llama-3 405B"}
RANKS = (8, 16, 32, 64, 128, 256, 512)
OPTIONS = ["--set", "model.dtype=bfloat16", "--set", "train.batch_size=512",
           "--set", "train.micro_batch_tokens=2048"]
GIB, MIB = 2**30, 2**20

PAGE = """# Planning a mesh

Written by `scripts/planning_page.py` with `incipit plan`, which predicts from the `config.json` of a
model what a training step needs on a mesh: bytes of the fullest rank by kind, bytes sent by
collective, time, the largest batch that fits. It reads no weights and no data.

```
incipit plan configs/recipes/rte.yaml                       # the mesh of the configuration
incipit plan configs/recipes/rte.yaml --ranks 8,16          # all meshes of 8 and of 16 ranks
incipit plan configs/recipes/rte.yaml --ranks 8 --gpu-memory 24 --tflops 60 --bandwidth 25,10
incipit plan configs/recipes/rte.yaml --model docs/shapes/llama3-70b --set model.dtype=bfloat16 --ranks 64
```

The meshes of N ranks are compared by ranks x time; the cheapest that fits is named, with the next.

`--rates-of RUN` takes the rates that a run of `incipit train` reached instead of those given: operations per second
while it was not waiting, the mean length of an example, and where the run's mesh split the model bytes per second
of its communication, waiting for each other included:

```
mpirun -n 2 incipit train configs/recipes/rte.yaml --set parallel.tensor=2 --set train.steps=10 --set run.output_dir=runs/rates
incipit plan configs/recipes/rte.yaml --rates-of runs/rates --ranks 4,8
```

`train` and the other commands refuse a mesh on whose ranks the weights alone have no room, and name the nearest
one that has it, before they read any.

## What is assumed

* Examples have `task.max_source_tokens` + 2 rows (`--tokens` replaces that; 258 where neither is
  given), two of them scored, and share the soft prompt alone. Where every task of a mixture learns a prompt of its
  own, a batch holds examples of all of them. The batch and
  `train.micro_batch_tokens` come from the configuration.
* A rank reaches `--tflops` whatever the shape of its products, and messages take the time of their
  bytes: nothing is said of latency, so small models and large tensor meshes look better than they are.
* Sums travel as in a ring: a rank sends twice its bytes, less what it keeps. Gathered layers travel
  while others compute; what does not fit behind computing counts.
* Weights are counted matrix by matrix, as ranks load them. Activations are what a backward pass keeps and
  the most that passes through besides, tensor by tensor as the engine allocates them on the CPU. Examples that
  begin alike share rows, and then need less. `ctest --preset release -R e2e.memory` compares both with the
  ledgers of runs on every kind of mesh: weights within 2 %, the peak of all tensors within 15 %. Of the texts of
  the town_hall recipe with their different lengths the peak was 0 to 7 % above what their mean length predicts. On GPUs
  element-wise operations make temporaries that are not counted, and no peak was measured there. What libraries
  and the driver take for themselves comes on top.
* The largest batch is that which fits without `train.micro_batch_tokens`.

Times and peaks below are predictions for GPUs; none was measured.

## Llama-3 shapes

A batch of 512 examples of the recipe of RTE in bfloat16, at most 2,048 rows at once on a rank
(`train.micro_batch_tokens`), on GPUs of 80 GiB, 8 to a machine, that reach 400 TFLOP/s and send 400 GB/s within a machine and 50 GB/s between machines: for each number of
GPUs the cheapest mesh.
"""


def plans(program, shape, ranks):
    command = [program, "plan", "configs/recipes/rte.yaml", "--model", f"docs/shapes/{shape}",
               "--ranks", str(ranks), "--json", *OPTIONS]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True,
                          encoding="utf8")
    return json.loads(done.stdout)


def row(ranks, answer):
    best = answer["cheapest"]
    if best is None:
        return f"| {ranks} | none fits | | | | | |\n"
    held = best["bytes"]
    sent = sum(best["sent_bytes"].values())
    return (f"| {ranks} | {best['name']} | {held['weights'] / GIB:.1f} GiB | "
            f"{held['all'] / GIB:.1f} GiB | {sent / MIB:,.1f} MiB | "
            f"{1000 * best['step_seconds']:,.0f} ms | {best['largest_batch']:,} |\n")


def page(program):
    text = PAGE
    for shape, name in SHAPES.items():
        text += (f"\n### {name}\n\n| GPUs | cheapest mesh | weights | all | sent a step | step | "
                 "largest batch |\n|--:|---|--:|--:|--:|--:|--:|\n")
        text += "".join(row(ranks, plans(program, shape, ranks)) for ranks in RANKS)
    return text


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(page(Path(sys.argv[1]).resolve()))
