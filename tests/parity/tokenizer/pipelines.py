"""Vocabularies trained with the pipelines of well-known models, as `tokenizers` objects."""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers as pre
from tokenizers import trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SIZE = 6000

# One of every combination of flags that differ in effect.
ADDED = [
    AddedToken("<|plain|>", special=True, normalized=False),
    AddedToken("<left>", special=True, normalized=False, lstrip=True),
    AddedToken("<right>", special=False, normalized=False, rstrip=True),
    AddedToken("<both>", special=True, normalized=False, lstrip=True, rstrip=True),
    AddedToken("single", special=False, normalized=False, single_word=True),
    AddedToken("Cafe\u0301", special=False, normalized=True),
    AddedToken("two words", special=False, normalized=True),
    AddedToken("<norm>", special=True, normalized=True, lstrip=True),
    AddedToken("word", special=False, normalized=True, single_word=True, rstrip=True),
    AddedToken("<|plain", special=False, normalized=False),
    AddedToken("\n\n", special=False, normalized=False),
]
INSERTIONS = [token.content for token in ADDED] + [
    "Caf\u00e9", "<right>  ", "  <left>", " \u3000<both>\n ", "singles", "(single)", "_word", "word.",
    "<norm>", " <norm>", "<|plain", "two  words", "<|plain|><|plain|>", "<right> <left>"]


def _byte_level_trainer(**options):
    return trainers.BpeTrainer(vocab_size=SIZE, show_progress=False,
                               initial_alphabet=pre.ByteLevel.alphabet(), **options)


def gpt2(corpus):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(corpus, _byte_level_trainer())
    return made


def gpt2_prefix_space(corpus):
    made = gpt2(corpus)
    made.pre_tokenizer = pre.ByteLevel(add_prefix_space=True)
    return made


def gpt2_few_bytes(corpus):
    """Its alphabet lacks most bytes, so that there are unknown characters, fused."""
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    made.pre_tokenizer = pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(False)])
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(["plain english text 0123456789"] + corpus[:1],
                             trainers.BpeTrainer(vocab_size=120, special_tokens=["<unk>"],
                                                 show_progress=False))
    return made


def llama3(corpus):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre.Sequence([pre.Split(Regex(LLAMA3), "isolated"),
                                       pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(corpus, _byte_level_trainer())
    # Of the real vocabulary, too, some tokens can be reached by no merges.
    data = json.loads(made.to_str())
    data["model"]["merges"] = data["model"]["merges"][:-200]
    data["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(data))


def qwen2(corpus):
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre.Sequence([pre.Split(Regex(QWEN2), "isolated"),
                                       pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(corpus, _byte_level_trainer())
    return made


def gpt4o(corpus):
    made = qwen2(corpus)
    made.normalizer = None
    made.pre_tokenizer = pre.Sequence([pre.Split(Regex(GPT4O), "removed", invert=True),
                                       pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    return made


def _byte_fallback(corpus, split):
    """SentencePiece's kind: characters, spaces visible, 256 tokens for bytes, words apart."""
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.pre_tokenizer = pre.Metaspace(prepend_scheme="always", split=split)
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    made.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=SIZE, show_progress=False, special_tokens=special, limit_alphabet=300))
    data = json.loads(made.to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if token["id"] < 3]
    made = Tokenizer.from_str(json.dumps(data))
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                      decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return made


def llama2(corpus):
    made = _byte_fallback(corpus, split=True)
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.pre_tokenizer = None
    return made


def llama2_unsplit(corpus):
    """Merges reach across words, so that whole texts are merged at once."""
    made = _byte_fallback([text[:200] for text in corpus[:800]], split=False)
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.pre_tokenizer = None
    return made


def llama2_metaspace_first(corpus):
    made = _byte_fallback(corpus, split=True)
    made.pre_tokenizer = pre.Metaspace(prepend_scheme="first", split=False)
    return made


def llama2_metaspace_always(corpus):
    made = _byte_fallback(corpus, split=True)
    made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return made


def llama2_no_bytes(corpus):
    """Unknown characters, one by one; Metaspace with no space in front."""
    made = _byte_fallback(corpus, split=True)
    data = json.loads(made.to_str())
    data["model"]["byte_fallback"] = False
    data["model"]["fuse_unk"] = False
    made = Tokenizer.from_str(json.dumps(data))
    made.pre_tokenizer = pre.Metaspace(prepend_scheme="never")
    made.decoder = decoders.Metaspace(prepend_scheme="never")
    return made


def gemma(corpus):
    made = _byte_fallback(corpus, split=True)
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre.Split(" ", "merged_with_previous")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                      decoders.Fuse()])
    return made


def _words(corpus, normalizer, pre_tokenizer, decoder=None):
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizer
    if decoder:
        made.decoder = decoder
    made.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=SIZE, show_progress=False, special_tokens=["<unk>"], limit_alphabet=2000))
    return made


def nfkc_lowercase(corpus):
    normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(),
                                       normalizers.Replace(Regex(r"\s+"), " ")])
    return _words(corpus, normalizer, pre.Whitespace())


def nfd_strip(corpus):
    normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFD()])
    steps = pre.Sequence([pre.WhitespaceSplit(), pre.Punctuation("merged_with_next"), pre.Digits()])
    return _words(corpus, normalizer, steps, decoders.Strip("e", 1, 0))


def nfkd_splits(corpus):
    normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Strip(left=True, right=False)])
    steps = pre.Sequence([
        pre.Split(Regex(r"\w+"), "contiguous"), pre.Split(",", "merged_with_previous"),
        pre.Split(Regex(r"[^\S\n]|\h{2}+\b"), "merged_with_next"), pre.Split("e", "removed"),
        pre.Metaspace(prepend_scheme="first")])
    return _words(corpus, normalizer, steps, decoders.Metaspace())


def byte_level_first(corpus):
    """A pre-tokenizer after ByteLevel works on the byte-level alphabet."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre.Sequence([pre.ByteLevel(add_prefix_space=True),
                                       pre.Split(Regex(r"Ġ|\d"), "merged_with_next")])
    made.train_from_iterator(corpus, _byte_level_trainer())
    return made


PIPELINES = {maker.__name__: maker for maker in (
    gpt2, gpt2_prefix_space, gpt2_few_bytes, llama3, qwen2, gpt4o, llama2, llama2_unsplit,
    llama2_metaspace_first, llama2_metaspace_always, llama2_no_bytes, gemma, nfkc_lowercase,
    nfd_strip, nfkd_splits, byte_level_first)}


def build(name, corpus):
    made = PIPELINES[name](corpus)
    made.add_tokens(ADDED)
    return made
