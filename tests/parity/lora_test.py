#!/usr/bin/env python3
"""LoRA, compared with PEFT's LORA and torch.optim.AdamW.

    lora_test.py INCIPIT

Trains additions to a tiny Llama and to a tiny GPT-2, whose queries, keys and values are one
module, for 20 steps: the losses and the adapter of PEFT from the same initial values, adapters that
each loads from the other with equal log-likelihoods, and the model with the additions merged into
its weights. A run that stops and resumes ends in the same bytes. What does not fit is refused. The
texts are invented here.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import tiny

STEPS, BATCH, RATE, RANK, ALPHA = 20, 6, 3e-3, 4, 16
LOSSES_WITHIN = 1e-4   # relative
WEIGHTS_WITHIN = 1e-2  # norm of the difference, over that of the change
SCORES_WITHIN = 1e-3
ANSWERS = {"blue": " blue", "green": " grn"}
# By model: target_modules and method.rslora. Of GPT-2, c_proj is in attention and in the MLP.
CASES = {
    "llama": (["q_proj", "v_proj"], False),
    "llama_all": (["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], True),
    "gpt2": (["c_attn", "c_proj"], False),
}

CONFIG = """
run: {{name: lora, output_dir: "{folder}/whole", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method:
  kind: lora
  r: {rank}
  alpha: {alpha}
  rslora: {rslora}
  target_modules: {targets}
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


def expect_true(what, holds):
    print(f"{what}: {'yes' if holds else 'NO'}", flush=True)
    if not holds:
        failures.append(what)


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def relative_change(ours, theirs, start):
    """Returns the norm of ours - theirs, over that of theirs - start, of all tensors together."""
    def square(a, b):
        return sum(float((a[name] - b[name]).double().square().sum()) for name in a)

    return (square(ours, theirs) / square(theirs, start)) ** 0.5


def run(incipit, *arguments, fails=False):
    """Runs a command and returns its exit code, standard output and standard error."""
    done = subprocess.run([incipit, *map(str, arguments)], capture_output=True, text=True)
    if (done.returncode != 0) != fails:
        raise SystemExit(f"{arguments} ended with {done.returncode}: {done.stderr}")
    return done


def adapter_tensors(folder):
    """Returns the tensors of an adapter, named as PEFT names parameters."""
    return {name.replace(".weight", ".default.weight"): value
            for name, value in load_file(folder / "adapter_model.safetensors").items()}


def learned_of(model):
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def tokens(text):
    """A token is a byte."""
    return list(text.encode())


def log_likelihood(logits, row, answer):
    """Returns log p(answer) at the last len(answer) tokens of a row of logits, whose length is row."""
    begin = row - len(answer)
    steps = logits[begin - 1:row - 1].float().log_softmax(-1)
    return steps[torch.arange(len(answer)), torch.tensor(answer)].sum()


def train(model, records):
    """Trains with PEFT and torch as Incipit does, one example after the other. Returns the losses."""
    learned = learned_of(model)
    optimizer = torch.optim.AdamW(learned.values(), lr=RATE, betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=0.01)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        total, count = 0.0, 0
        for k in range(BATCH):
            record = records[(step * BATCH + k) % len(records)]
            answer = tokens(ANSWERS[record["label"]])
            ids = tokens(f"{record['text']} is") + answer
            logits = model(input_ids=torch.tensor([ids])).logits[0]
            loss = -log_likelihood(logits, len(ids), answer)
            loss.backward()
            total += loss.item()
            count += len(answer)
        for value in learned.values():
            value.grad /= count
        optimizer.step()
        losses.append(total / count)
    return losses


def scores(model, records):
    """Returns the log-likelihood of both answers after each text, by example."""
    found = []
    with torch.no_grad():
        for record in records:
            source = tokens(f"{record['text']} is")
            own = {}
            for label, text in ANSWERS.items():
                answer = tokens(text)
                logits = model(input_ids=torch.tensor([source + answer])).logits[0]
                own[label] = float(log_likelihood(logits, len(source) + len(answer), answer))
            found.append(own)
    return found


def expect_scores(what, folder, theirs):
    ours = [line["scores"] for line in read_lines(folder / "predictions" / "test.jsonl")]
    expect(what, max(abs(mine[label] - other[label])
                     for mine, other in zip(ours, theirs) for label in ANSWERS), SCORES_WITHIN)


def make_data(folder, is_gpt2):
    tiny.write_model(folder / "model")
    if is_gpt2:  # with the same tokenizer
        torch.manual_seed(4)
        GPT2LMHeadModel(GPT2Config(
            vocab_size=tiny.VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=tiny.POSITIONS,
            bos_token_id=256, eos_token_id=257)).save_pretrained(folder / "model")
    tiny.write_records(folder / "train.jsonl", STEPS * BATCH, seed=1)
    tiny.write_records(folder / "test.jsonl", 12, seed=3)
    return read_lines(folder / "train.jsonl"), read_lines(folder / "test.jsonl")


def base_model(folder):
    return AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32,
                                                attn_implementation="eager").eval()


def peft_model(folder, targets, rslora):
    return get_peft_model(
        base_model(folder), LoraConfig(task_type=TaskType.CAUSAL_LM, r=RANK, lora_alpha=ALPHA,
                                       use_rslora=rslora, target_modules=targets))


def compare(folder, incipit, name):
    targets, rslora = CASES[name]
    records, test = make_data(folder, name == "gpt2")
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(
        folder=folder, targets=json.dumps(targets), rslora=str(rslora).lower(), rank=RANK, alpha=ALPHA,
        steps=STEPS, batch=BATCH, rate=RATE), encoding="utf8")
    # What Incipit starts from: without a learning rate, the adapter stays as it was drawn.
    drawn = folder / "drawn"
    run(incipit, "train", config, "--set", f"run.output_dir={drawn}", "--set", "train.steps=1",
        "--set", "train.optimizer.lr=0")
    run(incipit, "train", config)
    print(f"# {name}", flush=True)

    model = peft_model(folder, targets, rslora)
    start = adapter_tensors(drawn / "adapter" / "last")
    learned = learned_of(model)
    expect_true("the tensors are PEFT's, by name and shape",
                {n: v.shape for n, v in learned.items()} == {n: v.shape for n, v in start.items()})
    before = scores(base_model(folder), test)
    expect_scores("nothing is added at the start, worst log-likelihood", drawn, before)
    with torch.no_grad():
        for parameter, value in learned.items():
            value.copy_(start[parameter])

    losses = train(model, records)
    ours = [line["loss"] for line in read_lines(folder / "whole" / "metrics.jsonl") if "loss" in line]
    expect("losses, worst relative difference",
           max(abs(a - b) / b for a, b in zip(ours, losses, strict=True)), LOSSES_WITHIN)
    adapter = folder / "whole" / "adapter" / "last"
    expect("adapter against PEFT's",
           relative_change(adapter_tensors(adapter), learned_of(model), start), WEIGHTS_WITHIN)

    # Each loads the other's.
    evaluate = ["eval", config, "--set", f"run.output_dir={folder}/scored"]
    expect_scores("the learned additions, worst log-likelihood", folder / "whole",
                  scores(model, test))
    model.save_pretrained(folder / "theirs")
    run(incipit, *evaluate, "--adapter", folder / "theirs")
    expect_scores("PEFT's adapter in Incipit", folder / "scored", scores(model, test))
    loaded = PeftModel.from_pretrained(base_model(folder), adapter)
    ours_in_peft = scores(loaded, test)
    expect_scores("Incipit's adapter in PEFT", folder / "whole", ours_in_peft)
    expect_true("training changed the scores",
                max(abs(a[l] - b[l]) for a, b in zip(before, ours_in_peft) for l in ANSWERS) > 0.1)

    merge(folder, incipit, config, loaded, test)
    resume(folder, incipit, config)


def merge(folder, incipit, config, peft, test):
    """The merged model is PEFT's, and scores as the model with the additions."""
    merged = folder / "merged"
    run(incipit, "merge", folder / "whole", "--output", merged)
    ours = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)
    theirs = peft.merge_and_unload().state_dict()
    expect("merged weights against PEFT's", max(float((value - theirs[name]).abs().max())
                                                for name, value in ours.state_dict().items()), 1e-6)
    run(incipit, "eval", config, "--set", f"model.path={merged}", "--set", "method.kind=none",
        "--set", f"run.output_dir={folder}/merged_scores")
    expect_scores("the merged model in Incipit", folder / "merged_scores",
                  scores(ours, test))
    expect_true("an existing folder is refused",
                "exists already" in run(incipit, "merge", folder / "whole", "--output", merged,
                                        fails=True).stderr)


def resume(folder, incipit, config):
    """A run of more steps continues the shorter one and ends in the bytes of a whole one."""
    resumed = ["--set", f"run.output_dir={folder}/resumed"]
    run(incipit, "train", config, *resumed, "--set", "train.steps=8")
    run(incipit, "train", config, *resumed)
    ends = [folder / name / "adapter" / "last" / "adapter_model.safetensors"
            for name in ("whole", "resumed")]
    expect_true("a resumed run ends in the bytes of a whole one",
                ends[0].read_bytes() == ends[1].read_bytes())
    again = folder / "again"
    run(incipit, "train", config, "--set", f"run.output_dir={again}", "--set", "train.steps=1", "--set",
        "train.optimizer.lr=0", "--set", "method.init.kind=file", "--set",
        f"method.init.path={ends[0].parent}")
    expect_true("a run that starts from an adapter has its bytes",
                (again / "adapter" / "last" / ends[0].name).read_bytes() == ends[0].read_bytes())


def refuse(folder, incipit):
    """What does not fit is refused before the model is read, or names the file and the key."""
    config = folder / "config.yaml"
    for setting, words in {"method.target_modules=[q_proj, lm_head]": ["'lm_head'", "down_proj"],
                           "method.r=0": ["method.r"], "method.alpha=-1": ["method.alpha"],
                           "method.init.kind=text": ["method.init.kind"]}.items():
        message = run(incipit, "validate", config, "--set", setting, fails=True).stderr
        expect_true(f"validate refuses {setting}", all(word in message for word in words))
    theirs = folder / "theirs" / "adapter_config.json"
    good = json.loads(theirs.read_text())
    for key, value in {"use_dora": True, "bias": "all", "rank_pattern": {"q_proj": 8}}.items():
        theirs.write_text(json.dumps({**good, key: value}))
        message = run(incipit, "inspect", theirs.parent, fails=True).stderr
        expect_true(f"an adapter with {key} is refused", f"adapter_config.json: {key}" in message)
    theirs.write_text(json.dumps({**good, "r": 3}))
    message = run(incipit, "inspect", theirs.parent, fails=True).stderr
    expect_true("an adapter of another rank is refused", "expected [3, inputs]" in message)


def main():
    torch.set_num_threads(1)
    for name in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            compare(Path(temporary), sys.argv[1], name)
            if name == "llama":
                refuse(Path(temporary), sys.argv[1])
    if failures:
        raise SystemExit("failed: " + "; ".join(failures))


if __name__ == "__main__":
    main()
