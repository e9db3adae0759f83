#!/usr/bin/env python3
"""PEFT's side of the benchmark. README.md describes the protocol and the two ways, documented and tuned.

Keys of `load` in addition to the common ones: "way": "documented" | "tuned", "attention": "eager" |
"sdpa", "compile": true | false. A command in addition: {"command": "way", "way": …, "attention": …}
changes them later.
"""
import ctypes
import os
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from peft import (PeftModel, PrefixTuningConfig, PromptTuningConfig, TaskType,  # noqa: E402
                  get_peft_model)
from safetensors.torch import load_file  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from worker_loop import serve  # noqa: E402

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
        self.device = torch.device(request.get("device", "cpu"))
        arguments = {"attn_implementation": request["attention"]} if self.tuned else {}
        if self.device.type != "cpu":
            arguments["device_map"] = self.device
        model = AutoModelForCausalLM.from_pretrained(
            request["model"], dtype=getattr(torch, request["dtype"]), **arguments)
        model.eval()
        self.prompt = None
        self.prompt_rows = 0  # of input, before those of a sequence
        if request["prompt"]:
            model = self.add_prompt(model, request["prompt"])
            model.train()
        self.model = model.to(self.device)
        self.forward = torch.compile(model, dynamic=True) if request.get("compile") else model
        self.reset()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        return {}

    def way(self, request):
        self.tuned = request["way"] == "tuned"
        base = self.model.get_base_model() if self.prompt is not None else self.model
        base.set_attn_implementation(request["attention"])
        return {}

    def memory(self, request):
        """Returns the memory on the GPU, and its peak since the last request."""
        used = {"bytes": torch.cuda.memory_allocated(),
                "peak_bytes": torch.cuda.max_memory_allocated(),
                "allocations": torch.cuda.memory_stats()["num_device_alloc"]}
        torch.cuda.reset_peak_memory_stats()
        return used

    def on_device(self, batches):
        return ({name: tensor.to(self.device) for name, tensor in batch.items()} for batch in batches)

    def add_prompt(self, model, path):
        """Adds the adapter of a folder, or the soft prompt of a .npy, to be trained."""
        if not os.path.isdir(path):
            self.prompt = [torch.from_numpy(np.load(path))]
            self.prompt_rows = len(self.prompt[0])
            return get_peft_model(model, PromptTuningConfig(
                task_type=TaskType.CAUSAL_LM, num_virtual_tokens=self.prompt_rows,
                prompt_tuning_init="RANDOM"))
        tensors = load_file(f"{path}/adapter_model.safetensors")
        if "prompt_embeddings" in tensors:
            self.prompt = [tensors["prompt_embeddings"]]
            return get_peft_model(model, PrefixTuningConfig(
                task_type=TaskType.CAUSAL_LM, num_virtual_tokens=len(self.prompt[0])))
        model = PeftModel.from_pretrained(model, path, is_trainable=True)
        self.prompt = [tensors[name.replace(".default.", ".")]
                       for name, value in model.named_parameters() if value.requires_grad]
        return model

    def reset(self, request=None):
        if self.prompt is not None:
            parameters = [p for p in self.model.parameters() if p.requires_grad]
            for parameter, start in zip(parameters, self.prompt, strict=True):
                parameter.data.copy_(start)
            self.optimizer = torch.optim.AdamW(parameters, lr=self.learning_rate,
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
        for batch in self.on_device(batches_of(rows)):
            loss = self.loss(batch)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            losses.append(loss.detach())
        losses = torch.stack(losses).tolist()  # waits for the device
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
        rows_of_batch = [(row["source"], row["candidates"][0]) for row in rows]
        batch = next(self.on_device(batches_of([rows_of_batch])))
        logits, _ = self.target_logits(batch, 0)
        ids = torch.tensor([[c[0] for c in row["candidates"]] for row in rows], device=self.device)
        return logits.float().log_softmax(-1).gather(1, ids).tolist()

    def score_each(self, rows):
        pairs = [(row["source"], c) for row in rows for c in row["candidates"]]
        batch = next(self.on_device(batches_of([pairs])))
        if self.tuned:
            logits, ids = self.target_logits(batch, 0)
            found = logits.float().log_softmax(-1).gather(-1, ids[:, None])[:, 0]
            owner = (batch["labels"] != IGNORED).nonzero(as_tuple=True)[0]
            sums = torch.zeros(len(pairs), device=self.device).index_add_(0, owner, found)
        else:
            labels = batch.pop("labels")
            table = self.forward(**batch).logits[:, :-1].float().log_softmax(-1)
            ids = labels[:, 1:]
            found = table.gather(-1, ids.clamp(min=0)[..., None])[..., 0]
            sums = (found * (ids != IGNORED)).sum(-1)
        values = iter(sums.tolist())
        return [[next(values) for _ in row["candidates"]] for row in rows]


if __name__ == "__main__":
    worker = Worker()
    serve({"load": worker.load, "reset": worker.reset, "train": worker.train,
           "score": worker.score, "way": worker.way, "memory": worker.memory})
