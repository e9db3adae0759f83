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

from training import (LOSSES_WITHIN, SCORES_WITHIN, WEIGHTS_WITHIN, Checks, apart, examples_of,
                      largest_difference, load_model, losses, read_lines, relative_change, scores, tiny,
                      train, write_config, write_data)

RANK, ALPHA = 4, 16
# By model: target_modules and method.rslora. Of GPT-2, c_proj is in attention and in the MLP.
CASES = {
    "llama": (["q_proj", "v_proj"], False),
    "llama_all": (["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], True),
    "gpt2": (["c_attn", "c_proj"], False),
}

checks = Checks()


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


def expect_scores(what, folder, theirs):
    ours = [line["scores"] for line in read_lines(folder / "predictions" / "test.jsonl")]
    checks.within(what, largest_difference(ours, theirs), SCORES_WITHIN)


def make_data(folder, is_gpt2):
    tiny.write_model(folder / "model")
    if is_gpt2:  # with the same tokenizer
        torch.manual_seed(4)
        GPT2LMHeadModel(GPT2Config(
            vocab_size=tiny.VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=tiny.POSITIONS,
            bos_token_id=256, eos_token_id=257)).save_pretrained(folder / "model")
    write_data(folder)
    return read_lines(folder / "train.jsonl"), read_lines(folder / "test.jsonl")


def peft_model(folder, targets, rslora):
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=RANK, lora_alpha=ALPHA, use_rslora=rslora,
                        target_modules=targets)
    return get_peft_model(load_model(folder / "model"), config)


def compare(folder, incipit, name):
    targets, rslora = CASES[name]
    records, test = make_data(folder, name == "gpt2")
    config = folder / "config.yaml"
    write_config(config, folder, {"kind": "lora", "r": RANK, "alpha": ALPHA, "rslora": rslora,
                                  "target_modules": targets})
    # What Incipit starts from: without a learning rate, the adapter stays as it was drawn.
    drawn = folder / "drawn"
    run(incipit, "train", config, "--set", f"run.output_dir={drawn}", "--set", "train.steps=1",
        "--set", "train.optimizer.lr=0")
    run(incipit, "train", config)
    print(f"# {name}", flush=True)

    model = peft_model(folder, targets, rslora)
    start = adapter_tensors(drawn / "adapter" / "last")
    learned = learned_of(model)
    checks.holds("the tensors are PEFT's, by name and shape",
                 {n: v.shape for n, v in learned.items()} == {n: v.shape for n, v in start.items()})
    before = scores(load_model(folder / "model"), test)
    expect_scores("nothing is added at the start, worst log-likelihood", drawn, before)
    with torch.no_grad():
        for parameter, value in learned.items():
            value.copy_(start[parameter])

    expected = train(model, learned.values(), examples_of(records))
    checks.within("losses, worst relative difference",
                  apart(losses(folder / "whole"), expected), LOSSES_WITHIN)
    adapter = folder / "whole" / "adapter" / "last"
    checks.within("adapter against PEFT's",
                  relative_change(adapter_tensors(adapter), learned_of(model), start), WEIGHTS_WITHIN)

    # Each loads the other's.
    evaluate = ["eval", config, "--set", f"run.output_dir={folder}/scored"]
    expect_scores("the learned additions, worst log-likelihood", folder / "whole",
                  scores(model, test))
    model.save_pretrained(folder / "theirs")
    run(incipit, *evaluate, "--adapter", folder / "theirs")
    expect_scores("PEFT's adapter in Incipit", folder / "scored", scores(model, test))
    loaded = PeftModel.from_pretrained(load_model(folder / "model"), adapter)
    ours_in_peft = scores(loaded, test)
    expect_scores("Incipit's adapter in PEFT", folder / "whole", ours_in_peft)
    checks.holds("training changed the scores",
                 largest_difference(before, ours_in_peft) > 0.1)

    merge(folder, incipit, config, loaded, test)
    resume(folder, incipit, config)


def merge(folder, incipit, config, peft, test):
    """The merged model is PEFT's, and scores as the model with the additions."""
    merged = folder / "merged"
    run(incipit, "merge", folder / "whole", "--output", merged)
    ours = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)
    theirs = peft.merge_and_unload().state_dict()
    checks.within("merged weights against PEFT's", max(float((value - theirs[name]).abs().max())
                  for name, value in ours.state_dict().items()), 1e-6)
    run(incipit, "eval", config, "--set", f"model.path={merged}", "--set", "method.kind=none",
        "--set", f"run.output_dir={folder}/merged_scores")
    expect_scores("the merged model in Incipit", folder / "merged_scores",
                  scores(ours, test))
    checks.holds("an existing folder is refused",
                 "exists already" in run(incipit, "merge", folder / "whole", "--output", merged,
                                         fails=True).stderr)


def resume(folder, incipit, config):
    """A run of more steps continues the shorter one and ends in the bytes of a whole one."""
    resumed = ["--set", f"run.output_dir={folder}/resumed"]
    run(incipit, "train", config, *resumed, "--set", "train.steps=8")
    run(incipit, "train", config, *resumed)
    ends = [folder / name / "adapter" / "last" / "adapter_model.safetensors"
            for name in ("whole", "resumed")]
    checks.holds("a resumed run ends in the bytes of a whole one",
                 ends[0].read_bytes() == ends[1].read_bytes())
    again = folder / "again"
    run(incipit, "train", config, "--set", f"run.output_dir={again}", "--set", "train.steps=1", "--set",
        "train.optimizer.lr=0", "--set", "method.init.kind=file", "--set",
        f"method.init.path={ends[0].parent}")
    checks.holds("a run that starts from an adapter has its bytes",
                 (again / "adapter" / "last" / ends[0].name).read_bytes() == ends[0].read_bytes())


def refuse(folder, incipit):
    """What does not fit is refused before the model is read, or names the file and the key."""
    config = folder / "config.yaml"
    for setting, words in {"method.target_modules=[q_proj, lm_head]": ["'lm_head'", "down_proj"],
                           "method.r=0": ["method.r"], "method.alpha=-1": ["method.alpha"],
                           "method.init.kind=text": ["method.init.kind"]}.items():
        message = run(incipit, "validate", config, "--set", setting, fails=True).stderr
        checks.holds(f"validate refuses {setting}", all(word in message for word in words))
    theirs = folder / "theirs" / "adapter_config.json"
    good = json.loads(theirs.read_text())
    for key, value in {"use_dora": True, "bias": "all", "rank_pattern": {"q_proj": 8}}.items():
        theirs.write_text(json.dumps({**good, key: value}))
        message = run(incipit, "inspect", theirs.parent, fails=True).stderr
        checks.holds(f"an adapter with {key} is refused", f"adapter_config.json: {key}" in message)
    theirs.write_text(json.dumps({**good, "r": 3}))
    message = run(incipit, "inspect", theirs.parent, fails=True).stderr
    checks.holds("an adapter of another rank is refused", "expected [3, inputs]" in message)


def main():
    torch.set_num_threads(1)
    for name in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            compare(Path(temporary), sys.argv[1], name)
            if name == "llama":
                refuse(Path(temporary), sys.argv[1])
    checks.end()


if __name__ == "__main__":
    main()
