"""Random models of known shapes, and batches with the lengths of RTE and BoolQ."""
import json
import math
import random
from typing import NamedTuple


class Shape(NamedTuple):
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocabulary: int = 49152  # of the bundle's tokenizer

    def products(self):
        """Returns {matmul of a layer: (outputs, inputs)}."""
        return {"qkv": ((self.heads + 2 * self.kv_heads) * self.head_dim, self.hidden),
                "output": (self.hidden, self.heads * self.head_dim),
                "gate_up": (2 * self.mlp, self.hidden), "down": (self.hidden, self.mlp)}

    def layer_parameters(self):
        """Returns the number of weights in the matmuls of all layers."""
        return self.layers * sum(rows * columns for rows, columns in self.products().values())

    def weight_bytes(self, dtype):
        numbers = self.layer_parameters() + self.vocabulary * self.hidden
        return numbers * (4 if dtype == "float32" else 2)


SHAPES = {"tiny": Shape(64, 2, 4, 2, 16, 96),
          "1b": Shape(2048, 16, 32, 8, 64, 8192),    # Llama-3.2-1B's
          "8b": Shape(4096, 32, 32, 8, 128, 14336)}  # Llama-3-8B's


def configuration(shape):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama",
            "hidden_size": shape.hidden, "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads,
            "head_dim": shape.head_dim, "intermediate_size": shape.mlp,
            "vocab_size": shape.vocabulary, "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
            "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
            "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"}


def layer_tensors(shape, layer):
    """Returns {name: size} of a layer of a Llama."""
    prefix = f"model.layers.{layer}."
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return {prefix + "input_layernorm.weight": (shape.hidden,),
            prefix + "post_attention_layernorm.weight": (shape.hidden,),
            prefix + "self_attn.q_proj.weight": (queries, shape.hidden),
            prefix + "self_attn.k_proj.weight": (keys, shape.hidden),
            prefix + "self_attn.v_proj.weight": (keys, shape.hidden),
            prefix + "self_attn.o_proj.weight": (shape.hidden, queries),
            prefix + "mlp.gate_proj.weight": (shape.mlp, shape.hidden),
            prefix + "mlp.up_proj.weight": (shape.mlp, shape.hidden),
            prefix + "mlp.down_proj.weight": (shape.hidden, shape.mlp)}


def write_model(shape, folder, device):
    """Writes a random model in bfloat16, in Hugging Face layout: a file per layer."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(configuration(shape)))
    generator = torch.Generator(device=device).manual_seed(0)

    def values(size):
        if len(size) == 1:
            return torch.ones(size, dtype=torch.bfloat16)
        drawn = torch.randn(size, generator=generator, device=device, dtype=torch.bfloat16)
        return (0.02 * drawn).cpu()

    files = [layer_tensors(shape, layer) for layer in range(shape.layers)]
    files.append({"model.embed_tokens.weight": (shape.vocabulary, shape.hidden),
                  "model.norm.weight": (shape.hidden,)})
    where = {}
    for number, sizes in enumerate(files):
        name = f"model-{number + 1:05}-of-{len(files):05}.safetensors"
        save_file({tensor: values(size) for tensor, size in sizes.items()}, folder / name,
                  metadata={"format": "pt"})
        where |= dict.fromkeys(sizes, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps(
        {"metadata": {"total_size": shape.weight_bytes("bfloat16")}, "weight_map": where}))


# Mean and deviation of the logarithm of the lengths, and the longest.
LENGTHS = {"train": (4.3, 0.5, 256), "evaluate": (4.95, 0.45, 512)}  # RTE's; BoolQ's


def batches(work, count, size, seed, lengths=None):
    """Returns batches of examples with two one-token candidates, one of which is the target.

    `lengths`: numbers of tokens to draw from, instead of the log-normal distribution of `work`.
    """
    draw = random.Random(seed)
    mean, deviation, longest = LENGTHS[work]

    def example():
        length = draw.choice(lengths) if lengths else min(
            longest, max(20, round(math.exp(draw.gauss(mean, deviation)))))
        source = [draw.randrange(1000, 20000) for _ in range(length)]
        candidates = [[2000], [3000]]
        return {"source": source, "target": draw.choice(candidates), "candidates": candidates}

    return [[example() for _ in range(size)] for _ in range(count)]


def forest_rows(batch, virtual_tokens):
    """Returns how many rows Incipit computes: the prompt once, then every source."""
    return virtual_tokens + sum(len(example["source"]) for example in batch)


def write_prompt(rows, width, folder):
    """Writes a random soft prompt to a .npy file and returns its path."""
    import numpy as np

    path = folder / f"prompt_{rows}x{width}.npy"
    np.save(path, np.random.default_rng(0).normal(0, 0.02, (rows, width)).astype(np.float32))
    return str(path)
