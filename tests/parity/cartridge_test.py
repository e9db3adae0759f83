#!/usr/bin/env python3
"""A prefix from a text, compared with PEFT's CARTRIDGE and torch.optim.AdamW.

    cartridge_test.py INCIPIT

Starts cartridges on a tiny Llama from a text's keys and values, as PEFT does, and trains them for 20
steps: the losses of PEFT, its values, the frozen rows, and adapters that each loads from the other,
with equal log-likelihoods. A run that stops and resumes ends in the same bytes. The texts are
invented here.
"""
import json
import subprocess
import sys

import torch
from peft import CartridgeConfig, PeftModel, TaskType, get_peft_model
from peft.tuners.cartridge.utils import initialize_kv_prefix_from_past_key_values
from safetensors.torch import load_file

from training import (LOSSES_WITHIN, SCORES_WITHIN, STEPS, WEIGHTS_WITHIN, Checks, apart,
                      examples_of, largest_difference, load_model, losses, new_folder, read_lines,
                      relative_change, scores, train, write_config)

TEXT, TOKENS = "the sky at noon", 6
START_WITHIN = 1e-5

checks = Checks()


class Incipit:
    """Runs of one method."""

    def __init__(self, program, folder, name, method):
        self.program, self.folder, self.config = program, folder, folder / f"{name}.yaml"
        write_config(self.config, folder, {"num_virtual_tokens": TOKENS,
                                           "init": {"kind": "text", "text": TEXT}, **method})

    def start(self, command, name, *words):
        return subprocess.run([self.program, command, self.config, "--set",
                               f"run.output_dir={self.folder / name}", *words],
                              capture_output=True, text=True, check=False)

    def run(self, command, name, *words):
        done = self.start(command, name, *words)
        if done.returncode != 0:
            raise SystemExit(f"{command} {name}: {done.stderr}")
        return self.folder / name

    def train(self, name, *settings):
        return self.run("train", name, *(word for each in settings for word in ("--set", each)))

    def first_values(self, name):
        """The values after a step that moves nothing."""
        return values(self.train(name, "train.steps=1", "train.optimizer.lr=1e-30") / "adapter/last")

    def scores(self, name, adapter):
        folder = self.run("eval", name, "--adapter", adapter)
        return [line["scores"] for line in read_lines(folder / "predictions/test.jsonl")]


def values(adapter):
    return load_file(adapter / "adapter_model.safetensors")["prompt_embeddings"]


def peft_model(folder, frozen):
    config = CartridgeConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=TOKENS,
                             num_frozen_tokens=frozen)
    base = load_model(folder / "model")
    ids = torch.tensor([list(TEXT.encode())])
    with torch.no_grad():
        cache = base(input_ids=ids, use_cache=True).past_key_values
    model = get_peft_model(base, config)
    initialize_kv_prefix_from_past_key_values(model, past_key_values=cache)
    return model


def expect_equal_scores(what, incipit, adapter):
    model = PeftModel.from_pretrained(load_model(incipit.folder / "model"), adapter)
    theirs = scores(model, read_lines(incipit.folder / "test.jsonl"))
    ours = incipit.scores(f"scored by {what}", adapter)
    checks.within(f"{what}, log-likelihoods", largest_difference(ours, theirs), SCORES_WITHIN)


def compare(incipit, frozen):
    folder, name = incipit.folder, f"{frozen} frozen"
    model = peft_model(folder, frozen)
    start = model.get_prompt_embedding_to_save("default").clone()
    ours = incipit.first_values(f"{name}, first")
    checks.within(f"{name}, values of the start", float((ours - start).abs().max()), START_WITHIN)

    run = incipit.train(f"{name}, whole")
    learned = [each for each in model.prompt_encoder.parameters() if each.requires_grad]
    expected = train(model, learned, examples_of(read_lines(folder / "train.jsonl")))
    print(f"{name}: the loss goes from {expected[0]:.3f} to {expected[-1]:.3f}")
    checks.within(f"{name}, losses, relative", apart(losses(run), expected), LOSSES_WITHIN)
    last, peft = run / "adapter/last", folder / f"{name}, peft"
    trained = {"": model.get_prompt_embedding_to_save("default")}
    checks.within(f"{name}, change, relative",
                  relative_change({"": values(last)}, trained, {"": start}), WEIGHTS_WITHIN)
    checks.holds(f"{name}, the first rows stay", torch.equal(values(last)[:frozen], ours[:frozen]))
    checks.holds(f"{name}, the others move",
                 bool((values(last)[frozen:] != ours[frozen:]).any(dim=1).all()))

    model.save_pretrained(peft)
    configs = [json.loads((each / "adapter_config.json").read_text()) for each in (last, peft)]
    for config in configs:
        del config["base_model_name_or_path"]
    checks.holds(f"{name}, adapter_config.json is equal", configs[0] == configs[1])
    expect_equal_scores(f"{name}, our adapter", incipit, last)
    expect_equal_scores(f"{name}, PEFT's adapter", incipit, peft)

    resumed = incipit.train(f"{name}, resumed", f"train.steps={STEPS // 2}")
    incipit.train(f"{name}, resumed")
    for file in ("adapter/last/adapter_model.safetensors", "adapter/last/adapter_config.json",
                 f"checkpoints/step-{STEPS}/state.safetensors"):
        checks.holds(f"{name} resumed, {file} is equal",
                     (run / file).read_bytes() == (resumed / file).read_bytes())


def refuses(incipit, what, status, message, *settings):
    done = incipit.start("train", "refused", *(word for each in settings for word in ("--set", each)))
    checks.holds(f"{what} is refused before the model is read",
                 done.returncode == status and message in done.stderr
                 and "loaded in" not in done.stderr)


def main():
    with new_folder() as folder:
        for frozen in (0, 2):
            compare(Incipit(sys.argv[1], folder, f"frozen{frozen}",
                            {"kind": "cartridge", "num_frozen_tokens": frozen}), frozen)
        prefix = Incipit(sys.argv[1], folder, "prefix", {"kind": "prefix_tuning"})
        start = peft_model(folder, 0).get_prompt_embedding_to_save("default")
        checks.within("a prefix from a text",
                      float((prefix.first_values("prefix") - start).abs().max()), START_WITHIN)
        refuses(prefix, "a text that is too short", 2, "method.init.text", "method.init.text=sky")
        refuses(prefix, "a projection of a text", 2, "method.prefix_projection",
                "method.prefix_projection=true")
    checks.end()


if __name__ == "__main__":
    main()
