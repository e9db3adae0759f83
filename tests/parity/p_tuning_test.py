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
import tempfile
from pathlib import Path

import torch
from peft import PeftModel, PromptEncoderConfig, TaskType, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import tiny

STEPS, BATCH, RATE, TOKENS, HIDDEN = 20, 6, 3e-3, 5, 24
ROWS_WITHIN = 1e-6
LOSSES_WITHIN = 1e-4   # relative
WEIGHTS_WITHIN = 1e-2  # norm of the difference, over that of the change
SCORES_WITHIN = 1e-3
ANSWERS = {"blue": " blue", "green": " grn"}
LAYERS = {"MLP": 2, "LSTM": 3}  # encoder_num_layers; 2 is the only value for an MLP

CONFIG = """
run: {{name: p_tuning, output_dir: "{folder}/whole", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method:
  kind: p_tuning
  num_virtual_tokens: {tokens}
  encoder_reparameterization_type: {kind}
  encoder_hidden_size: {hidden}
  encoder_num_layers: {layers}
task:
  data_dir: "{folder}"
  train: train.jsonl
  validation: 0
  test: test.jsonl
  on_overlap: warn
  template: "{{text}} is"
  verbalizer: {{blue: " blue", green: " grn"}}
  bos: none
train:
  steps: {steps}
  batch_size: {batch}
  shuffle: false
  optimizer: {{kind: adamw, lr: {rate}, weight_decay: 0.01, beta1: 0.9, beta2: 0.999, eps: 1.0e-8}}
  eval_every: 0
  checkpoint_every: 1000
"""

failures = []


def expect(what, worst, limit):
    print(f"{what}: {worst:.1e}, allowed {limit:.0e}", flush=True)
    if not worst <= limit:
        failures.append(what)


def expect_equal(what, ours, theirs):
    print(f"{what}: {'equal' if ours == theirs else 'DIFFERENT'}", flush=True)
    if ours != theirs:
        failures.append(what)


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def relative_change(ours, theirs, start):
    """Returns the norm of ours - theirs, over that of theirs - start, of all tensors together."""
    def norm(pairs):
        return sum(float((a - b).square().sum()) for a, b in pairs) ** 0.5
    return (norm((ours[name], theirs[name]) for name in start) /
            norm((theirs[name], start[name]) for name in start))


class Incipit:
    """Runs with one kind of encoder."""

    def __init__(self, program, folder, kind):
        self.program, self.folder, self.config = program, folder, folder / f"{kind}.yaml"
        self.config.write_text(CONFIG.format(
            folder=folder, tokens=TOKENS, kind=kind, hidden=HIDDEN, layers=LAYERS[kind],
            steps=STEPS, batch=BATCH, rate=RATE))

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


def losses(run):
    return [line["loss"] for line in read_lines(run / "metrics.jsonl") if "loss" in line]


def parameters(run, step):
    """The encoder's parameters in a checkpoint, with PEFT's names."""
    state = load_file(run / f"checkpoints/step-{step}/state.safetensors")
    return {name.removeprefix("prompt."): tensor for name, tensor in state.items()
            if name.startswith("prompt.")}


def rows(adapter):
    return load_file(adapter / "adapter_model.safetensors")["prompt_embeddings"]


def base_model(folder):
    return AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32,
                                                attn_implementation="eager").eval()


def peft_model(folder, kind, start):
    config = PromptEncoderConfig(
        task_type=TaskType.CAUSAL_LM, num_virtual_tokens=TOKENS, encoder_hidden_size=HIDDEN,
        encoder_reparameterization_type=kind, encoder_num_layers=LAYERS[kind])
    model = get_peft_model(base_model(folder), config)
    model.prompt_encoder["default"].load_state_dict(start, strict=True)
    return model


def log_likelihood(model, text, label):
    """Returns the sum over the answer's tokens, and their number. A token is a byte."""
    answer = ANSWERS[label].encode()
    ids = torch.tensor([list(f"{text} is".encode() + answer)])
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
    chosen = torch.log_softmax(logits[-len(answer) - 1:-1], -1)[range(len(answer)), list(answer)]
    return chosen.sum(), len(answer)


def train_with_peft(model, records):
    """Returns the losses. Trains the encoder of the model."""
    optimizer = torch.optim.AdamW(model.prompt_encoder.parameters(), lr=RATE, weight_decay=0.01)
    found = []
    for step in range(STEPS):
        scored = [log_likelihood(model, each["text"], each["label"])
                  for each in records[step * BATCH:(step + 1) * BATCH]]
        loss = -sum(score for score, _ in scored) / sum(count for _, count in scored)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def expect_equal_scores(what, incipit, model, adapter):
    ours = incipit.scores(f"scored by {what}", adapter)
    with torch.no_grad():
        worst = max(abs(score - log_likelihood(model, record["text"], label)[0].item())
                    for record, scores in zip(read_lines(incipit.folder / "test.jsonl"), ours,
                                              strict=True)
                    for label, score in scores.items())
    expect(f"{what}, log-likelihoods", worst, SCORES_WITHIN)


def expect_equal_bytes(what, run, other):
    """Every file of an adapter and of the last checkpoint's state."""
    for name in ("adapter/last/adapter_model.safetensors", "adapter/last/adapter_config.json",
                 f"checkpoints/step-{STEPS}/state.safetensors"):
        expect_equal(f"{what}, {name}", (run / name).read_bytes(), (other / name).read_bytes())


def compare(incipit, kind):
    folder = incipit.folder
    first = incipit.train(f"{kind} first", "train.steps=1", "train.optimizer.lr=1e-30")
    start = parameters(first, 1)  # at this learning rate they did not move
    model = peft_model(folder, kind, start)
    theirs = model.get_prompt_embedding_to_save("default")
    expect(f"{kind}, rows of the start", float((rows(first / "adapter/last") - theirs).abs().max()),
           ROWS_WITHIN)

    run = incipit.train(f"{kind} whole")
    expected = train_with_peft(model, read_lines(folder / "train.jsonl"))
    print(f"{kind}: the loss falls from {expected[0]:.3f} to {expected[-1]:.3f}")
    if expected[0] - expected[-1] < 0.1:
        failures.append(f"{kind} did not learn")
    expect(f"{kind}, losses, relative",
           max(abs(a / b - 1) for a, b in zip(losses(run), expected, strict=True)), LOSSES_WITHIN)
    trained = model.prompt_encoder["default"].state_dict()
    expect(f"{kind}, change of the encoder, relative",
           relative_change(parameters(run, STEPS), trained, start), WEIGHTS_WITHIN)

    model.save_pretrained(folder / f"{kind} peft")
    ours, peft = run / "adapter/last", folder / f"{kind} peft"
    configs = [json.loads((each / "adapter_config.json").read_text()) for each in (ours, peft)]
    for config in configs:
        del config["base_model_name_or_path"]
    expect_equal(f"{kind}, adapter_config.json", *configs)
    expect_equal_scores(f"{kind}, our adapter", incipit,
                        PeftModel.from_pretrained(base_model(folder), ours), ours)
    expect_equal_scores(f"{kind}, PEFT's adapter", incipit,
                        PeftModel.from_pretrained(base_model(folder), peft), peft)

    resumed = incipit.train(f"{kind} resumed", f"train.steps={STEPS // 2}")
    incipit.train(f"{kind} resumed")
    expect_equal_bytes(f"{kind} resumed", resumed, run)


def main():
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tiny.write_model(folder / "model")
        tiny.write_records(folder / "train.jsonl", STEPS * BATCH, seed=1)
        tiny.write_records(folder / "test.jsonl", 12, seed=3)
        for kind in LAYERS:
            compare(Incipit(sys.argv[1], folder, kind), kind)
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
