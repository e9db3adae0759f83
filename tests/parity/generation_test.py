#!/usr/bin/env python3
"""Greedy generation against transformers.  generation_test.py TOOL TINY_MODELS DEFAULT_MODEL

Every family's small random model, with and without a soft prompt, and the default model: the ids
that `generate` of transformers gives for each sequence alone must come out of one batch of all.
"""
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

TOOL, TINY, DEFAULT = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
MAX_TOKENS = 24


def ours(model, sequences, stops, prompt=None, max_tokens=MAX_TOKENS):
    request = {"sequences": sequences, "max_tokens": max_tokens, "stops": stops, "threads": 2,
               "repeat": 1, "prompt": str(prompt) if prompt else None}
    done = subprocess.run([TOOL, str(model)], input=json.dumps(request), capture_output=True,
                          text=True, check=True)
    return json.loads(done.stdout)["tokens"]


def theirs(model, ids, stops, prompt=None, max_tokens=MAX_TOKENS):
    """Ids of transformers; a stop, which it keeps, is left out."""
    embedded = model.get_input_embeddings()(torch.tensor(ids))
    if prompt is not None:
        embedded = torch.cat([prompt, embedded])
    out = model.generate(inputs_embeds=embedded[None], do_sample=False, use_cache=True,
                         max_new_tokens=max_tokens, eos_token_id=stops or None, pad_token_id=0,
                         attention_mask=torch.ones(1, len(embedded), dtype=torch.long))[0].tolist()
    return out[:-1] if out and out[-1] in stops else out


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    model.requires_grad_(False)
    return model


class Families(unittest.TestCase):
    def test_batches_equal_sequences_alone(self):
        for name in json.loads((TINY / "families.json").read_text()):
            model = load(TINY / name)
            sequences = json.loads((TINY / name / "reference.json").read_text())["sequences"]
            file = TINY / name / "soft_prompt.npy"
            for prompt in (None, file):
                rows = None if prompt is None else torch.from_numpy(np.load(prompt))
                free = [theirs(model, ids, [], rows) for ids in sequences]
                # Tokens that the model does come to, at different times.
                stops = [free[0][5], free[3][10]]
                for stop in ([], stops):
                    with self.subTest(family=name, prompt=prompt is not None, stops=stop):
                        expected = free
                        if stop:
                            expected = [theirs(model, ids, stop, rows) for ids in sequences]
                            self.assertGreater(len({len(ids) for ids in expected}), 1)
                        self.assertEqual(ours(TINY / name, sequences, stop, prompt), expected)


class DefaultModel(unittest.TestCase):
    def setUp(self):
        if not (DEFAULT / "model.safetensors").exists():
            self.skipTest(f"no model in {DEFAULT}")

    def test_chat_and_raw_text(self):
        model, tokenizer = load(DEFAULT), AutoTokenizer.from_pretrained(DEFAULT)
        chats = ["Name three colours.", "What is the capital of Italy? Answer in one word."]
        sequences = [tokenizer.apply_chat_template([{"role": "user", "content": text}],
                                                   add_generation_prompt=True, return_dict=False)
                     for text in chats]
        sequences += [tokenizer("The seasons of the year are spring,")["input_ids"]]
        stops = [tokenizer.eos_token_id]
        expected = [theirs(model, ids, stops, max_tokens=32) for ids in sequences]
        self.assertEqual(ours(DEFAULT, sequences, stops, max_tokens=32), expected)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
