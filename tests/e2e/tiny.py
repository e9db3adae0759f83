"""A tiny random model, a tokenizer of bytes and an invented task, for tests of the program."""
import json
import random
import struct
from pathlib import Path

HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, MLP, VOCABULARY = 32, 2, 4, 2, 8, 48, 258
POSITIONS = 160


def byte_letters():
    """Returns {byte: printable character} of a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    for offset, byte in enumerate(b for b in range(256) if b not in plain):
        letters[byte] = chr(256 + offset)
    return letters


def write_tokenizer(folder):
    vocabulary = {letter: byte for byte, letter in byte_letters().items()}
    added = [{"id": 256 + i, "content": text, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": True}
             for i, text in enumerate(["<s>", "</s>"])]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}
    tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
                 "normalizer": None, "pre_tokenizer": level, "post_processor": None,
                 "decoder": level,
                 "model": {"type": "BPE", "dropout": None, "unk_token": None,
                           "continuing_subword_prefix": None, "end_of_word_suffix": None,
                           "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                           "vocab": vocabulary, "merges": []}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf8")
    (folder / "tokenizer_config.json").write_text('{"bos_token": "<s>", "eos_token": "</s>"}')


def tensor_shapes():
    shapes = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "model.norm.weight": (HIDDEN,)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        shapes |= {
            prefix + "input_layernorm.weight": (HIDDEN,),
            prefix + "post_attention_layernorm.weight": (HIDDEN,),
            prefix + "self_attn.q_proj.weight": (HEADS * HEAD_DIM, HIDDEN),
            prefix + "self_attn.k_proj.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
            prefix + "self_attn.v_proj.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
            prefix + "self_attn.o_proj.weight": (HIDDEN, HEADS * HEAD_DIM),
            prefix + "mlp.gate_proj.weight": (MLP, HIDDEN),
            prefix + "mlp.up_proj.weight": (MLP, HIDDEN),
            prefix + "mlp.down_proj.weight": (HIDDEN, MLP)}
    return shapes


def write_weights(path):
    draw = random.Random(3)
    header, data = {}, b""
    for name, shape in sorted(tensor_shapes().items()):
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        values = [1.0 if len(shape) == 1 else draw.gauss(0, 0.2) for _ in range(count)]
        packed = struct.pack(f"<{count}f", *values)
        header[name] = {"dtype": "F32", "shape": list(shape),
                        "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_model(folder):
    """A Llama in Hugging Face layout."""
    folder.mkdir(parents=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama",
              "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
              "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM, "intermediate_size": MLP,
              "vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS,
              "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
              "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
              "bos_token_id": 256, "eos_token_id": 257, "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config))
    write_weights(folder / "model.safetensors")
    write_tokenizer(folder)


COLOURS = {"sky": "blue", "sea": "blue", "grass": "green", "leaf": "green", "moss": "green",
           "ice": "blue"}


def write_records(path, count, seed):
    draw = random.Random(seed)
    with path.open("w", encoding="utf8") as file:
        for index in range(count):
            thing = draw.choice(sorted(COLOURS))
            text = f"the {thing} of day {draw.randrange(1000)}"
            file.write(json.dumps({"idx": index, "text": text, "label": COLOURS[thing]}) + "\n")


TASK = """# What colour is it?
train: train.jsonl
test: test.jsonl
template: "{text} is"
verbalizer: {blue: " blue", green: " grn"}
"""

CONFIG = """run: {{name: tiny, output_dir: "{folder}/run", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method:
  kind: prompt_tuning
  num_virtual_tokens: 4
  init: {{kind: sampled_vocab}}
task:
  name: "{folder}/colours.yaml"
  data_dir: "{folder}"
  validation: 0.25
train:
  steps: 6
  batch_size: 8
  eval_every: 3
"""


def write_everything(folder):
    """Model, data, task file and run.yaml; returns the path of run.yaml."""
    folder = Path(folder)
    write_model(folder / "model")
    write_records(folder / "train.jsonl", 40, seed=1)
    write_records(folder / "test.jsonl", 12, seed=3)  # no text of train
    (folder / "colours.yaml").write_text(TASK)
    (folder / "run.yaml").write_text(CONFIG.format(folder=folder))
    return folder / "run.yaml"
