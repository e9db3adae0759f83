"""Small random models in Hugging Face layout, made with transformers and tokenizers."""
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch  # noqa: E402
import transformers  # noqa: E402
from tokenizers import (Tokenizer, decoders, models, normalizers,  # noqa: E402
                        pre_tokenizers, trainers)

torch.set_num_threads(1)
TEXTS = ["the lamp in the street is dark and the drain is blocked",
         "water runs down the hill road, who takes old paint?", "roads, waste and water"] * 4
KINDS = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3", "mistral": "Mistral"}
LABELS = ["roads", "waste", "water"]
QUESTIONS = ["a lamp is dark", "water on the hill road"]


def byte_level(special=(), size=300):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=["<|end|>", *special],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def model(kind, vocabulary, **more):
    config = getattr(transformers, KINDS[kind] + "Config")(**{**dict(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=128,
        initializer_range=0.3, bos_token_id=0, eos_token_id=0, pad_token_id=None,
        dtype="float32"), **more})
    torch.manual_seed(1)
    return getattr(transformers, KINDS[kind] + "ForCausalLM")(config).float().eval()


def save(folder, net, tokenizer, tokenizer_config=None):
    folder = Path(folder)
    net.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"eos_token": "<|end|>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config or config))
    return folder


def edit(path, **changes):
    """Sets keys of a JSON file; the value "DROP" removes a key."""
    data = json.loads(path.read_text())
    for key, value in changes.items():
        if value == "DROP":
            data.pop(key, None)
        else:
            data[key] = value
    path.write_text(json.dumps(data))


def sentencepiece_like(metaspace):
    """Like Llama 2's: a mark for a space before every text, and byte fallback."""
    mark = "\u2581"
    special = ["<unk>", "<|end|>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(replacement=mark, prepend_scheme="always")
    trained.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, show_progress=False))
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
            replacement=mark, prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(mark),
                                                     normalizers.Replace(" ", mark)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace(mark, " "), decoders.ByteFallback(),
                                           decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    parts, whole = json.loads(trained.to_str()), json.loads(tokenizer.to_str())
    whole["model"] = parts["model"]
    whole["added_tokens"] = [t for t in parts["added_tokens"] if t["content"] in special[:2]]
    return Tokenizer.from_str(json.dumps(whole))


def probabilities(folder, tokenizer, answer_tokens=None):
    """What transformers says: {question: {label: probability}}.

    answer_tokens(source, answer): the tokens of an answer; without it, those of its text alone.
    """
    if answer_tokens is None:
        def answer_tokens(source, text):
            return tokenizer.encode(text).ids
    net = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    found = {}
    for question in QUESTIONS:
        source = tokenizer.encode(question + " is").ids
        scores = []
        for label in LABELS:
            answer = answer_tokens(question + " is", " " + label)
            with torch.no_grad():
                logits = net(torch.tensor([source + answer])).logits[0].double().log_softmax(-1)
            scores.append(sum(logits[len(source) - 1 + i, token].item()
                              for i, token in enumerate(answer)))
        shares = torch.tensor(scores, dtype=torch.float64).softmax(0).tolist()
        found[question] = dict(zip(LABELS, shares))
    return found
