#!/usr/bin/env python3
"""Compares greedy generation of Incipit and transformers in tokens per second, in turns in one run.

    .venv/bin/python bench/generation/generation.py [--tokens 96] [--rounds 3]

Runs the default model in float32 on two threads, with 1 and 8 sequences. Each sequence is a prompt of 64
random tokens; all have the same length, so transformers needs no padding. Prints the median of the rounds
and how many times as fast Incipit is. A warm-up run of each side is not counted.
"""
import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "build/release/tests/parity/generation_tool"
MODEL = ROOT / "models/smollm2-135m-instruct"
THREADS = 2


def ours(sequences, tokens):
    request = {"sequences": sequences, "max_tokens": tokens, "stops": [], "threads": THREADS,
               "repeat": 2, "prompt": None}
    done = subprocess.run([str(TOOL), str(MODEL)], input=json.dumps(request), text=True,
                          capture_output=True, check=True)
    answer = json.loads(done.stdout)
    assert all(len(ids) == tokens for ids in answer["tokens"])
    return answer["seconds"][-1]


def theirs(model, sequences, tokens):
    ids = torch.tensor(sequences)
    start = time.perf_counter()
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False,
                         max_new_tokens=tokens, min_new_tokens=tokens, pad_token_id=0)
    assert out.shape[1] == ids.shape[1] + tokens
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(1)
    for count in (1, 8):
        sequences = torch.randint(100, 40000, (count, 64), generator=generator).tolist()
        times = {"incipit": [], "transformers": []}
        theirs(model, sequences, 8)
        for _ in range(arguments.rounds):
            times["incipit"].append(ours(sequences, arguments.tokens))
            times["transformers"].append(theirs(model, sequences, arguments.tokens))
        rates = {name: count * arguments.tokens / statistics.median(seconds)
                 for name, seconds in times.items()}
        print(f"{count} sequences: incipit {rates['incipit']:.1f} tokens/s, transformers "
              f"{rates['transformers']:.1f} tokens/s: "
              f"{rates['incipit'] / rates['transformers']:.2f} times as fast")


if __name__ == "__main__":
    main()
