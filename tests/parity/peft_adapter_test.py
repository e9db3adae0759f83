"""Soft prompts travel between Incipit and PEFT, NumPy and safetensors without losing a bit.

    peft_adapter_test.py PEFT_ADAPTER_TOOL

One case reads an adapter that PEFT saved long ago, from reference/peft_rte in the shared folder
(INCIPIT_SHARED, or `shared` beside the repository); where that is absent it is skipped.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

import numpy as np
import torch
from peft import PeftModel, PromptTuningConfig, TaskType, get_peft_model
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

TOOL = sys.argv.pop(1)
PROJECT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("INCIPIT_SHARED", PROJECT.parent / "shared"))
TOKENS, HIDDEN = 7, 24


def tiny_llama():
    torch.manual_seed(3)
    config = LlamaConfig(vocab_size=40, hidden_size=HIDDEN, intermediate_size=32, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
    return LlamaForCausalLM(config).eval()


def convert(source, target):
    subprocess.run([TOOL, str(source), str(target)], check=True)


class PeftAdapter(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.values = np.random.default_rng(5).normal(size=(TOKENS, HIDDEN)).astype(np.float32)

    def save_with_peft(self):
        config = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=TOKENS)
        model = get_peft_model(tiny_llama(), config)
        model.prompt_encoder["default"].embedding.weight.data[:] = torch.from_numpy(self.values)
        model.save_pretrained(self.folder / "peft")
        return self.folder / "peft"

    def test_peft_loads_ours_without_a_word(self):
        np.save(self.folder / "given.npy", self.values)
        convert(self.folder / "given.npy", self.folder / "ours")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = PeftModel.from_pretrained(tiny_llama(), self.folder / "ours")
        about_us = [str(w.message) for w in caught  # not transformers' about PEFT
                    if not issubclass(w.category, (FutureWarning, DeprecationWarning))]
        self.assertEqual(about_us, [])
        config = model.peft_config["default"]
        self.assertEqual((config.num_virtual_tokens, config.token_dim, config.task_type),
                         (TOKENS, HIDDEN, "CAUSAL_LM"))
        self.assertTrue(config.inference_mode)
        weight = model.prompt_encoder["default"].embedding.weight.detach().numpy()
        np.testing.assert_array_equal(weight, self.values)

    def test_peft_computes_with_ours(self):
        np.save(self.folder / "given.npy", self.values)
        convert(self.folder / "given.npy", self.folder / "ours")
        base = tiny_llama()
        ids = torch.tensor([[5, 6, 7]])
        with torch.no_grad():
            prompt = torch.from_numpy(self.values)[None]
            expected = base(inputs_embeds=torch.cat([prompt, base.get_input_embeddings()(ids)], 1))
            found = PeftModel.from_pretrained(base, self.folder / "ours")(input_ids=ids)
        torch.testing.assert_close(found.logits, expected.logits)

    def test_ours_is_what_peft_writes(self):
        peft = self.save_with_peft()
        convert(peft, self.folder / "ours")
        theirs, ours = (json.loads((d / "adapter_config.json").read_text())
                        for d in (peft, self.folder / "ours"))
        theirs["base_model_name_or_path"] = ours["base_model_name_or_path"]  # null from PEFT here
        text = json.dumps(theirs, indent=2, sort_keys=True)
        self.assertEqual((self.folder / "ours" / "adapter_config.json").read_text(), text)
        self.assertEqual(sorted(os.listdir(self.folder / "ours")),
                         ["adapter_config.json", "adapter_model.safetensors"])

    def test_we_read_what_peft_writes(self):
        convert(self.save_with_peft(), self.folder / "back.npy")
        np.testing.assert_array_equal(np.load(self.folder / "back.npy"), self.values)

    def test_our_npy_is_numpys_byte_for_byte(self):
        for rows in (1, 99, 1000):
            np.save(self.folder / "given.npy", np.resize(self.values, (rows, HIDDEN)))
            convert(self.folder / "given.npy", self.folder / "back.npy")
            self.assertEqual((self.folder / "back.npy").read_bytes(),
                             (self.folder / "given.npy").read_bytes())

    def test_narrow_and_wide_npy_become_float32(self):
        for dtype in (np.float16, np.float64):
            np.save(self.folder / "given.npy", self.values.astype(dtype))
            convert(self.folder / "given.npy", self.folder / "back.npy")
            np.testing.assert_array_equal(np.load(self.folder / "back.npy"),
                                          self.values.astype(dtype).astype(np.float32))

    def test_the_reference_adapter_reads_alike(self):
        adapter = SHARED / "reference" / "peft_rte" / "prompt_tuning" / "init"
        if not adapter.is_dir():
            self.skipTest("no reference/peft_rte in the shared folder")
        convert(adapter, self.folder / "back.npy")
        expected = load_file(adapter / "adapter_model.safetensors")["prompt_embeddings"]
        np.testing.assert_array_equal(np.load(self.folder / "back.npy"), expected.numpy())


if __name__ == "__main__":
    unittest.main()
