#!/usr/bin/env python3
"""P-tuning, compared with PEFT's P_TUNING and torch.optim.AdamW.

    p_tuning_test.py INCIPIT

Trains a prompt of a tiny Llama through an MLP and through an LSTM for 20 steps, from the initial
values that Incipit draws: the rows that PEFT's encoder computes, the losses of PEFT, and adapters
that each loads from the other, with equal log-likelihoods. A run that stops and resumes ends in the
same bytes. The texts are invented here.
"""
import json
import subprocess
import sys

from peft import PeftModel, PromptEncoderConfig, TaskType, get_peft_model
from safetensors.torch import load_file

from training import (LOSSES_WITHIN, SCORES_WITHIN, STEPS, WEIGHTS_WITHIN, Checks, apart,
                      examples_of, largest_difference, load_model, losses, new_folder, read_lines,
                      relative_change, scores, train, write_config)

TOKENS, HIDDEN = 5, 24
ROWS_WITHIN = 1e-6
LAYERS = {"MLP": 2, "LSTM": 3}  # encoder_num_layers; 2 is the only value for an MLP

checks = Checks()


class Incipit:
    """Runs with one kind of encoder."""

    def __init__(self, program, folder, kind):
        self.program, self.folder, self.config = program, folder, folder / f"{kind}.yaml"
        write_config(self.config, folder, {
            "kind": "p_tuning", "num_virtual_tokens": TOKENS, "encoder_reparameterization_type": kind,
            "encoder_hidden_size": HIDDEN, "encoder_num_layers": LAYERS[kind]})

    def run(self, command, name, *words):
        folder = self.folder / name
        subprocess.run([self.program, command, self.config, "--set", f"run.output_dir={folder}",
                        *words], check=True, stdout=subprocess.DEVNULL)
        return folder

    def train(self, name, *settings):
        words = [word for setting in settings for word in ("--set", setting)]
        return self.run("train", name, *words)

    def scores(self, name, adapter):
        folder = self.run("eval", name, "--adapter", adapter)
        return [line["scores"] for line in read_lines(folder / "predictions/test.jsonl")]


def parameters(run, step):
    """The encoder's parameters in a checkpoint, with PEFT's names."""
    state = load_file(run / f"checkpoints/step-{step}/state.safetensors")
    return {name.removeprefix("prompt."): tensor for name, tensor in state.items()
            if name.startswith("prompt.")}


def rows(adapter):
    return load_file(adapter / "adapter_model.safetensors")["prompt_embeddings"]


def peft_model(folder, kind, start):
    config = PromptEncoderConfig(
        task_type=TaskType.CAUSAL_LM, num_virtual_tokens=TOKENS, encoder_hidden_size=HIDDEN,
        encoder_reparameterization_type=kind, encoder_num_layers=LAYERS[kind])
    model = get_peft_model(load_model(folder / "model"), config)
    model.prompt_encoder["default"].load_state_dict(start, strict=True)
    return model


def expect_equal_scores(what, incipit, model, adapter):
    theirs = scores(model, read_lines(incipit.folder / "test.jsonl"))
    ours = incipit.scores(f"scored by {what}", adapter)
    checks.within(f"{what}, log-likelihoods", largest_difference(ours, theirs), SCORES_WITHIN)


def expect_equal_bytes(what, run, other):
    """Every file of an adapter and of the last checkpoint's state."""
    for name in ("adapter/last/adapter_model.safetensors", "adapter/last/adapter_config.json",
                 f"checkpoints/step-{STEPS}/state.safetensors"):
        checks.holds(f"{what}, {name} is equal",
                     (run / name).read_bytes() == (other / name).read_bytes())


def compare(incipit, kind):
    folder = incipit.folder
    first = incipit.train(f"{kind} first", "train.steps=1", "train.optimizer.lr=1e-30")
    start = parameters(first, 1)  # at this learning rate they did not move
    model = peft_model(folder, kind, start)
    theirs = model.get_prompt_embedding_to_save("default")
    ours = rows(first / "adapter/last")
    checks.within(f"{kind}, rows of the start", float((ours - theirs).abs().max()), ROWS_WITHIN)

    run = incipit.train(f"{kind} whole")
    expected = train(model, model.prompt_encoder.parameters(),
                     examples_of(read_lines(folder / "train.jsonl")))
    print(f"{kind}: the loss goes from {expected[0]:.3f} to {expected[-1]:.3f}")
    checks.holds(f"{kind} learned", expected[0] - expected[-1] >= 0.1)
    checks.within(f"{kind}, losses, relative", apart(losses(run), expected), LOSSES_WITHIN)
    trained = model.prompt_encoder["default"].state_dict()
    checks.within(f"{kind}, change of the encoder, relative",
                  relative_change(parameters(run, STEPS), trained, start), WEIGHTS_WITHIN)

    model.save_pretrained(folder / f"{kind} peft")
    ours, peft = run / "adapter/last", folder / f"{kind} peft"
    configs = [json.loads((each / "adapter_config.json").read_text()) for each in (ours, peft)]
    for config in configs:
        del config["base_model_name_or_path"]
    checks.holds(f"{kind}, adapter_config.json is equal", configs[0] == configs[1])
    expect_equal_scores(f"{kind}, our adapter", incipit,
                        PeftModel.from_pretrained(load_model(folder / "model"), ours), ours)
    expect_equal_scores(f"{kind}, PEFT's adapter", incipit,
                        PeftModel.from_pretrained(load_model(folder / "model"), peft), peft)

    resumed = incipit.train(f"{kind} resumed", f"train.steps={STEPS // 2}")
    incipit.train(f"{kind} resumed")
    expect_equal_bytes(f"{kind} resumed", resumed, run)


def main():
    with new_folder() as folder:
        for kind in LAYERS:
            compare(Incipit(sys.argv[1], folder, kind), kind)
    checks.end()


if __name__ == "__main__":
    main()
