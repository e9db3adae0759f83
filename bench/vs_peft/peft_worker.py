#!/usr/bin/env python3
"""PEFT's side of the benchmark. README.md describes the protocol and the two ways, documented and tuned.

Keys of `load` in addition to the common ones: "way": "documented" | "tuned", "attention": "eager" |
"sdpa", "compile": true | false.
"""
import ctypes
import json
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from peft import PrefixTuningConfig, PromptTuningConfig, TaskType, get_peft_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

PADDING, IGNORED = 2, -100


def collate(rows):
    """Returns [(source, continuation)] as input ids, mask and labels, right-padded to the longest."""
    length = max(len(source) + len(continuation) for source, continuation in rows)
    ids = torch.full((len(rows), length), PADDING)
    labels = torch.full((len(rows), length), IGNORED)
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    for i, (source, continuation) in enumerate(rows):
        end = len(source) + len(continuation)
        ids[i, :end] = torch.tensor(source + continuation)
        labels[i, len(source):end] = torch.tensor(continuation)
        mask[i, :end] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def batches_of(rows_by_batch):
    rows = [row for batch in rows_by_batch for row in batch]
    numbers = iter(range(len(rows)))
    sampler = [[next(numbers) for _ in batch] for batch in rows_by_batch]
    return DataLoader(rows, batch_sampler=sampler, collate_fn=collate)


class Worker:
    def load(self, request):
        torch.set_num_threads(request["threads"])
        self.tuned = request["way"] == "tuned"
        self.learning_rate = request["learning_rate"]
        arguments = {"attn_implementation": request["attention"]} if self.tuned else {}
        model = AutoModelForCausalLM.from_pretrained(
            request["model"], dtype=getattr(torch, request["dtype"]), **arguments)
        model.eval()
        self.prompt = None
        self.prompt_rows = 0  # of input, before those of a sequence
        if request["prompt"]:
            is_prefix = os.path.isdir(request["prompt"])  # an adapter folder, else a .npy
            self.prompt = (load_file(f"{request['prompt']}/adapter_model.safetensors")
                           ["prompt_embeddings"] if is_prefix
                           else torch.from_numpy(np.load(request["prompt"])))
            settings = {"task_type": TaskType.CAUSAL_LM, "num_virtual_tokens": len(self.prompt)}
            if is_prefix:
                model = get_peft_model(model, PrefixTuningConfig(**settings))
            else:
                model = get_peft_model(model, PromptTuningConfig(**settings,
                                                                 prompt_tuning_init="RANDOM"))
                self.prompt_rows = len(self.prompt)
            model.train()
        self.model = model
        self.forward = torch.compile(model, dynamic=True) if request.get("compile") else model
        self.reset()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        return {}

    def reset(self, request=None):
        if self.prompt is not None:
            (parameter,) = [p for p in self.model.parameters() if p.requires_grad]
            parameter.data.copy_(self.prompt)
            self.optimizer = torch.optim.AdamW([parameter], lr=self.learning_rate,
                                               weight_decay=0.0)
        return {}

    def target_logits(self, batch, virtual_tokens):
        """Returns logits [targets, vocabulary] and ids of all targets, computing few other logits."""
        row, column = (batch["labels"] != IGNORED).nonzero(as_tuple=True)
        position = column - 1 + virtual_tokens  # the row before a token predicts it
        kept, place = position.unique(return_inverse=True)
        logits = self.forward(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"],
                              logits_to_keep=kept).logits
        return logits[row, place], batch["labels"][row, column]

    def loss(self, batch):
        if not self.tuned:
            return self.forward(**batch).loss
        logits, ids = self.target_logits(batch, self.prompt_rows)
        return torch.nn.functional.cross_entropy(logits.float(), ids)

    def train(self, request):
        start, losses = time.perf_counter(), []
        rows = [[(row["source"], row["target"]) for row in batch] for batch in request["batches"]]
        for batch in batches_of(rows):
            loss = self.loss(batch)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            losses.append(loss.item())
        return {"seconds": time.perf_counter() - start, "losses": losses}

    @torch.no_grad()
    def score(self, request):
        start, scores = time.perf_counter(), []
        for batch in request["batches"]:
            single = all(len(c) == 1 for row in batch for c in row["candidates"])
            scores.append(self.score_once(batch) if self.tuned and single
                          else self.score_each(batch))
        return {"seconds": time.perf_counter() - start, "scores": scores}

    def score_once(self, rows):
        """Scores one-token candidates: each example runs once, whatever the number of candidates."""
        batch = next(iter(batches_of([[(row["source"], row["candidates"][0]) for row in rows]])))
        logits, _ = self.target_logits(batch, 0)
        table = logits.float().log_softmax(-1)
        return [[table[i, c[0]].item() for c in row["candidates"]] for i, row in enumerate(rows)]

    def score_each(self, rows):
        pairs = [(row["source"], c) for row in rows for c in row["candidates"]]
        batch = next(iter(batches_of([pairs])))
        if self.tuned:
            logits, ids = self.target_logits(batch, 0)
            found = logits.float().log_softmax(-1).gather(-1, ids[:, None])[:, 0]
            owner = (batch["labels"] != IGNORED).nonzero(as_tuple=True)[0]
            sums = torch.zeros(len(pairs)).index_add_(0, owner, found)
        else:
            labels = batch.pop("labels")
            table = self.forward(**batch).logits[:, :-1].float().log_softmax(-1)
            ids = labels[:, 1:]
            found = table.gather(-1, ids.clamp(min=0)[..., None])[..., 0]
            sums = (found * (ids != IGNORED)).sum(-1)
        values = iter(sums.tolist())
        return [[next(values) for _ in row["candidates"]] for row in rows]


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keep output of libraries out of the answers
    worker = Worker()
    commands = {"load": worker.load, "reset": worker.reset, "train": worker.train,
                "score": worker.score}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = commands[request["command"]](request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
