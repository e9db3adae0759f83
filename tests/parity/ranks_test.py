#!/usr/bin/env python3
"""The same run on 1, 2 and 4 ranks: the same examples, the same losses over 20 steps.

    ranks_test.py MPIRUN INCIPIT MODEL_DIR

MPIRUN is scripts/mpirun.sh. Micro-batches are small enough that ranks cut them differently. The
learning rate is low enough that training does not amplify rounding (at 0.01 this run does, a
thousandfold in ten steps). The texts are invented here.
"""
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

CONFIG = """
run: {{name: ranks, output_dir: "{run}", seed: 5}}
model: {{path: "{model}", dtype: float32}}
method: {{kind: prompt_tuning, num_virtual_tokens: 8, init: {{kind: sampled_vocab}}}}
task:
  data_dir: "{data}"
  train: train.jsonl
  select: 0
  template: "Is this order hot or cold? {{text}}\\nAnswer:"
  verbalizer: {{hot: " hot", cold: " cold"}}
train:
  steps: 20
  batch_size: 6
  micro_batch_tokens: 80
  optimizer: {{kind: adamw, lr: 0.001}}
  eval_every: 0
"""

HOT = ["soup", "cocoa", "stew", "porridge", "ginger tea"]
COLD = ["lemonade", "ice cream", "a milkshake", "iced coffee", "sorbet"]
PLACES = ["by the window", "for table nine", "to take away", "with two spoons and a straw please",
          "after the meeting", "on the terrace, where my colleagues are already waiting for it"]


def records():
    draw = random.Random(11)
    for index in range(40):
        hot = draw.random() < 0.5
        dish = draw.choice(HOT if hot else COLD)
        yield {"idx": index, "text": f"One {dish} {draw.choice(PLACES)}.",
               "label": "hot" if hot else "cold"}


def main():
    mpirun, incipit, model = sys.argv[1:4]
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records()))
        for ranks in (1, 2, 4):
            config = folder / f"ranks_{ranks}.yaml"
            run = folder / f"run_{ranks}"
            config.write_text(CONFIG.format(run=run, model=model, data=folder))
            subprocess.run([mpirun, "-n", str(ranks), incipit, "train", config], check=True)
            lines = (run / "metrics.jsonl").read_text().splitlines()
            steps = (json.loads(line) for line in lines)
            runs[ranks] = [step for step in steps if "loss" in step]
    worst = 0.0
    for ranks in (2, 4):
        for one, many in zip(runs[1], runs[ranks], strict=True):
            worst = max(worst, abs(many["loss"] / one["loss"] - 1))
    falls = runs[1][0]["loss"] - runs[1][-1]["loss"]
    print(f"losses of 20 steps on 1, 2 and 4 ranks: largest relative difference {worst:.2e}; "
          f"the loss falls by {falls:.2f}")
    return 0 if worst <= 1e-4 and len(runs[1]) == 20 and falls > 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
