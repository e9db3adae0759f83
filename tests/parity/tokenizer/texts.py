"""Texts to tokenise: real ones of ../shared/data, and random Unicode."""

import json
import os
import pathlib
import random
import unicodedata

PROJECT = pathlib.Path(__file__).resolve().parents[3]

# All planes; surrogates are no text.
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def shared_folder():
    return pathlib.Path(os.environ.get("INCIPIT_SHARED", PROJECT.parent / "shared"))


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def shared_texts():
    """Every string of every jsonl file, in file order, each once; [] without the data."""
    seen = {}
    for path in sorted((shared_folder() / "data").rglob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                for text in _strings(json.loads(line)):
                    seen.setdefault(text)
    return list(seen)


def made_up_texts(count, seed):
    """Sentences of invented words with names, numbers, marks and contractions."""
    rng = random.Random(seed)
    syllables = "ba den fi gor ha in jor ka lum mi nos or pa qui re sta tu un ver wil xe yo zan".split()
    accents = ["é", "ü", "ñ", "ö", "ç", "ж", "да", "語", "日本", "한국", "αβ", "السلام", "नम"]
    vocabulary = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(3000)]
    vocabulary += ["".join(rng.choices(accents + syllables, k=2)) for _ in range(300)]
    texts = []
    for _ in range(count):
        words = []
        for _ in range(rng.randint(3, 30)):
            word = rng.choice(vocabulary[: rng.choice([50, 500, 3300])])
            word = rng.choice([word, word, word.capitalize(), word.upper()])
            word += rng.choice([""] * 8 + ["'s", "'re", "'LL", ",", ";", "...", "\n", "\t", "  "])
            words.append(word if rng.random() < 0.93 else str(rng.randint(0, 10**6)))
        texts.append(" ".join(words) + rng.choice([".", "!", "?", "", " "]))
    return texts


def _kinds(rng):
    """Lists of characters (or sequences) that a random line draws from."""
    by_category = {}
    for code in CODE_POINTS:
        by_category.setdefault(unicodedata.category(chr(code)), []).append(code)

    def sample(codes, count=400):
        return [chr(c) for c in rng.sample(list(codes), min(count, len(list(codes))))]

    marks = by_category["Mn"] + by_category["Mc"] + by_category["Me"]
    spaces = [" ", "  ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\xa0", "\u1680",
              "\u180e", "\u2003", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060",
              "\u3000", "\ufeff", "\u2581"]
    emoji = ["👩\u200d👩\u200d👧", "🏳️\u200d🌈", "👍🏽", "🇫🇷", "❤️", "1️⃣", "🫠", "☕", "🧑🏿\u200d🚀", "🥷"]
    latin = [chr(c) for c in range(0x20, 0x250) if not 0x7F <= c < 0xA0]
    return {
        "ascii": [chr(c) for c in range(0x20, 0x7F)],
        "latin": latin,
        "words": ["the", "The", "don't", "DON'T", "we'LL", "I'ſ", "they'Re", "naïve", "ſs", "Straße",
                  "ﬁt", "x'sx", "'s", "'", "K'K", "İ", "ǅ", "Σς"],
        "spaces": spaces,
        "controls": [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0))],
        "digits": sample(by_category["Nd"]) + sample(by_category["No"]) + sample(by_category["Nl"]),
        "numbers": ["0", "12", "345", "6789", "12345678", "٣٤", "½", "Ⅻ", "1,000.50"],
        "marks": sample(marks) + ["e\u0301", "A\u030a", "o\u0323\u0302", "\u0301\u0323", "ạ\u0302"],
        "composed": [chr(c) for c in by_category["Ll"] if unicodedata.decomposition(chr(c))],
        "compatibility": ["ﬀ", "①", "㎏", "ｱ", "Å", "\u1e9b\u0323", "ﷺ", "㈱", "\u212b", "\u2126"],
        "hangul": sample(range(0x1100, 0x1200)) + sample(range(0xAC00, 0xD7A4)) + ["\u1112\u1161\u11ab"],
        "cjk": sample(range(0x4E00, 0x9FFF)) + sample(range(0x20000, 0x2A6D0)) + ["、", "。", "「", "ー"],
        "scripts": sample(by_category["Lo"], 2000) + sample(by_category["Lu"]) + sample(by_category["Ll"]),
        "punctuation": sample(by_category["Po"]) + sample(by_category["Pd"]) + ["...", "--", "?!", "_"],
        "symbols": sample(by_category["So"]) + sample(by_category["Sm"]) + sample(by_category["Sk"]),
        "emoji": emoji,
        "format": sample(by_category["Cf"]) + ["\u200d", "\u200c", "\u202e"],
        "private": sample(by_category["Co"]) + ["\ufffd", "\uffff", "\U0010ffff"],
        "unassigned": sample(by_category["Cn"], 2000),
        "newer": sample([*range(0x31350, 0x323B0), *range(0x2EBF0, 0x2EE5E), *range(0x1CC00, 0x1CCFA),
                         *range(0x10D40, 0x10D90), *range(0x11F00, 0x11F5B), 0x1C89, 0xA7CB]),
        "any": sample(CODE_POINTS, 4000),
    }


def random_texts(count, seed, insertions=()):
    """Random lines over all planes, surrogates apart: assigned or not, and characters newer
    than Python's, ICU's or PCRE2's tables. `insertions` (added tokens) are strewn in."""
    rng = random.Random(seed)
    kinds = _kinds(rng)
    names = list(kinds)
    texts = []
    for _ in range(count):
        chosen = [kinds[name] for name in rng.sample(names, rng.randint(1, 4))]
        chosen.append(kinds[rng.choice(["ascii", "spaces", "words", "numbers"])])
        parts = []
        for _ in range(rng.randint(1, 40)):
            if insertions and rng.random() < 0.06:
                parts.append(rng.choice(insertions))
            else:
                part = rng.choice(rng.choice(chosen))
                parts.append(part * rng.choice([1, 1, 1, 1, 2, 3, 5]))
        texts.append("".join(parts))
    return texts


def long_texts():
    """Few, but hard: long words and runs."""
    return ["a" * 5000, "ab" * 3000, " " * 4000, "\n" * 1000 + "x", "é" * 2000, "語" * 1500,
            "1234567890" * 300, "x " * 2000, "▁" * 500 + "a", "\U0001f600" * 400, "'s" * 500, ""]


def code_point_texts():
    """Every assigned code point, and some of the others, in context: alone, beside a letter,
    a digit, a mark and a space."""
    # Code points newer than Python's tables are in blocks where the tables have gaps, below U+33480.
    vast = [c for c in CODE_POINTS
            if unicodedata.category(chr(c)) in ("Cn", "Co") and (c >= 0x33480 or 0xE000 <= c < 0xF900)]
    spared = set(vast) - set(vast[::16])
    codes = [c for c in CODE_POINTS if c not in spared]
    return ["".join(f"{chr(c)}a {chr(c)}1{chr(c)}{chr(c)}. {chr(c)}\u0301" for c in codes[i:i + 64])
            for i in range(0, len(codes), 64)]
