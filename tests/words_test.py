#!/usr/bin/env python3
"""Phrases that the project does not use, in sources, documents and messages.

    words_test.py           prints each, as file:line: message

Each has a standard term of the field, or plain English, to take its place. tests/words_pending.txt
lists by file how many are not rewritten yet: more than that fail, and so does a number that is too
high, so that it only falls.
"""
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".h", ".cpp", ".cu", ".py", ".sh", ".cmake", ".txt", ".yaml", ".md", ".js", ".css"}
OTHERS = {"build", "models", ".venv", ".git"}
# Texts that are data, and the lists of these phrases.
EXCLUDED = re.compile(r"^configs/tasks/town_hall/house_rules\.md$|^tests/words_|^bench/results/")
PATTERNS = [
    ("gathered", re.compile(r"(?<!all-)\bgathered", re.I), "fsdp, FSDP, or all-gathered"),
    ("select split", re.compile(r"\bselect split|\bselected on\b", re.I),
     "validation split, chosen on validation"),
    ("goes on", re.compile(r"\bgo(?:es|ing)? on\b(?! the\b)|\bwent on\b", re.I),
     "continues, resumes"),
    ("stands in", re.compile(r"\bstands? (?:in(?! for)|under)\b", re.I), "is in, has, contains"),
    ("stands behind", re.compile(r"\bstands? (?:before|behind)\b", re.I), "precedes, follows"),
    ("behind", re.compile(r"(?<!left )(?<!leaves )(?<!far )(?<!falls )(?<!lags )(?<!stand )"
                          r"(?<!stands )(?<!\w)behind\b", re.I), "after, following"),
    ("in front of", re.compile(r"\bin front of\b", re.I), "before"),
]


def find(root):
    """(file, line number, phrase, line) of every hit."""
    hits = []
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.suffix not in SUFFIXES or name.split("/")[0] in OTHERS or EXCLUDED.search(name):
            continue
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
            for phrase, pattern, _ in PATTERNS:
                hits += [(name, number, phrase, line)] * len(pattern.findall(line))
    return hits


def pending(root):
    path = root / "tests" / "words_pending.txt"
    lines = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    entries = [line.rsplit(" ", 1) for line in lines if line and not line.startswith("#")]
    return {name: int(count) for name, count in entries}


def check(root):
    hits = find(root)
    found, allowed = Counter(name for name, *_ in hits), pending(root)
    instead = {phrase: text for phrase, _, text in PATTERNS}
    for name, number, phrase, _ in hits:
        if found[name] > allowed.get(name, 0):
            yield f"{name}:{number}: '{phrase}': write {instead[phrase]}"
    for name, count in allowed.items():
        if found[name] < count:
            yield (f"{name}:1: tests/words_pending.txt allows {count} of these phrases, "
                   f"{found[name]} are left: lower it")


def main():
    problems = list(check(ROOT))
    print("\n".join(problems) if problems else "no phrase that is not used")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
