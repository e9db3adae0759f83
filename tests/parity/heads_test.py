#!/usr/bin/env python3
"""Trained heads, compared with transformers' and PEFT's.

    heads_test.py INCIPIT

Trains a head of a tiny Llama and of a tiny GPT-2 with a prefix, soft prompts, LoRA and nothing (a
linear probe) for some steps, from the initial values that Incipit draws: the losses and the adapter
of PEFT, and adapters that each loads from the other with equal scores. A run that stops and resumes
ends in the same bytes, with recomputation too, and four ranks give the same losses. The texts are
invented here.
"""
import copy
import functools
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import (CartridgeConfig, LoraConfig, MultitaskPromptTuningConfig, PeftModel,
                  PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model,
                  set_peft_model_state_dict)
from safetensors.torch import load_file
from transformers import (AutoConfig, AutoModel, AutoModelForQuestionAnswering,
                          AutoModelForSequenceClassification, AutoModelForTokenClassification,
                          GPT2Config, GPT2LMHeadModel)

from training import (BATCH, LOSSES_WITHIN, RATE, SCORES_WITHIN, STEPS, WEIGHTS_WITHIN, Checks, apart,
                      losses, read_lines, relative_change, tiny)

LABELS = ["blue", "green"]

# By method: its options, and those of PEFT.
METHODS = {
    "linear_probe": ({}, LoraConfig(target_modules="dummy-target-modules")),
    "prompt_tuning": ({"num_virtual_tokens": 3, "init": {"kind": "normal"}},
                      PromptTuningConfig(num_virtual_tokens=3)),
    "prefix_tuning": ({"num_virtual_tokens": 3}, PrefixTuningConfig(num_virtual_tokens=3)),
    "cartridge": ({"num_virtual_tokens": 3, "init": {"kind": "normal"}},
                  CartridgeConfig(num_virtual_tokens=3)),
    "p_tuning": ({"num_virtual_tokens": 3, "encoder_hidden_size": 16},
                 PromptEncoderConfig(num_virtual_tokens=3, encoder_hidden_size=16)),
    "multitask_prompt_tuning": (
        {"num_virtual_tokens": 3, "num_ranks": 1, "init": {"kind": "normal"}},
        MultitaskPromptTuningConfig(num_virtual_tokens=3, num_tasks=1, num_ranks=1)),
    "lora": ({"r": 4, "alpha": 8}, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])),
}
# PEFT trains an encoder that adapters do not have, or in two parts what is one there, or names tasks
# in every call, so these are compared after training only. parity.p_tuning, parity.cartridge and
# parity.multitask compare the training.
TRAINED = [name for name in METHODS
           if name not in ("p_tuning", "cartridge", "multitask_prompt_tuning")]

checks = Checks()


def tokens(text):
    """A token is a byte."""
    return list(text.encode())


class SequenceTask:
    """Classes of a text, scored at its last token."""
    task_type = "SEQ_CLS"
    keys = {"kind": "sequence_classification", "template": "{text} is", "labels": LABELS}
    model_class = AutoModelForSequenceClassification
    outputs = len(LABELS)

    @staticmethod
    def write(folder):
        tiny.write_records(folder / "train.jsonl", STEPS * BATCH, seed=1)
        tiny.write_records(folder / "test.jsonl", 12, seed=3)

    @staticmethod
    def loss(model, record):
        """Returns the summed loss and the number of its terms."""
        logits = model(input_ids=torch.tensor([tokens(f"{record['text']} is")])).logits[0]
        return -logits.log_softmax(-1)[LABELS.index(record["label"])], 1

    @staticmethod
    def difference(model, record, line):
        """Returns the worst difference of Incipit's scores of a record."""
        logits = model(input_ids=torch.tensor([tokens(f"{record['text']} is")])).logits[0]
        likelihoods = logits.log_softmax(-1)
        return max(abs(float(likelihoods[i]) - line["scores"][label])
                   for i, label in enumerate(LABELS))


class TokenTask:
    """Tags of words, at the last token of each."""
    task_type = "TOKEN_CLS"
    keys = {"kind": "token_classification", "template": "{text} is", "labels": ["thing", "day"]}
    model_class = AutoModelForTokenClassification
    outputs = 5  # O, B-thing, I-thing, B-day, I-day

    @staticmethod
    def write(folder):
        """The thing is an entity, and "day" with its number one of two words."""
        for name, count, seed in (("train", STEPS * BATCH, 1), ("test", 12, 3)):
            path = folder / f"{name}.jsonl"
            tiny.write_records(path, count, seed=seed)
            lines = []
            for record in read_lines(path):
                text = record["text"]
                day, thing = text.index("day"), len("the ")
                record["entities"] = [
                    {"start": day, "end": len(text), "label": "day"},
                    {"start": thing, "end": text.index(" ", thing), "label": "thing"}]
                lines.append(json.dumps(record))
            path.write_text("\n".join(lines) + "\n")

    @staticmethod
    def logits(model, record):
        """Returns the logits at the last token of every word. A token is a byte."""
        text = record["text"]
        ends = [match.end() - 1 for match in re.finditer(r"\w+", text)]
        ids = tokens(f"{text} is")  # a soft prompt's rows are before these
        return model(input_ids=torch.tensor([ids])).logits[0][-len(ids):][ends]

    @staticmethod
    def loss(model, record):
        likelihoods = TokenTask.logits(model, record).log_softmax(-1)
        tags = [0, 1, 0, 3, 4]  # the THING of day NUMBER
        return -likelihoods[range(5), tags].sum(), 5

    @staticmethod
    def difference(model, record, line):
        """Returns 0 if the entities are those of the largest logits, as seqeval reads them."""
        tags = TokenTask.logits(model, record).argmax(-1).tolist()
        places = [match.span() for match in re.finditer(r"\w+", record["text"])]
        entities, before = [], 0
        for (start, end), tag in zip(places, tags, strict=True):
            if tag and tag % 2 == 0 and before and (before - 1) // 2 == (tag - 1) // 2:
                entities[-1]["end"] = end
            elif tag:
                entities.append({"start": start, "end": end,
                                 "label": TokenTask.keys["labels"][(tag - 1) // 2]})
            before = tag
        for entity in entities:
            entity["text"] = record["text"][entity["start"]:entity["end"]]
        return 0 if entities == line["prediction"] else 1


class QuestionTask:
    """The words where an answer begins and ends."""
    task_type = "QUESTION_ANS"
    keys = {"kind": "extractive_question", "template": "{question} {context} ok"}
    model_class = AutoModelForQuestionAnswering
    outputs = 2

    @staticmethod
    def write(folder):
        """The answer to "when?" is the day with its number, and to "what?" the thing."""
        for name, count, seed in (("train", STEPS * BATCH, 1), ("test", 12, 3)):
            path = folder / f"{name}.jsonl"
            tiny.write_records(path, count, seed=seed)
            lines = []
            for i, record in enumerate(read_lines(path)):
                text = record["text"]
                answer = text[text.index("day"):] if i % 2 else text.split()[1]
                lines.append(json.dumps({
                    "idx": i, "context": text, "question": "when?" if i % 2 else "what?",
                    "answers": [answer], "answer_start": [text.index(answer)]}))
            path.write_text("\n".join(lines) + "\n")

    @staticmethod
    def words(record):
        return [match.span() for match in re.finditer(r"\w+", record["context"])]

    @staticmethod
    def logits(model, record):
        """Returns both logits at the last token of every word of the context."""
        begin = len(record["question"]) + 1
        ends = [begin + end - 1 for _, end in QuestionTask.words(record)]
        ids = tokens(f"{record['question']} {record['context']} ok")
        output = model(input_ids=torch.tensor([ids]))
        own = slice(-len(ids), None)  # without the rows of a soft prompt
        return output.start_logits[0][own][ends], output.end_logits[0][own][ends]

    @staticmethod
    def loss(model, record):
        """Returns the sum of the two cross-entropies, over the words."""
        start, end = QuestionTask.logits(model, record)
        words = QuestionTask.words(record)
        begin = record["answer_start"][0]
        first = [word[0] for word in words].index(begin)
        last = [word[1] for word in words].index(begin + len(record["answers"][0]))
        return -start.log_softmax(-1)[first] - end.log_softmax(-1)[last], 2

    @staticmethod
    def difference(model, record, line):
        """Returns 0 if the answer is the span with the largest sum of logits."""
        start, end = QuestionTask.logits(model, record)
        words = QuestionTask.words(record)
        _, first, last = max((float(start[i] + end[k]), -i, -k) for i in range(len(words))
                             for k in range(i, len(words)))
        answer = record["context"][words[-first][0]:words[-last][1]]
        return 0 if answer == line["prediction"] and line["references"] == record["answers"] else 1


TASKS = {"sequence": SequenceTask, "token": TokenTask, "question": QuestionTask}


class Comparison:
    """One task and one method on one model."""

    def __init__(self, folder, incipit, mpirun, task, method, is_gpt2):
        self.folder, self.incipit, self.mpirun = folder, incipit, mpirun
        self.task, self.method = task, method
        tiny.write_model(folder / "model")
        if is_gpt2:  # with the same tokenizer
            torch.manual_seed(4)
            GPT2LMHeadModel(GPT2Config(
                vocab_size=tiny.VOCABULARY, n_embd=32, n_layer=2, n_head=4,
                n_positions=tiny.POSITIONS, bos_token_id=256,
                eos_token_id=257)).save_pretrained(folder / "model")
        task.write(folder)
        self.train = read_lines(folder / "train.jsonl")
        self.test = read_lines(folder / "test.jsonl")
        options, peft = METHODS[method]
        self.peft = copy.deepcopy(peft)  # PEFT completes it for the model
        self.peft.task_type = task.task_type
        config = {
            "run": {"name": "heads", "output_dir": str(folder / "whole"), "seed": 5},
            "model": {"path": str(folder / "model"), "dtype": "float32"},
            "method": {"kind": method, **options},
            "task": {"data_dir": str(folder), "train": "train.jsonl", "validation": 0,
                     "test": "test.jsonl", "on_overlap": "warn", "bos": "none", **task.keys},
            "train": {"steps": STEPS, "batch_size": BATCH, "shuffle": False, "eval_every": 0,
                      "checkpoint_every": 1000,
                      "optimizer": {"kind": "adamw", "lr": RATE, "weight_decay": 0.01,
                                    "beta1": 0.9, "beta2": 0.999, "eps": 1.5e-8}}}
        self.config = folder / "config.yaml"
        self.config.write_text(json.dumps(config), encoding="utf8")

    def run(self, command, run, *settings, ranks=0, fails=False):
        """Runs a command in a run directory and returns the directory."""
        line = [self.mpirun, "-n", str(ranks)] if ranks else []
        line += [self.incipit, command, str(self.config), "--set", f"run.output_dir={self.folder / run}"]
        done = subprocess.run(line + [str(each) for each in settings], capture_output=True, text=True)
        if (done.returncode != 0) != fails:
            raise SystemExit(f"{line} {settings} ended with {done.returncode}: {done.stderr}")
        return done.stderr if fails else self.folder / run

    def base(self):
        """Returns the task's class with the model's weights, which it may name otherwise."""
        config = AutoConfig.from_pretrained(self.folder / "model", num_labels=self.task.outputs,
                                            attn_implementation="eager", dtype=torch.float32)
        model = self.task.model_class.from_config(config).eval()
        weights = AutoModel.from_pretrained(self.folder / "model", dtype=torch.float32).state_dict()
        model.base_model.load_state_dict(weights)
        return model

    def load(self, adapter):
        """Returns the adapter's model, to be called with `input_ids`."""
        model = PeftModel.from_pretrained(self.base(), adapter).eval()
        if self.method == "multitask_prompt_tuning":
            return functools.partial(model, task_ids=torch.tensor([0]))
        return model

    def steps(self, model):
        """Trains with PEFT and torch as Incipit does. Returns the losses."""
        learned = [value for value in model.parameters() if value.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=RATE, betas=(0.9, 0.999), eps=1.5e-8,
                                      weight_decay=0.01)
        found = []
        for step in range(STEPS):
            optimizer.zero_grad()
            total, count = 0.0, 0
            for k in range(BATCH):
                loss, terms = self.task.loss(model, self.train[(step * BATCH + k) % len(self.train)])
                loss.backward()
                total += loss.item()
                count += terms
            for value in learned:
                value.grad /= count
            optimizer.step()
            found.append(total / count)
        return found

    def expect_scores(self, what, model, run):
        lines = read_lines(run / "predictions" / "test.jsonl")
        with torch.no_grad():
            checks.within(what, max(self.task.difference(model, record, line)
                             for record, line in zip(self.test, lines, strict=True)), SCORES_WITHIN)

    def compare(self):
        whole = self.run("train", "whole")
        adapter = whole / "adapter" / "last"
        self.expect_scores("Incipit's adapter in PEFT", self.load(adapter), whole)
        if self.method in TRAINED:
            self.compare_training(whole)
        # A fresh adapter of PEFT, with a head that it drew.
        theirs = get_peft_model(self.base(), self.peft).eval()
        theirs.save_pretrained(self.folder / "theirs")
        scored = self.run("eval", "scored", "--adapter", self.folder / "theirs")
        self.expect_scores("PEFT's adapter in Incipit", self.load(self.folder / "theirs"), scored)
        self.resume(whole)

    def compare_training(self, whole):
        # What Incipit starts from: without a learning rate, the adapter stays as it was drawn.
        drawn = self.run("train", "drawn", "--set", "train.steps=1", "--set", "train.optimizer.lr=0")
        start = load_file(drawn / "adapter" / "last" / "adapter_model.safetensors")
        model = self.trainable(start)
        checks.within("losses, worst relative difference",
                      apart(losses(whole), self.steps(model.eval())), LOSSES_WITHIN)
        model.save_pretrained(self.folder / "trained")
        theirs = load_file(self.folder / "trained" / "adapter_model.safetensors")
        mine = load_file(whole / "adapter" / "last" / "adapter_model.safetensors")
        checks.holds("the tensors are PEFT's, by name and shape",
                    {n: v.shape for n, v in mine.items()} == {n: v.shape for n, v in theirs.items()})

        # Answers do not depend on this bias: its gradient is rounding, which AdamW makes large.
        start = {name: value for name, value in start.items() if "qa_outputs.bias" not in name}
        checks.within("adapter against PEFT's", relative_change(mine, theirs, start), WEIGHTS_WITHIN)

    def trainable(self, start):
        """Returns a model of PEFT with the initial values `start`, named as in an adapter."""
        model = get_peft_model(self.base(), self.peft)
        if "prompt_embeddings" in start:
            with torch.no_grad():
                model.prompt_encoder["default"].embedding.weight.copy_(start["prompt_embeddings"])
        set_peft_model_state_dict(model, start)
        return model

    def resume(self, whole):
        """A run of more steps continues the shorter one and ends in the bytes of a whole one."""
        files = ["adapter/last/adapter_model.safetensors", "adapter/last/adapter_config.json",
                 "predictions/test.jsonl"]
        recomputed = ["--set", "train.recompute=layer"]
        self.run("train", "resumed", "--set", "train.steps=5", *recomputed)
        resumed = self.run("train", "resumed", *recomputed)
        checks.holds("a resumed run that recomputes ends in the bytes of a whole one",
                    all((whole / name).read_bytes() == (resumed / name).read_bytes()
                        for name in files))

    def meshes(self):
        whole = losses(self.folder / "whole")
        for mesh in ("data=4", "fsdp=4", "tensor=2", "pipeline=2"):
            run = self.run("train", mesh, "--set", f"parallel.{mesh}",
                           ranks=4 if mesh.endswith("4") else 2)
            checks.within(f"losses on {mesh}", apart(losses(run), whole), LOSSES_WITHIN)

    def refuse(self):
        """What does not fit is refused, with the key."""
        for setting, words in {
                "method.kind=none": ["method.kind", "linear_probe"],
                "method.kind=model_tuning": ["method.kind", "linear_probe"],
                "task.labels=[blue]": ["task.labels", "two"],
                "task.labels=[blue, blue]": ["task.labels", "twice"],
                "task.verbalizer={blue: b}": ["task.verbalizer"],
                "task.shots=2": ["task.shots"]}.items():
            message = self.run("validate", "refused", "--set", setting, fails=True)
            checks.holds(f"validate refuses {setting}", all(word in message for word in words))
        for labels in ("[green, blue]", "[blue, green, red]"):
            message = self.run("eval", "refused", "--set", f"task.labels={labels}", "--adapter",
                               self.folder / "whole" / "adapter" / "last", fails=True)
            checks.holds(f"eval refuses the adapter with labels {labels}",
                        "task.labels" in message and "blue, green" in message)
        message = self.run("generate", "refused", "--prompt", "the sky", fails=True)
        checks.holds("generate refuses a task with a head", "task.kind" in message)


def main():
    torch.set_num_threads(1)
    incipit, mpirun = sys.argv[1:]
    for task_name, task in TASKS.items():
        for method in METHODS:
            for is_gpt2 in (False, True):
                if is_gpt2 and method != "prefix_tuning":
                    continue
                if (task_name, method) == ("question", "multitask_prompt_tuning"):
                    continue  # PEFT's model for questions has no way to name a task
                print(f"# {task_name}, {method}{', GPT-2' if is_gpt2 else ''}", flush=True)
                with tempfile.TemporaryDirectory() as folder:
                    one = Comparison(Path(folder), incipit, mpirun, task, method, is_gpt2)
                    one.compare()
                    if method == "prefix_tuning" and not is_gpt2:
                        one.meshes()
                        if task_name == "sequence":
                            one.refuse()
    checks.end()


if __name__ == "__main__":
    main()
