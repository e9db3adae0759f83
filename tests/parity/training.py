"""What the tests share that compare 20 steps of training with torch.optim.AdamW.

Incipit and the other side train on the same examples in the order of the file. A token is a byte.
"""
import contextlib
import json
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import tiny  # noqa: E402

STEPS, BATCH, RATE = 20, 6, 3e-3
LOSSES_WITHIN = 1e-4   # relative
WEIGHTS_WITHIN = 1e-2  # norm of the difference, over that of the change
SCORES_WITHIN = 1e-3
ANSWERS = {"blue": " blue", "green": " grn"}

TRAIN = """
train:
  steps: {steps}
  batch_size: {batch}
  shuffle: false
  optimizer: {{kind: adamw, lr: {rate}, weight_decay: 0.01, beta1: 0.9, beta2: 0.999, eps: 1.0e-8}}
  eval_every: 0
  checkpoint_every: 1000
"""

# A run of one method on the records of write_data.
CONFIG = """
run: {{name: parity, output_dir: "{folder}/whole", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method: {method}
task:
  data_dir: "{folder}"
  train: train.jsonl
  validation: 0
  test: test.jsonl
  on_overlap: warn
  template: "{{text}} is"
  verbalizer: {answers}
  bos: none
""" + TRAIN


class Checks:
    """Prints what is compared and collects what failed."""

    def __init__(self):
        self.failures = []

    def within(self, what, worst, limit):
        print(f"{what}: {worst:.1e}, allowed {limit:.0e}", flush=True)
        if not worst <= limit:
            self.failures.append(what)

    def holds(self, what, is_true):
        print(f"{what}: {'yes' if is_true else 'NO'}", flush=True)
        if not is_true:
            self.failures.append(what)

    def end(self):
        if self.failures:
            raise SystemExit("failed: " + "; ".join(self.failures))


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def write_config(path, folder, method):
    """Writes a run of the method, a dictionary."""
    path.write_text(CONFIG.format(folder=folder, method=json.dumps(method), steps=STEPS, batch=BATCH,
                                  answers=json.dumps(ANSWERS), rate=RATE), encoding="utf8")


def write_data(folder):
    tiny.write_records(folder / "train.jsonl", STEPS * BATCH, seed=1)
    tiny.write_records(folder / "test.jsonl", 12, seed=3)


@contextlib.contextmanager
def new_folder():
    """A temporary folder with a tiny model and the data. torch gets one thread."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tiny.write_model(folder / "model")
        write_data(folder)
        yield folder


def load_model(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                attn_implementation="eager").eval()


def log_likelihood(model, source, answer, inputs=None):
    """Returns log p(answer) after the source, and the number of the answer's tokens. `inputs` are
    further inputs of the model."""
    source, answer = source.encode(), answer.encode()
    ids = torch.tensor([list(source + answer)])
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids),
                   **(inputs or {})).logits[0, -len(answer) - 1:-1]
    return logits.log_softmax(-1)[range(len(answer)), list(answer)].sum(), len(answer)


def train(model, learned, examples, rate=RATE):
    """Trains `learned` for STEPS steps on (source, answer) pairs, perhaps with further inputs. Returns
    the losses."""
    optimizer = torch.optim.AdamW(learned, lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    found = []
    for step in range(STEPS):
        scored = [log_likelihood(model, *each) for each in examples[step * BATCH:(step + 1) * BATCH]]
        loss = -sum(score for score, _ in scored) / sum(count for _, count in scored)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def examples_of(records):
    return [(f"{record['text']} is", ANSWERS[record["label"]]) for record in records]


@torch.no_grad()
def scores(model, records):
    """Returns the log-likelihood of every answer after each text, by example."""
    return [{label: log_likelihood(model, f"{record['text']} is", answer)[0].item()
             for label, answer in ANSWERS.items()} for record in records]


def largest_difference(ours, theirs):
    """The largest difference between two results of scores()."""
    return max(abs(mine[label] - other[label])
               for mine, other in zip(ours, theirs, strict=True) for label in mine)


def losses(run):
    return [line["loss"] for line in read_lines(run / "metrics.jsonl") if "loss" in line]


def apart(ours, theirs):
    """The largest relative difference of two lists of losses."""
    return max(abs(a / b - 1) for a, b in zip(ours, theirs, strict=True))


def relative_change(ours, theirs, start):
    """Returns the norm of ours - theirs, over that of theirs - start, of all tensors together."""
    def square(a, b):
        return sum(float((a[name] - b[name]).double().square().sum()) for name in start)

    return (square(ours, theirs) / square(theirs, start)) ** 0.5
