#!/usr/bin/env python3
"""Model tuning, compared with transformers and torch.optim.AdamW.

    model_tuning_test.py MPIRUN INCIPIT

MPIRUN is scripts/mpirun.sh. Trains all weights of a tiny Llama and a tiny GPT-2, both with a tied
head, for 20 steps, on one rank, on meshes, and on a mesh that resumes what another one began: the
losses of transformers, and a model folder that transformers loads, with the log-likelihoods that
`incipit eval` finds. In bfloat16, float32 masters let small updates add up. The texts are invented
here.
"""
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GPT2Config

from training import (BATCH, LOSSES_WITHIN, SCORES_WITHIN, STEPS, WEIGHTS_WITHIN, apart, load_model,
                      log_likelihood, losses, relative_change, tiny, train)

RATE = 1e-3
SOURCE = "Is this order hot or cold? {text}\nAnswer:"

# Ranks, and the settings of their mesh.
MESHES = {
    "data 2": (2, []),
    "fsdp 2": (2, ["parallel.fsdp=2"]),
    "tensor 2": (2, ["parallel.tensor=2"]),
    "pipeline 2": (2, ["parallel.pipeline=2"]),
    "fsdp 2 x pipeline 2": (4, ["parallel.fsdp=2", "parallel.pipeline=2"]),
}
GPT2_MESHES = {name: MESHES[name] for name in ("tensor 2", "pipeline 2")}

CONFIG = """
run: {{name: tuning, output_dir: "{folder}/one rank", seed: 5}}
model: {{path: "{model}", dtype: float32}}
method: {{kind: model_tuning}}
task:
  data_dir: "{folder}"
  train: train.jsonl
  validation: 0
  test: train.jsonl
  on_overlap: warn
  template: "{source}"
  verbalizer: {{hot: " hot", cold: " cold"}}
  bos: none
train:
  steps: {steps}
  batch_size: {batch}
  micro_batch_tokens: 120
  shuffle: false
  optimizer: {{kind: adamw, lr: {rate}, weight_decay: 0.01, beta1: 0.9, beta2: 0.999, eps: 1.0e-8}}
  eval_every: 0
"""

HOT = ["soup", "cocoa", "stew", "porridge", "ginger tea"]
COLD = ["lemonade", "ice cream", "a milkshake", "iced coffee", "sorbet"]
PLACES = ["by the window", "for table nine", "to take away", "with two spoons", "on the terrace"]


def records():
    draw = random.Random(11)
    for index in range(STEPS * BATCH):
        hot = draw.random() < 0.5
        yield {"idx": index, "text": f"One {draw.choice(HOT if hot else COLD)} {draw.choice(PLACES)}.",
               "label": "hot" if hot else "cold"}


def source(record):
    return SOURCE.format(text=record["text"])


def train_with_transformers(folder):
    """Returns the losses and the trained model."""
    model = load_model(folder)
    examples = [(source(record), f" {record['label']}") for record in records()]
    return train(model, model.parameters(), examples, RATE), model


class Comparison:
    """Runs that train one model, in their own folder."""

    def __init__(self, mpirun, incipit, model, folder):
        folder.mkdir()
        with (folder / "train.jsonl").open("w") as file:
            file.writelines(json.dumps(record) + "\n" for record in records())
        self.config = folder / "run.yaml"
        self.config.write_text(CONFIG.format(folder=folder, model=model, source=SOURCE.replace(
            "\n", "\\n"), steps=STEPS, batch=BATCH, rate=RATE))
        self.mpirun, self.incipit, self.folder, self.model = mpirun, incipit, folder, model
        self.losses, self.trained = train_with_transformers(model)
        self.start = load_file(model / "model.safetensors")
        print(f"{model.name}: the loss falls from {self.losses[0]:.3f} to {self.losses[-1]:.3f}")

    def run(self, name, ranks, settings):
        folder = self.folder / name
        words = [word for setting in (f"run.output_dir={folder}", *settings)
                 for word in ("--set", setting)]
        subprocess.run([self.mpirun, "-n", str(ranks), self.incipit, "train", self.config, *words],
                       check=True, stdout=subprocess.DEVNULL)
        return folder, losses(folder)

    def equals_transformers(self, name, ranks, settings):
        folder, found = self.run(name, ranks, settings)
        loss = apart(found, self.losses)
        # AdamW turns rounding of a gradient near zero (of GPT-2's key biases) into a step of the
        # learning rate, so single weights differ.
        weights = relative_change(load_file(folder / "model/best/model.safetensors"),
                                  self.trained.state_dict(), self.start)
        print(f"{name}: losses within {loss:.1e}, weights apart by {weights:.1e} of their change")
        return loss <= LOSSES_WITHIN and weights <= WEIGHTS_WITHIN

    def resumes_on_another_mesh(self):
        half, (ranks, settings) = ["parallel.tensor=2"], MESHES["fsdp 2 x pipeline 2"]
        self.run("moved", 2, [*half, f"train.steps={STEPS // 2}"])
        return self.equals_transformers("moved", ranks, settings)

    def transformers_scores_the_export(self):
        """After the run on one rank, whose test split is scored with the trained model."""
        folder = self.folder / "one rank"
        model = AutoModelForCausalLM.from_pretrained(folder / "model/best", dtype="auto").eval()
        subprocess.run([self.incipit, "eval", folder / "config.yaml"], check=True,
                       stdout=subprocess.DEVNULL)
        lines = (folder / "predictions/test.jsonl").read_text().splitlines()
        worst = 0
        with torch.no_grad():
            for record, line in list(zip(records(), lines, strict=True))[:20]:
                for answer, score in json.loads(line)["scores"].items():
                    theirs = log_likelihood(model, source(record), f" {answer}")[0].item()
                    worst = max(worst, abs(score - theirs))
        print(f"export: {model.dtype}, log-likelihoods within {worst:.1e}")
        return worst <= SCORES_WITHIN

    def bfloat16_learns_as_float32(self):
        folder, found = self.run("bfloat16", 2, ["parallel.fsdp=2", "model.dtype=bfloat16"])
        difference = abs(found[-1] / self.losses[-1] - 1)
        stored = load_file(folder / "model/best/model.safetensors")
        print(f"bfloat16: last loss within {difference:.1e}")
        return difference < 0.02 and all(each.dtype == torch.bfloat16 for each in stored.values())


def write_gpt2(folder):
    torch.manual_seed(3)
    config = GPT2Config(vocab_size=tiny.VOCABULARY, n_positions=tiny.POSITIONS, n_embd=48, n_layer=3,
                        n_head=4, bos_token_id=256, eos_token_id=257, initializer_range=0.1)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tiny.write_tokenizer(folder)


def main():
    mpirun, incipit = sys.argv[1:3]
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        tiny.HIDDEN, tiny.HEADS, tiny.KV_HEADS, tiny.LAYERS = 36, 9, 3, 4
        tiny.write_model(folder / "llama")
        write_gpt2(folder / "gpt2")
        sound = []
        for name, meshes in (("llama", MESHES), ("gpt2", GPT2_MESHES)):
            runs = Comparison(mpirun, incipit, folder / name, folder / f"{name} runs")
            sound.append(runs.losses[0] - runs.losses[-1] > 0.1)
            sound.append(runs.equals_transformers("one rank", 1, []))
            sound += [runs.equals_transformers(mesh, *how) for mesh, how in meshes.items()]
            sound.append(runs.resumes_on_another_mesh())
            sound.append(runs.transformers_scores_the_export())
            sound.append(runs.bfloat16_learns_as_float32())
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
