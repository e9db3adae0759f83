#!/usr/bin/env python3
"""Every C++ file is laid out as clang-format 14 does it (.clang-format).

    format_test.py          prints what is not, as file:line: message
    format_test.py --fix    formats all files
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
OTHERS = {"build", "models", ".venv", ".git"}
SKIPPED = 77


def clang_format():
    """clang-format 14: other versions break lines elsewhere."""
    for name in ("clang-format-14", "clang-format"):
        if path := shutil.which(name):
            version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            if re.search(r"version 14\.", version):
                return path
    return None


def files(root):
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and folder.name not in OTHERS:
            yield from sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)


def main():
    program = clang_format()
    if program is None:
        print("skipped: clang-format 14 is not installed (scripts/setup.sh --tests installs it)")
        sys.exit(SKIPPED)
    names = [str(path.relative_to(ROOT)) for path in files(ROOT)]
    mode = ["-i"] if "--fix" in sys.argv[1:] else ["--dry-run", "-Werror"]
    done = subprocess.run([program, *mode, *names], cwd=ROOT, capture_output=True, text=True)
    found = re.findall(r"^(.+?:\d+):\d+: error: (.*)$", done.stderr, re.M)
    for place, message in found:
        print(f"{place}: {message}")
    if done.returncode != 0 and not found:
        print(done.stderr)
    if done.returncode == 0:
        print(f"{len(names)} files are formatted")
    else:
        print("tests/format_test.py --fix formats them")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
