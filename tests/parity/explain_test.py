#!/usr/bin/env python3
"""`incipit explain`, compared with plain computations on transformers.

    explain_test.py INCIPIT

Trains two short prompts and a prefix of a tiny Llama, explains them, and computes every figure
again: nearest tokens, losses after removing, snapping and patching positions, attention weights and
logit lens. The texts are invented here.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, DynamicCache

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import tiny

ANSWERS = {"blue": " blue", "green": " grn"}
WITHIN = 2e-5
# The text that the search begins with; the tokens nearest to a prompt may be no text.
START = "--set", "method.init.text=colour", "--set", "method.init.kind=text"
EXAMPLES = 9
WORDS = 6  # tokens of the text; a token is a byte

failures = []


def expect(what, worst, limit=WITHIN):
    print(f"{what}: {worst:.1e}, allowed {limit:.0e}", flush=True)
    if not worst <= limit:
        failures.append(what)


def expect_true(what, fact):
    print(f"{what}: {'yes' if fact else 'NO'}", flush=True)
    if not fact:
        failures.append(what)


def records(folder):
    lines = (folder / "test.jsonl").read_text(encoding="utf8").splitlines()
    return [json.loads(line) for line in lines]


class Reference:
    """The tiny model in transformers. A prompt is rows of input, or keys and values."""

    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(
            folder / "model", dtype=torch.float32, attn_implementation="eager").eval()
        self.table = self.model.get_input_embeddings().weight.detach()
        self.records = records(folder)

    def forward(self, ids, rows=None, prefix=None):
        if prefix is not None:
            cache = DynamicCache()
            for layer, (keys, values) in enumerate(prefix):
                cache.update(keys, values, layer)
            return self.model(input_ids=ids[None], past_key_values=cache, output_attentions=True)
        embedded = self.table[ids]
        if rows is not None:
            embedded = torch.cat([rows, embedded])
        return self.model(inputs_embeds=embedded[None], output_attentions=True,
                          output_hidden_states=True)

    def answer(self, record, label, **prompt):
        """The log-likelihoods of an answer's tokens, and the attention of the rows before them."""
        tokens = list(ANSWERS[label].encode())
        ids = torch.tensor(list(f"{record['text']} is".encode()) + tokens)
        out = self.forward(ids, **prompt)
        scores = torch.log_softmax(out.logits[0, -len(tokens) - 1:-1], -1)
        rows = torch.stack([a[0, :, -len(tokens) - 1:-1] for a in out.attentions])
        return scores[range(len(tokens)), tokens], rows

    def loss(self, by_candidates, **prompt):
        losses = [self.example_loss(record, by_candidates, **prompt) for record in self.records]
        return float(torch.cat(losses).mean())

    def example_loss(self, record, by_candidates, **prompt):
        """One number per answer token, or one per example."""
        if not by_candidates:
            return -self.answer(record, record["label"], **prompt)[0]
        scores = torch.stack([self.answer(record, label, **prompt)[0].sum() for label in ANSWERS])
        return -torch.log_softmax(scores, -1)[list(ANSWERS).index(record["label"])][None]

    def attention(self, positions, **prompt):
        """By layer and position: the mean over heads, and over the answer tokens of all examples."""
        rows = [self.answer(record, record["label"], **prompt)[1] for record in self.records]
        return torch.cat([each.mean(1)[:, :, :positions] for each in rows], 1).mean(1)

    def lens(self, rows):
        """By layer and position: log-probabilities."""
        hidden = self.forward(torch.zeros(0, dtype=torch.long), rows=rows).hidden_states
        norm = self.model.model.norm
        # The last hidden state has gone through the norm already.
        states = [norm(state[0]) for state in hidden[1:-1]] + [hidden[-1][0]]
        return [torch.log_softmax(self.model.lm_head(state), -1) for state in states]


def without(rows, position):
    return torch.cat([rows[:position], rows[position + 1:]])


def replaced(rows, position, row):
    return torch.cat([rows[:position], row[None], rows[position + 1:]])


def worst(pairs):
    return max(abs(a - b) for a, b in pairs)


def compare_neighbours(found, rows, table):
    cosines = torch.nn.functional.cosine_similarity(rows[:, None], table[None], dim=-1)
    distances = torch.cdist(rows, table)
    for name, values, largest in (("cosine", cosines, True), ("distance", distances, False)):
        top = values.topk(5, largest=largest)
        tokens = [position["nearest"][f"by_{name}"] for position in found["positions"]]
        expect_true(f"nearest by {name}",
                    [[t["id"] for t in row] for row in tokens] == top.indices.tolist())
        expect(f"{name} of the nearest",
               worst((t[name], float(v)) for row, expected in zip(tokens, top.values)
                     for t, v in zip(row, expected)))


def compare_lens(found, reference, rows):
    expected = reference.lens(rows)
    tops = [[layer[p].topk(3) for layer in expected] for p in range(len(rows))]
    lens = [position["lens"] for position in found["positions"]]
    expect_true("logit lens, tokens",
                all([t["id"] for t in ours] == theirs.indices.tolist()
                    for row, top in zip(lens, tops) for ours, theirs in zip(row, top)))
    expect("logit lens, probabilities",
           worst((t["probability"], float(v.exp())) for row, top in zip(lens, tops)
                 for ours, theirs in zip(row, top) for t, v in zip(ours, theirs.values)))


def compare_attention(found, reference, **prompt):
    positions = len(found["positions"])
    expected = reference.attention(positions, **prompt)
    ours = torch.tensor([p["attention"] for p in found["positions"]]).T
    expect("attention", float((ours - expected).abs().max()))
    expect_true("attention differs between positions", float(expected.std()) > 1e-3)


def compare_prompt(found, reference, rows, second, by_candidates):
    positions, base = found["positions"], reference.loss(by_candidates, rows=rows)
    nearest = reference.table[[p["nearest"]["by_cosine"][0]["id"] for p in positions]]
    expect("loss", abs(found["loss"] - base))
    expect("loss without", abs(found["loss_without"] - reference.loss(by_candidates)))
    expect("loss snapped", abs(found["loss_snapped"] - reference.loss(by_candidates, rows=nearest)))
    expect("loss of the second",
           abs(found["loss_second"] - reference.loss(by_candidates, rows=second)))
    for key, change in (("removed", without), ("snapped", lambda r, i: replaced(r, i, nearest[i])),
                        ("patched", lambda r, i: replaced(r, i, second[i]))):
        expected = [reference.loss(by_candidates, rows=change(rows, i)) - base
                    for i in range(len(rows))]
        expect(key, worst(zip([p[key] for p in positions], expected)))
        expect_true(f"{key} changes the loss", max(map(abs, expected)) > 1e-4)
    compare_neighbours(found, rows, reference.table)
    compare_lens(found, reference, rows)
    compare_attention(found, reference, rows=rows)
    cosine = torch.nn.functional.cosine_similarity(rows, second, dim=-1).mean()
    expect("agreement, cosine", abs(found["agreement"][0]["cosine"] - float(cosine)))


def compare_words(found, reference, rows):
    """The divergences of the found text, of the start and of the random text, and their order."""
    def probabilities(**prompt):
        scores = [torch.stack([reference.answer(record, label, **prompt)[0].sum()
                               for label in ANSWERS]) for record in reference.records]
        return torch.log_softmax(torch.stack(scores), -1)

    prompt = probabilities(rows=rows)
    for name, text in found["in_words"].items():
        ids = list(text["text"].encode())
        other = probabilities(rows=reference.table[ids])
        divergence = float((prompt.exp() * (prompt - other)).sum(-1).mean())
        expect(f"in words, {name}", abs(divergence - text["divergence"]))
    words = found["in_words"]
    expect_true("the search improves the text",
                words["found"]["divergence"] < words["start"]["divergence"])
    expect_true("of the asked length", len(words["found"]["text"].encode()) == WORDS)


def compare_prefix(found, reference, values):
    """PEFT's layout: [positions, 2 layers, heads, head_dim], keys and values in turn."""
    def layers(kept):
        shaped = kept.view(len(kept), 2 * tiny.LAYERS, tiny.KV_HEADS, tiny.HEAD_DIM)
        return [tuple(shaped[:, 2 * i + j].permute(1, 0, 2)[None] for j in (0, 1))
                for i in range(tiny.LAYERS)]

    base = reference.loss(False, prefix=layers(values))
    expect("prefix, loss", abs(found["loss"] - base))
    removed = [reference.loss(False, prefix=layers(without(values, i))) - base
               for i in range(len(values))]
    expect("prefix, removed", worst(zip([p["removed"] for p in found["positions"]], removed)))
    compare_attention(found, reference, prefix=layers(values))
    expect_true("prefix: effects only", "nearest" not in found["positions"][0])


class Runs:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def train(self, name, *settings):
        words = [word for setting in settings for word in ("--set", setting)]
        subprocess.run([self.program, "train", self.folder / "run.yaml", "--set", "task.bos=none",
                        "--set", f"run.output_dir={self.folder / name}", *words], check=True,
                       stdout=subprocess.DEVNULL)
        return self.folder / name

    def explain(self, *words):
        done = subprocess.run([self.program, "explain", *words, "--split", "test", "--examples",
                               "1000", "--json"], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


def rows_of(run):
    return load_file(run / "adapter/best/adapter_model.safetensors")["prompt_embeddings"]


def main():
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as scratch, torch.no_grad():
        folder = Path(scratch)
        tiny.write_everything(folder)
        tiny.write_records(folder / "test.jsonl", EXAMPLES, seed=3)
        runs, reference = Runs(sys.argv[1], folder), Reference(folder)
        for loss in ("target_tokens", "candidates"):
            settings = [f"train.loss={loss}", "train.steps=12", "train.optimizer.lr=0.05"]
            first = runs.train(f"{loss} 5", *settings)
            second = runs.train(f"{loss} 6", *settings, "run.seed=6")
            found = runs.explain(first, second, "--in-words", str(WORDS), *START)
            compare_prompt(found, reference, rows_of(first), rows_of(second),
                           loss == "candidates")
            compare_words(found, reference, rows_of(first))
            page = (first / "explain.html").read_text(encoding="utf8")
            expect_true("the page warns", "Khashabi" in page and "<svg" in page)
        prefix = runs.train("prefix", "method.kind=prefix_tuning", "method.init.kind=normal")
        compare_prefix(runs.explain(prefix / "adapter/best"), reference, rows_of(prefix))
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
