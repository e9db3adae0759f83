#!/usr/bin/env python3
"""`incipit search` over tokens: losses, gradients and ranked tokens, against transformers.

    word_search_test.py INCIPIT MODEL_DIR

The journal of a search has every loss and every list of proposed tokens with their first-order change of
the loss, (e_w - e_present) . gradient (AutoPrompt, Shin et al. 2020). Everything is computed again here:
on a tiny model whose tokens are bytes, and on the default model, where tokens must also survive being
decoded and encoded before every example.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import tiny  # noqa: E402

ANSWERS = {"blue": " blue", "green": " green apple"}  # of different lengths
RECORDS = [("The sky above the harbour.", "blue"), ("Moss on the north wall.", "green"),
           ("A lawn after the rain.", "green"), ("Ice on a deep lake.", "blue"),
           ("The leaf fell late.", "green"), ("Sea without a wave.", "blue")]
JUDGES = [("A cloudless noon.", "blue"), ("Peas in a bowl.", "green")]

LOOKED_AT = 1000  # of the best tokens, whether they were rightly left out

failures = []


def expect(what, worst, limit):
    print(f"{what}: {worst:.1e}, allowed {limit:.0e}", flush=True)
    if not worst <= limit:
        failures.append(what)


def expect_true(what, fact):
    print(f"{what}: {'yes' if fact else 'NO'}", flush=True)
    if not fact:
        failures.append(what)


class Reference:
    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.model.requires_grad_(False)
        self.table = self.model.get_input_embeddings().weight
        self.gradients = {}

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    def text(self, words):
        return self.tokenizer.decode(words, clean_up_tokenization_spaces=False)

    def survives(self, words):
        text = self.text(words)
        return (self.encode(text) == words and "\n" not in text and "\ufffd" not in text and
                all(self.encode(f"{text}{record} is")[:len(words)] == words
                    for record, _ in RECORDS + JUDGES))

    def loss(self, words, records, rows=None):
        """The mean cross-entropy of the right answer. `rows`: the words' embeddings."""
        rows = self.table[words] if rows is None else rows
        losses = []
        for text, label in records:
            source = self.encode(f"{self.text(words)}{text} is")
            assert source[:len(words)] == words
            logits = []
            for answer in ANSWERS.values():
                answer = self.encode(answer)
                rest = self.table[source[len(words):] + answer[:-1]]
                out = self.model(inputs_embeds=torch.cat([rows, rest])[None]).logits[0]
                found = out.log_softmax(-1)[len(source) - 1:]
                logits.append(found.gather(-1, torch.tensor(answer)[:, None]).sum())
            right = torch.tensor([list(ANSWERS).index(label)])
            losses.append(torch.nn.functional.cross_entropy(torch.stack(logits)[None], right))
        return torch.stack(losses).mean()

    def gradient(self, words):
        """That of the loss on RECORDS at the words' embeddings."""
        if tuple(words) not in self.gradients:
            rows = self.table[words].clone().requires_grad_()
            self.loss(words, RECORDS, rows).backward()
            self.gradients[tuple(words)] = rows.grad
        return self.gradients[tuple(words)]


def write_task(folder, model, passes):
    for name, records in ("train", RECORDS), ("validation", JUDGES), ("test", [("Grass.", "green")]):
        (folder / f"{name}.jsonl").write_text("".join(
            json.dumps({"text": text, "label": label}) + "\n" for text, label in records))
    (folder / "run.yaml").write_text(f"""
run: {{name: words, output_dir: {folder}/run, seed: 3}}
model: {{path: {model}, dtype: float32}}
method: {{kind: none}}
task:
  data_dir: {folder}
  train: train.jsonl
  validation: validation.jsonl
  test: test.jsonl
  template: "{{text}} is"
  verbalizer: {{blue: "{ANSWERS['blue']}", green: "{ANSWERS['green']}"}}
search: {{passes: {passes}, length: 5, candidates: 4}}
""")


def compare(name, incipit, model, passes, within):
    reference = Reference(model)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_task(folder, model, passes)
        subprocess.run([incipit, "search", folder / "run.yaml", "--output", folder / "found"],
                       check=True, stdout=subprocess.DEVNULL)
        lines = (folder / "found" / "search.jsonl").read_text(encoding="utf8").splitlines()
        results = json.loads((folder / "found" / "search.json").read_text(encoding="utf8"))
    entries = [json.loads(line) for line in lines][1:]
    for key, records in ("train_loss", RECORDS), ("validation_loss", JUDGES):
        found = [each for each in entries if key in each]
        expect(f"{name}: {len(found)} of {key}",
               max(abs(reference.loss(each["words"], records).item() - each[key]) for each in found),
               within)
        expect_true(f"{name}: words of {key} survive",
                    all(reference.survives(each["words"]) for each in found))
    proposals = [each for each in entries if "tokens" in each]
    expect_true(f"{name}: {len(proposals)} lists of tokens", len(proposals) > 0)
    compare_proposals(name, reference, proposals, within)
    found = results["outcomes"]["search"]
    words = next(each["words"] for each in entries if "validation_loss" in each and
                 abs(each["validation_loss"] - found["validation_loss"]) == 0)
    expect_true(f"{name}: the text found", reference.text(words) == found["texts"][0])


def compare_proposals(name, reference, proposals, within):
    worst, skipped = 0.0, 0
    for entry in proposals:
        words, position = entry["words"], entry["position"]
        gradient = reference.gradient(words)[position]
        changes = (reference.table - reference.table[words[position]]) @ gradient
        worst = max([worst] + [abs(changes[token].item() - change)
                               for token, change in entry["tokens"]])
        listed = [change for _, change in entry["tokens"]]
        expect_true(f"{name}: ascending", listed == sorted(listed))
        if entry["depth"] > 0:
            continue
        # Every better token is in the list, or does not survive.
        tokens = {token for token, _ in entry["tokens"]}
        for token in torch.argsort(changes).tolist()[:LOOKED_AT]:
            if changes[token] > listed[-1] - within:
                break
            tried = words[:position] + [token] + words[position + 1:]
            # Only printable text is tried, without special tokens.
            plain = (reference.tokenizer.decode([token]).isprintable() and
                     token not in reference.tokenizer.all_special_ids)
            if plain and token not in tokens and token != words[position]:
                skipped += reference.survives(tried)
    expect(f"{name}: first-order changes", worst, within)
    expect(f"{name}: better tokens left out", skipped, 0)


def main():
    incipit, default = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        tiny.write_model(Path(scratch) / "model")
        compare("tiny", incipit, Path(scratch) / "model", 300, 2e-5)
    if default.exists():
        compare("default", incipit, default, 48, 1e-3)
    sys.exit("failed: " + ", ".join(failures) if failures else 0)


if __name__ == "__main__":
    main()
