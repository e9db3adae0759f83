#!/usr/bin/env python3
"""The same run on one rank and on every kind of mesh: the same losses over 20 steps, the same adapter.

    ranks_test.py MPIRUN INCIPIT MODEL_DIR

MPIRUN is scripts/mpirun.sh. Every mesh trains soft prompts of a tiny model with nine heads in three
groups, some train prefixes of it, and a few train soft prompts of the model in MODEL_DIR. Micro-batches are small enough that ranks cut them differently. The
learning rates are low enough that training does not amplify rounding (at 0.01 the model's run does,
a thousandfold in ten steps). The texts are invented here.
"""
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import tiny

# Ranks, and the settings of their mesh.
TINY_MESHES = {
    "data 2": (2, []),
    "data 4": (4, []),
    "tensor 2": (2, ["parallel.tensor=2"]),
    "tensor 3": (3, ["parallel.tensor=3"]),
    "tensor 4": (4, ["parallel.tensor=4"]),
    "data 2 x tensor 2": (4, ["parallel.tensor=2"]),
    "pipeline 2": (2, ["parallel.pipeline=2"]),
    "pipeline 3": (3, ["parallel.pipeline=3"]),
    "data 2 x pipeline 2": (4, ["parallel.pipeline=2"]),
    "pipeline 2 x tensor 2": (4, ["parallel.pipeline=2", "parallel.tensor=2"]),
    "fsdp 2": (2, ["parallel.fsdp=true"]),
    "fsdp 3": (3, ["parallel.fsdp=3"]),
    "data 2 x fsdp 2": (4, ["parallel.fsdp=2"]),
    "fsdp 2 x tensor 2": (4, ["parallel.fsdp=2", "parallel.tensor=2"]),
    "fsdp 2 x pipeline 2": (4, ["parallel.fsdp=2", "parallel.pipeline=2"]),
}
PREFIX_MESHES = {name: TINY_MESHES[name]
                 for name in ("data 2", "tensor 3", "pipeline 2 x tensor 2", "fsdp 2 x tensor 2",
                              "fsdp 2 x pipeline 2")}
MODEL_MESHES = {
    "data 2": (2, []),
    "tensor 3": (3, ["parallel.tensor=3"]),
    "pipeline 2": (2, ["parallel.pipeline=2"]),
    "fsdp 2": (2, ["parallel.fsdp=true"]),
}
LOSSES_WITHIN = 1e-4  # relative
NORMS_WITHIN = 1e-3   # relative; AdamW does not show a gradient that is counted twice
ADAPTER_WITHIN = 1e-3

INIT = {"prompt_tuning": "sampled_vocab", "prefix_tuning": "normal"}

CONFIG = """
run: {{name: ranks, output_dir: "{folder}/one rank", seed: 5}}
model: {{path: "{model}", dtype: float32}}
method: {{kind: {method}, num_virtual_tokens: 8, init: {{kind: {init}}}}}
task:
  data_dir: "{folder}"
  train: train.jsonl
  validation: 0
  template: "Is this order hot or cold? {{text}}\\nAnswer:"
  verbalizer: {{hot: " hot", cold: " cold"}}
train:
  steps: 20
  batch_size: 6
  micro_batch_tokens: 80
  optimizer: {{kind: adamw, lr: {rate}}}
  eval_every: 0
"""

HOT = ["soup", "cocoa", "stew", "porridge", "ginger tea"]
COLD = ["lemonade", "ice cream", "a milkshake", "iced coffee", "sorbet"]
PLACES = ["by the window", "for table nine", "to take away", "with two spoons and a straw please",
          "after the meeting", "on the terrace, where my colleagues are already waiting for it"]


def write_records(path):
    draw = random.Random(11)
    with path.open("w", encoding="utf8") as file:
        for index in range(40):
            hot = draw.random() < 0.5
            dish = draw.choice(HOT if hot else COLD)
            file.write(json.dumps({"idx": index, "text": f"One {dish} {draw.choice(PLACES)}.",
                                   "label": "hot" if hot else "cold"}) + "\n")


class Comparison:
    """Runs of one model with one method in their own folder."""

    def __init__(self, mpirun, incipit, model, method, rate, folder):
        folder.mkdir()
        write_records(folder / "train.jsonl")
        self.config = folder / "run.yaml"
        self.config.write_text(CONFIG.format(
            model=model, method=method, init=INIT[method], rate=rate, folder=folder))
        self.mpirun, self.incipit, self.folder = mpirun, incipit, folder
        self.steps, self.adapter = self.train("one rank", 1, [])
        fall = self.steps[0]["loss"] - self.steps[-1]["loss"]
        print(f"{method} of {model}: {len(self.steps)} steps, the loss falls by {fall:.2f}")
        self.is_sound = len(self.steps) == 20 and fall > 0.1

    def train(self, name, ranks, settings):
        run = self.folder / name
        words = [word for setting in (f"run.output_dir={run}", *settings)
                 for word in ("--set", setting)]
        subprocess.run([self.mpirun, "-n", str(ranks), self.incipit, "train", self.config, *words],
                       check=True, stdout=subprocess.DEVNULL)
        lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
        adapter = load_file(run / "adapter" / "last" / "adapter_model.safetensors")
        return [line for line in lines if "loss" in line], adapter["prompt_embeddings"]

    def equals_one_rank(self, name, ranks, settings):
        steps, adapter = self.train(name, ranks, settings)

        def worst(key):
            return max(abs(many[key] / one[key] - 1)
                       for one, many in zip(self.steps, steps, strict=True))
        loss, norm = worst("loss"), worst("grad_norm")
        apart = float(abs(adapter - self.adapter).max())
        print(f"{name}: losses within {loss:.1e}, gradients' norms within {norm:.1e}, adapter within "
              f"{apart:.1e} of one rank's")
        return loss <= LOSSES_WITHIN and norm <= NORMS_WITHIN and apart <= ADAPTER_WITHIN


def main():
    mpirun, incipit, model = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        tiny.HEADS, tiny.KV_HEADS, tiny.LAYERS = 9, 3, 6
        tiny.write_model(folder / "tiny")
        sound = []
        of_tiny = folder / "tiny"
        for where, path, method, rate, meshes in (
                ("prompts of tiny", of_tiny, "prompt_tuning", 0.05, TINY_MESHES),
                ("prefixes of tiny", of_tiny, "prefix_tuning", 0.05, PREFIX_MESHES),
                ("prompts of model", model, "prompt_tuning", 0.001, MODEL_MESHES)):
            runs = Comparison(mpirun, incipit, path, method, rate, folder / where)
            sound.append(runs.is_sound)
            sound += [runs.equals_one_rank(name, *mesh) for name, mesh in meshes.items()]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
