#!/usr/bin/env python3
"""Writes small random models of every supported family, with what transformers computes on them.

    make_tiny_models.py OUT [NAME...]        (default: all of FAMILIES below)

Each OUT/NAME is a Hugging Face model folder (config.json, weights, no tokenizer) with

    soft_prompt.npy   [P, hidden] float32: vectors before every sequence
    gradient.npy      [P, hidden] float32: d(loss) / d(soft prompt)
    reference.json    {
      "sequences": [[id, ...], ...],            token ids; some share beginnings, one has one token
      "log_likelihoods": [[x, ...], ...],       log p(id i | soft prompt, ids before i), natural
                                                logarithm, for every i from 0
      "log_likelihoods_without_prompt": ...     the same without soft prompt, for i from 1 (the
                                                one-token sequence has an empty list)
      "loss": x                                 minus the mean of all "log_likelihoods"
    }

Everything is computed in float32 with plain ("eager") attention, one sequence at a time, so
there is no padding. OUT/families.json, written last, lists the names. The same call gives
the same models. Needs transformers (requirements.txt).
"""
import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig  # noqa: E402
from transformers import Gemma2Config, Gemma3TextConfig, Qwen2Config, Qwen3Config  # noqa: E402

VOCABULARY = 320
PROMPT_ROWS = 7
SMALL = dict(vocab_size=VOCABULARY, intermediate_size=160, max_position_embeddings=256,
             initializer_range=0.15, bos_token_id=1, eos_token_id=2, pad_token_id=None)
LLAMA3_ROPE = dict(rope_type="llama3", rope_theta=5000.0, factor=8.0, low_freq_factor=1.0,
                   high_freq_factor=4.0, original_max_position_embeddings=32)


def plain_rope(theta):
    return dict(rope_type="default", rope_theta=theta)


FAMILIES = {
    # Six query heads share two key/value heads; the head is the embedding table.
    "llama_tied": lambda: LlamaConfig(
        **SMALL, hidden_size=96, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, rope_parameters=plain_rope(10000.0), tie_word_embeddings=True),
    # Llama 3's scaling of the rotation, with wavelengths on both sides of its bounds.
    "llama_rope_scaled": lambda: LlamaConfig(
        **SMALL, hidden_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, rope_parameters=dict(LLAMA3_ROPE), tie_word_embeddings=False),
    # The same with the keys that config.json had before transformers 5.
    "llama_old_keys": lambda: FAMILIES["llama_rope_scaled"](),
    # Biases inside attention and MLP, which a few Llamas have.
    "llama_biases": lambda: LlamaConfig(
        **SMALL, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, rope_parameters=plain_rope(10000.0), attention_bias=True,
        mlp_bias=True, tie_word_embeddings=False),
    # Saved as shards with an index; heads of a size that is not hidden / heads.
    "mistral_sharded": lambda: MistralConfig(
        **SMALL, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=24, sliding_window=None,
        rope_parameters=plain_rope(1000000.0), tie_word_embeddings=False),
    # Biases of queries, keys and values; saved in bfloat16.
    "qwen2_bfloat16": lambda: Qwen2Config(
        **SMALL, hidden_size=80, num_hidden_layers=2, num_attention_heads=5,
        num_key_value_heads=1, use_sliding_window=False, rope_parameters=plain_rope(1000000.0),
        tie_word_embeddings=True),
    # Norms of queries and keys; heads of a size that is not hidden / heads.
    "qwen3": lambda: Qwen3Config(
        **SMALL, hidden_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, use_sliding_window=False,
        rope_parameters=plain_rope(1000000.0), tie_word_embeddings=True),
    # Layer norms, learned positions, biases, GELU; linear maps are stored transposed.
    "gpt2": lambda: GPT2Config(
        vocab_size=VOCABULARY, n_positions=256, n_embd=72, n_layer=3, n_head=6, n_inner=200,
        initializer_range=0.15, bos_token_id=1, eos_token_id=2, attn_pdrop=0, embd_pdrop=0,
        resid_pdrop=0),
    # A window in every layer.
    "mistral_window": lambda: MistralConfig(
        **SMALL, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=11, rope_parameters=plain_rope(10000.0),
        tie_word_embeddings=True),
    # Softcaps of scores and logits, scaled embeddings, a window in every second layer.
    "gemma2": lambda: Gemma2Config(
        **SMALL, hidden_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, query_pre_attn_scalar=24, sliding_window=7,
        attn_logit_softcapping=3.0, final_logit_softcapping=4.0,
        rope_parameters=plain_rope(10000.0)),
    # Norms of heads, two rotary tables.
    "gemma3": lambda: Gemma3TextConfig(
        **SMALL, hidden_size=64, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, query_pre_attn_scalar=20, sliding_window=9,
        layer_types=["sliding_attention", "sliding_attention", "full_attention",
                     "sliding_attention"],
        rope_parameters=dict(full_attention=plain_rope(1000000.0),
                             sliding_attention=plain_rope(500.0))),
    # A window in some layers.
    "qwen3_window": lambda: Qwen3Config(
        **SMALL, hidden_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, use_sliding_window=True, sliding_window=6,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters=plain_rope(10000.0), tie_word_embeddings=False),
}


def random_model(config, generator):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith(".weight") and parameter.dim() == 1:  # a norm's
                parameter.copy_(1 + 0.2 * noise)  # ones would hide one that is left out
            else:
                parameter.copy_(0.15 * noise)
    return model


def sequences(generator):
    """Lengths from 1 to 60; beginnings shared by two and by three."""
    def draw(length):
        return torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()

    common, passage = draw(9), draw(40)
    return [common + draw(4), common + draw(1), draw(1), passage + draw(20), passage + draw(5),
            passage + draw(3), draw(17)]


def log_likelihoods(model, ids, prompt):
    """[len(ids)] with a prompt, [len(ids) - 1] without."""
    embedded = model.get_input_embeddings()(torch.tensor(ids))
    rows = embedded if prompt is None else torch.cat([prompt, embedded])
    logits = model(inputs_embeds=rows[None], use_cache=False).logits[0].float()
    predicted = ids[1:] if prompt is None else ids
    start = 0 if prompt is None else len(prompt) - 1
    scores = logits[start:start + len(predicted)].log_softmax(-1)
    return scores[torch.arange(len(predicted)), torch.tensor(predicted, dtype=torch.long)]


def save(model, name, out):
    if name == "mistral_sharded":
        model.save_pretrained(out, max_shard_size="100KB")
        assert (out / "model.safetensors.index.json").exists()
    else:
        model.save_pretrained(out)
    (out / "generation_config.json").unlink(missing_ok=True)
    if name == "llama_old_keys":
        path = out / "config.json"
        config = json.loads(path.read_text())
        scaling = config.pop("rope_parameters")
        config["rope_theta"] = scaling.pop("rope_theta")
        config["rope_scaling"] = scaling
        config["torch_dtype"] = config.pop("dtype")
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make(name, out, seed):
    generator = torch.Generator().manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    made = random_model(FAMILIES[name](), generator)
    save(made.bfloat16() if name.endswith("bfloat16") else made, name, out)
    # What counts is what a reader of the files sees.
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    model.requires_grad_(False)
    rows = sequences(generator)
    prompt = 0.5 * torch.randn(PROMPT_ROWS, model.config.hidden_size, generator=generator)
    prompt.requires_grad_(True)
    with_prompt = [log_likelihoods(model, ids, prompt) for ids in rows]
    loss = -torch.cat(with_prompt).mean()
    loss.backward()
    with torch.no_grad():
        without = [log_likelihoods(model, ids, None) for ids in rows]
    np.save(out / "soft_prompt.npy", prompt.detach().numpy())
    np.save(out / "gradient.npy", prompt.grad.numpy())
    reference = {"sequences": rows, "log_likelihoods": [x.tolist() for x in with_prompt],
                 "log_likelihoods_without_prompt": [x.tolist() for x in without],
                 "loss": loss.item()}
    (out / "reference.json").write_text(json.dumps(reference) + "\n")
    print(f"{name}: loss {loss.item():.6f}, gradient norm {prompt.grad.norm().item():.6f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FAMILIES))
    arguments = parser.parse_args()
    names = arguments.names or list(FAMILIES)
    for name in names:
        if name not in FAMILIES:
            parser.error(f"unknown family {name!r}: choose from {', '.join(FAMILIES)}")
    torch.set_num_threads(1)
    for name in names:
        twin = "llama_rope_scaled" if name == "llama_old_keys" else name  # the same weights
        make(name, arguments.out / name, seed=1 + list(FAMILIES).index(twin))
    (arguments.out / "families.json").write_text(json.dumps(names) + "\n")


if __name__ == "__main__":
    main()
