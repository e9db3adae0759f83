#!/usr/bin/env python3
"""Fails where a source outside a family's or a method's folder names it, or where ARCHITECTURE.md's
table of folders is not the one that include_rules.py checks.

    structure_test.py [ROOT]

Only the registries (families/registry.*, methods/registry.*, methods/method_options.*) list families
and methods. Not checked: configs, tests, benchmarks, documents; in data/ tokenizers and chat formats,
which are named after models; the kinds of rotary scaling in nn/.
"""
import re
import sys
from pathlib import Path

import include_rules

SUFFIXES = {".h", ".cpp", ".cu"}
FOLDERS = ("core", "comm", "telemetry", "data", "kernels", "nn", "model", "families", "methods",
           "eval", "trainer", "plan", "explain", "report", "predict", "init", "launcher")
REGISTRIES = re.compile(r"^(families/registry|methods/registry|methods/method_options)\.")
# Folder, the names that only its files use, the files that may use them all the same.
OWNERS = [
    ("families/llama/", re.compile(r"llama|mistral|qwen", re.I),
     re.compile(r"^data/(chat|tokenizer/)|^nn/(rotary|kinds)\.")),
    ("families/gemma/", re.compile(r"gemma", re.I), re.compile(r"^data/(chat|tokenizer/)")),
    ("families/gpt2/", re.compile(r"gpt-?2", re.I), re.compile(r"^data/tokenizer/")),
    ("methods/prompt_tuning/", re.compile(r"prompt[_ ]tuning", re.I),
     re.compile(r"^methods/multitask/")),
    ("methods/multitask/", re.compile(r"multitask", re.I), None),
    ("methods/p_tuning/", re.compile(r"\bp_tuning", re.I), None),
    ("methods/lora/", re.compile(r"\blora\b", re.I),
     re.compile(r"^core/forest\.h|^nn/low_rank\.|^launcher/commands/merge\.|^methods/combined/")),
    ("methods/prefix_tuning/", re.compile(r"prefix[_ ]tuning", re.I), None),
]


# A row of the table: | `nn/` | contents | core comm kernels |
ROW = re.compile(r"^\| `(\w+)/` \|.*\| ([^|]*) \|$")
EVERYTHING = {"no other folder": set(), "everything": include_rules.ALLOWED["launcher"]}


def check_table(root):
    """ARCHITECTURE.md says what include_rules.py checks."""
    written = {}
    for line in (root / "ARCHITECTURE.md").read_text(encoding="utf8").splitlines():
        if match := ROW.match(line):
            folder, allowed = match[1], match[2].strip()
            written[folder] = EVERYTHING.get(allowed, set(re.findall(r"\w+", allowed)))
    for folder, allowed in include_rules.ALLOWED.items():
        if not (root / folder).is_dir():
            yield f"tests/include_rules.py:1: there is no folder {folder}/"
        if folder == "configs":  # and the *_options.h of any folder
            continue
        if written.get(folder) != allowed:
            yield (f"ARCHITECTURE.md:1: {folder}/ may include {' '.join(sorted(allowed)) or 'none'}; "
                   f"the table says {' '.join(sorted(written.get(folder, {'nothing'})))}")


def check(root):
    yield from check_table(root)
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            name = str(path.relative_to(root))
            if path.suffix not in SUFFIXES or REGISTRIES.match(name):
                continue
            for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
                for owner, pattern, allowed in OWNERS:
                    if name.startswith(owner) or (allowed and allowed.match(name)):
                        continue
                    if found := pattern.search(line):
                        yield f"{name}:{number}: names '{found[0]}', which only {owner} may"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    violations = list(check(root.resolve()))
    print("\n".join(violations) if violations else "families and methods are named in their folders")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
