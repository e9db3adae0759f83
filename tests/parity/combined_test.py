#!/usr/bin/env python3
"""A prompt and LoRA trained together, compared with PEFT's modules and torch.optim.AdamW.

    combined_test.py INCIPIT

PEFT has no adapter with both. So PEFT's LORA model gets the rows of the prompt before its inputs,
and both are trained for 20 steps: the losses and the adapters from the same initial values, folders
that each side loads from the other, and equal log-likelihoods with the additions merged into the
weights. A run that stops and resumes ends in the same bytes. The texts are invented here.
"""
import subprocess
import sys

import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, TaskType, get_peft_model
from safetensors.torch import load_file

from training import (LOSSES_WITHIN, SCORES_WITHIN, STEPS, WEIGHTS_WITHIN, Checks, apart,
                      examples_of, largest_difference, load_model, losses, new_folder, read_lines,
                      relative_change, scores, train, write_config)

TOKENS, RANK, ALPHA = 5, 4, 16
KIND = "prompt_tuning+lora"

checks = Checks()


class WithPrompt(torch.nn.Module):
    """A model with trainable rows before its inputs."""

    def __init__(self, model, rows):
        super().__init__()
        self.model = model
        self.rows = torch.nn.Parameter(rows.clone())

    def forward(self, input_ids, attention_mask):
        inputs = self.model.get_input_embeddings()(input_ids)
        rows = self.rows.expand(len(inputs), -1, -1)
        mask = torch.cat([attention_mask.new_ones(rows.shape[:2]), attention_mask], dim=1)
        return self.model(inputs_embeds=torch.cat([rows, inputs], dim=1), attention_mask=mask)


def rows_of(adapter):
    return load_file(adapter / "prompt/adapter_model.safetensors")["prompt_embeddings"]


def additions_of(adapter):
    """The tensors of LoRA, named as PEFT names parameters."""
    return {name.replace(".weight", ".default.weight"): value
            for name, value in load_file(adapter / "lora/adapter_model.safetensors").items()}


def peft_model(folder):
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=RANK, lora_alpha=ALPHA,
                        target_modules=["q_proj", "v_proj"])
    return get_peft_model(load_model(folder / "model"), config)


class Runs:
    def __init__(self, program, folder):
        self.program, self.folder, self.config = program, folder, folder / "run.yaml"
        write_config(self.config, folder, {"kind": KIND, "num_virtual_tokens": TOKENS, "r": RANK,
                                           "alpha": ALPHA, "init": {"kind": "random_uniform"}})

    def run(self, command, name, *settings, adapter=None):
        folder = self.folder / name
        words = [word for setting in (f"run.output_dir={folder}", *settings)
                 for word in ("--set", setting)]
        words += ["--adapter", adapter] if adapter else []
        subprocess.run([self.program, command, self.config, *words], check=True,
                       stdout=subprocess.DEVNULL)
        return folder

    def scores(self, name, adapter, *settings):
        folder = self.run("eval", name, *settings, adapter=adapter)
        return [line["scores"] for line in read_lines(folder / "predictions/test.jsonl")]


def save_with_peft(folder, model):
    """Writes the folders of both parts with PEFT."""
    model.model.save_pretrained(folder / "theirs/lora")
    prompt = get_peft_model(load_model(folder / "model"), PromptTuningConfig(
        task_type=TaskType.CAUSAL_LM, num_virtual_tokens=TOKENS))
    with torch.no_grad():
        prompt.prompt_encoder["default"].embedding.weight.copy_(model.rows)
    prompt.save_pretrained(folder / "theirs/prompt")


def compare(program, folder):
    runs = Runs(program, folder)
    records, test = (read_lines(folder / f"{name}.jsonl") for name in ("train", "test"))
    start = runs.run("train", "drawn", "train.steps=1", "train.optimizer.lr=0") / "adapter/last"
    whole = runs.run("train", "whole")
    ours = whole / "adapter/last"

    model = WithPrompt(peft_model(folder), rows_of(start))
    learned = {name: value for name, value in model.model.named_parameters() if value.requires_grad}
    with torch.no_grad():
        for name, value in learned.items():
            value.copy_(additions_of(start)[name])
    expected = train(model, [model.rows, *learned.values()], examples_of(records))
    checks.holds("the loss falls", expected[0] - expected[-1] > 0.1)
    checks.within("losses, worst relative difference", apart(losses(whole), expected), LOSSES_WITHIN)
    checks.within("additions", relative_change(additions_of(ours), learned, additions_of(start)),
                  WEIGHTS_WITHIN)
    checks.within("prompt", relative_change({"rows": rows_of(ours)}, {"rows": model.rows},
                                            {"rows": rows_of(start)}), WEIGHTS_WITHIN)

    trained = scores(model, test)
    save_with_peft(folder, model)
    checks.within("PEFT's folders in Incipit",
                  largest_difference(runs.scores("scored", folder / "theirs"), trained), SCORES_WITHIN)
    loaded = WithPrompt(PeftModel.from_pretrained(load_model(folder / "model"), ours / "lora"),
                        rows_of(ours))
    mine = scores(loaded, test)
    checks.within("Incipit's folders in PEFT",
                  largest_difference(runs.scores("own", ours), mine), SCORES_WITHIN)
    subprocess.run([program, "merge", ours, "--output", folder / "merged"], check=True,
                   stdout=subprocess.DEVNULL)
    merged = runs.scores("merged scores", ours / "prompt", f"model.path={folder}/merged")
    checks.within("the prompt on the merged model", largest_difference(merged, mine), SCORES_WITHIN)
    alone = runs.scores("prompt only", ours / "prompt")
    checks.holds("the additions matter", largest_difference(alone, mine) > 0.1)

    resumed = runs.run("train", "resumed", f"train.steps={STEPS // 2}")
    runs.run("train", "resumed")
    for name in ("adapter/last/prompt/adapter_model.safetensors",
                 "adapter/last/lora/adapter_model.safetensors",
                 f"checkpoints/step-{STEPS}/state.safetensors"):
        checks.holds(f"resumed, {name} is equal",
                     (resumed / name).read_bytes() == (whole / name).read_bytes())
    again = runs.run("train", "again", "train.steps=1", "train.optimizer.lr=0", "method.init.kind=file",
                     f"method.init.path={ours}")
    for part in ("prompt", "lora"):
        name = f"adapter/last/{part}/adapter_model.safetensors"
        checks.holds(f"a run that starts from the adapter has its {part}",
                     (again / name).read_bytes() == (whole / name).read_bytes())


def main():
    with new_folder() as folder:
        compare(sys.argv[1], folder)
    checks.end()


if __name__ == "__main__":
    main()
