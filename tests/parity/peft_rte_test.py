#!/usr/bin/env python3
"""Trains as PEFT does, beside a recorded run and beside PEFT on this machine.

    peft_rte_test.py INCIPIT MODEL_DIR SHARED_DIR prompt_tuning|prefix_tuning

All runs start from the recorded run's initial prompt and take the same examples in the same order.

* The recorded run (AdamW, 0.01): its first losses to 2e-4 relative.
* PEFT on this machine: the first steps at 0.01, and more at a learning rate that does not amplify
  rounding: losses to 2e-4, and the change of the prompt (relative, in the Frobenius norm).
* With PEFT's recorded final prompt the recorded log-likelihoods (1e-2); PEFT with our final adapter
  has our log-likelihoods (1e-3). A prefix that was trained through a projection as well, each way.

Later losses and the final prompt at 0.01 are not compared: the run amplifies rounding. Its prompt
starts at seven times the size of embeddings, and Adam's first steps have the sign of gradients
however small, so that PEFT leaves its own record as soon as the number of threads or the
instruction set is another (docs/decisions/0005-what-parity-with-a-recorded-run-means.md).
Exit code 77: the recorded run or the data are not there.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

CONFIG = """
run: {{name: peft_rte, output_dir: "{out}/recorded", seed: 1}}
model: {{path: "{model}", dtype: float32}}
method:
  kind: {method}
  num_virtual_tokens: {tokens}
  init: {{kind: file, path: "{recorded}/init"}}
task:
  data_dir: "{data}"
  train: train.jsonl
  validation: 0
  test: "{out}/last_batch.jsonl"
  on_overlap: warn  # it is the last batch of train
  template: "rte hypothesis: {{hypothesis}} premise: {{premise}} answer:"
  verbalizer: {{entailment: " entailment", not_entailment: " not_entailment"}}
  max_source_tokens: 256
  truncate: source_head
  bos: none
  eos: none
train:
  steps: {strict}
  batch_size: {batch}
  shuffle: false
  optimizer: {{kind: adamw, lr: 0.01, weight_decay: 0.0}}
  eval_every: 0
"""

LOW_RATE, LOW_RATE_STEPS = 1e-4, 4
# The recorded runs: virtual tokens, batch size, steps, and the number of steps in which rounding is not
# amplified yet.
RECORDED = {"prompt_tuning": {"tokens": 20, "batch": 8, "steps": 10, "strict": 4},
            "prefix_tuning": {"tokens": 16, "batch": 4, "steps": 6, "strict": 6}}
LABELS = ["entailment", "not_entailment"]

failures = []


def expect(what, worst, limit):
    print(f"{what}: largest difference {worst:.2e}, allowed {limit:.0e}", flush=True)
    if not worst <= limit:
        failures.append(what)


def read_lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf8").splitlines()]


def read_scores(run):
    return [line["scores"] for line in read_lines(run / "predictions/test.jsonl")]


def read_prompt(adapter):
    from safetensors.numpy import load_file
    return load_file(adapter / "adapter_model.safetensors")["prompt_embeddings"]


class Incipit:
    """Runs of the configuration above, each in its own folder."""

    def __init__(self, program, out):
        self.program, self.out, self.config = program, out, out / "rte.yaml"

    def train(self, name, *settings):
        """Losses by step, and the run's folder."""
        run = self.out / name
        words = [word for setting in (f"run.output_dir={run}", *settings)
                 for word in ("--set", setting)]
        subprocess.run([self.program, "train", self.config, *words], check=True,
                       stdout=subprocess.DEVNULL)
        return [line["loss"] for line in read_lines(run / "metrics.jsonl") if "loss" in line], run

    def evaluate(self, adapter):
        run = self.out / f"scored_{Path(adapter).name}"
        subprocess.run([self.program, "eval", self.config, "--adapter", adapter, "--set",
                        f"run.output_dir={run}"], check=True, stdout=subprocess.DEVNULL)
        return read_scores(run)


class Peft:
    """The same model in transformers and PEFT, as the recorded run computed it."""

    def __init__(self, model_dir):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        self.torch = torch
        self.tokenizer = AutoTokenizer.from_pretrained(model_dir)
        self.base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32,
                                                         attn_implementation="eager")

    def tokens(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def source(self, record):
        return self.tokens("rte hypothesis: {hypothesis} premise: {premise} answer:"
                           .format(**record))[:256]

    def with_adapter(self, adapter):
        from peft import PeftModel
        return PeftModel.from_pretrained(self.base, adapter).eval()

    def trainable(self, method, prompt):
        """A model in evaluation mode, and its prompt as a parameter with these values."""
        from peft import PrefixTuningConfig, PromptTuningConfig, TaskType, get_peft_model
        config = {"prompt_tuning": PromptTuningConfig, "prefix_tuning": PrefixTuningConfig}[method]
        settings = config(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=prompt.shape[0])
        model = get_peft_model(self.base, settings).eval()
        [parameter] = [p for p in model.parameters() if p.requires_grad]
        parameter.data.copy_(self.torch.from_numpy(prompt))
        return model, parameter

    def batch(self, records):
        """Padded on the right; labels are -100 before the target and after it."""
        pairs = [(self.source(r), self.tokens(" " + r["label"])) for r in records]
        longest = max(len(source) + len(target) for source, target in pairs)
        fields = {"input_ids": self.tokenizer.pad_token_id, "labels": -100, "attention_mask": 0}
        batch = {name: self.torch.full((len(pairs), longest), value)
                 for name, value in fields.items()}
        for row, (source, target) in enumerate(pairs):
            begin, end = len(source), len(source) + len(target)
            batch["input_ids"][row, :end] = self.torch.tensor(source + target)
            batch["labels"][row, begin:end] = self.torch.tensor(target)
            batch["attention_mask"][row, :end] = 1
        return batch

    def save_projected_prefix(self, folder, tokens):
        """Saves a prefix that a random projection computes."""
        from peft import PrefixTuningConfig, TaskType, get_peft_model
        self.torch.manual_seed(1)
        model = get_peft_model(self.base, PrefixTuningConfig(
            task_type=TaskType.CAUSAL_LM, num_virtual_tokens=tokens, prefix_projection=True,
            encoder_hidden_size=32))
        model.save_pretrained(folder)

    def train(self, method, prompt, records, rate, steps, batch_size):
        """Losses by step, and the prompt after each."""
        model, parameter = self.trainable(method, prompt)
        optimizer = self.torch.optim.AdamW([parameter], lr=rate, weight_decay=0.0)
        losses, prompts = [], []
        for step in range(steps):
            loss = model(**self.batch(records[step * batch_size:(step + 1) * batch_size])).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            prompts.append(parameter.detach().numpy().copy())
        return losses, prompts

    def log_likelihoods(self, adapter, records, labels):
        """[records]{label}, as a user of PEFT would compute them."""
        model, scores = self.with_adapter(adapter), []
        with self.torch.no_grad():
            for record in records:
                source, row = self.source(record), {}
                for label in labels:
                    target = self.tokens(" " + label)
                    ids = self.torch.tensor([source + target])
                    logits = model(input_ids=ids,
                                   attention_mask=self.torch.ones_like(ids)).logits[0]
                    scored = logits[-len(target) - 1:-1].log_softmax(-1)
                    row[label] = scored.gather(1, self.torch.tensor(target)[:, None]).sum().item()
                scores.append(row)
        return scores


def relative(ours, theirs):
    return [abs(a / b - 1) for a, b in zip(ours, theirs, strict=True)]


def compare_with_peft_here(incipit, peft, method, start, records, first_steps):
    """Where rounding is not amplified: our run of the first steps, one step, and more steps at a low
    learning rate."""
    import numpy as np
    batch = RECORDED[method]["batch"]

    def compare(what, ours, theirs):
        (our_losses, run), (losses, prompts) = ours, theirs
        steps = len(our_losses)
        what = f"{what}, {steps} steps"
        expect(f"{what}, losses, relative", max(relative(our_losses, losses[:steps])), 2e-4)
        change = prompts[steps - 1] - start
        difference = read_prompt(run / "adapter/last") - start - change
        expect(f"{what}, change of the prompt, relative",
               np.linalg.norm(difference) / np.linalg.norm(change), 1e-2)

    def train(steps, rate=0.01):
        return incipit.train(f"{rate:g}-{steps}", f"train.optimizer.lr={rate}",
                             f"train.steps={steps}", 'task.test=""')

    theirs = peft.train(method, start, records, 0.01, len(first_steps[0]), batch)
    compare("learning rate 0.01", first_steps, theirs)
    compare("learning rate 0.01", train(1), theirs)
    compare("low learning rate", train(LOW_RATE_STEPS, LOW_RATE),
            peft.train(method, start, records, LOW_RATE, LOW_RATE_STEPS, batch))


def compare_adapters(what, ours, theirs):
    expect(f"log-likelihoods, {what}",
           max(abs(a[label] - b[label]) for a, b in zip(ours, theirs, strict=True)
               for label in LABELS), 1e-3)


def compare_scores(incipit, peft, run, recorded, records, reference):
    compare_adapters("PEFT with our adapter", read_scores(run),
                     peft.log_likelihoods(run / "adapter/last", records, LABELS))
    expect("log-likelihoods, the recorded prompt",
           max(abs(a[label] - b[" " + label])
               for a, b in zip(incipit.evaluate(recorded / "final"),
                               reference["last_batch_target_log_likelihoods"], strict=True)
               for label in LABELS), 1e-2)


def compare_projections(incipit, peft, records, out):
    """Adapters of prefixes with a projection, which neither side saves."""
    _, run = incipit.train("projected", "method.init.kind=normal", 'method.init.path=""',
                           "train.steps=2",
                           "method.prefix_projection=true", "method.encoder_hidden_size=24")
    compare_adapters("PEFT with our projected prefix", read_scores(run),
                     peft.log_likelihoods(run / "adapter/last", records, LABELS))
    theirs = Path(out, "peft_projected")
    peft.save_projected_prefix(theirs, RECORDED["prefix_tuning"]["tokens"])
    compare_adapters("PEFT's projected prefix", incipit.evaluate(theirs),
                     peft.log_likelihoods(theirs, records, LABELS))


def main():
    program, model, shared, method = sys.argv[1:5]
    shared = Path(os.environ.get("INCIPIT_SHARED", shared))
    recorded = shared / "reference/peft_rte" / method
    data = shared / "data/superglue/RTE"
    if not (recorded / "losses.json").exists() or not (data / "train.jsonl").exists():
        print(f"skipped: no recorded run in {recorded} (INCIPIT_SHARED names its folder)")
        return 77
    run_of = RECORDED[method]
    reference = json.loads((recorded / "losses.json").read_text())
    records = read_lines(data / "train.jsonl")[:run_of["steps"] * run_of["batch"]]
    last = records[-run_of["batch"]:]
    with tempfile.TemporaryDirectory() as out:
        last_batch = "".join(json.dumps(record) + "\n" for record in last)
        Path(out, "last_batch.jsonl").write_text(last_batch, encoding="utf8")
        incipit = Incipit(program, Path(out))
        incipit.config.write_text(CONFIG.format(out=out, model=model, recorded=recorded, data=data,
                                                method=method, **run_of))
        losses, run = incipit.train("recorded")
        expect(f"losses 1 to {len(losses)}, relative",
               max(relative(losses, reference["losses"][:len(losses)])), 2e-4)
        peft = Peft(model)
        compare_with_peft_here(incipit, peft, method, read_prompt(recorded / "init"), records,
                               (losses, run))
        compare_scores(incipit, peft, run, recorded, last, reference)
        if method == "prefix_tuning":
            compare_projections(incipit, peft, last, out)
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
