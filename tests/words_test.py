#!/usr/bin/env python3
"""Finds phrases that sources, documents and messages must not use.

    words_test.py           prints each use as file:line: phrase, and what to write instead
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".h", ".cpp", ".cu", ".py", ".sh", ".cmake", ".txt", ".yaml", ".md", ".js", ".css"}
OTHERS = {"build", "models", ".venv", ".git"}
# Data, and this list of phrases.
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
    """Yields a message, file:line: ..., for every hit."""
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.suffix not in SUFFIXES or name.split("/")[0] in OTHERS or EXCLUDED.search(name):
            continue
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
            for phrase, pattern, instead in PATTERNS:
                if pattern.search(line):
                    yield f"{name}:{number}: '{phrase}': write {instead}"


def main():
    problems = list(find(ROOT))
    print("\n".join(problems) if problems else "none of these phrases is used")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
