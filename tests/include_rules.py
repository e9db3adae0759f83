#!/usr/bin/env python3
"""Fails where a file includes, or a folder links, what the layout does not allow.

    include_rules.py [ROOT]

Prints one line per violation, as file:line: message. The table below is the layout of
ARCHITECTURE.md; a folder may always include itself. Also: includes of ours are written from the
root, headers of libtorch are included narrowly, and no file is longer than MAX_LINES.
"""
import re
import sys
from pathlib import Path

MAX_LINES = 500
ALLOWED = {
    "core": set(),
    "comm": {"core"},
    "telemetry": {"core"},
    "data": {"core"},
    "kernels": {"core"},
    "nn": {"core", "comm", "kernels"},
    "model": {"core", "comm", "nn"},
    "families": {"core", "nn", "model"},
    "methods": {"core", "comm", "nn", "model"},
    "eval": {"core", "data", "model", "methods", "comm", "nn"},
    "trainer": {"core", "comm", "telemetry", "data", "nn", "model", "methods", "eval"},
    "configs": {"core"},  # and the *_options.h of any folder
    "plan": {"core", "comm", "nn", "model", "methods", "trainer"},
    "explain": {"core", "comm", "data", "nn", "model", "methods", "eval"},
    "report": {"core", "telemetry", "data", "model", "families", "methods", "eval", "trainer",
               "configs", "explain"},
    "predict": {"core", "comm", "telemetry", "data"},
    "init": {"core", "telemetry", "data", "configs"},
    "launcher": {"core", "comm", "telemetry", "data", "kernels", "nn", "model", "families", "methods",
                 "eval", "trainer", "configs", "plan", "explain", "report", "predict", "init"},
}
TEST_FOLDERS = ("tests", "bench")  # may include anything of ours
NO_TORCH = {"core", "telemetry", "data", "kernels", "configs", "report", "predict", "init"}
TORCH = ("torch/", "ATen/", "c10/")
WIDE_HEADERS = {"torch/torch.h", "torch/all.h", "torch/extension.h", "ATen/ATen.h",
                "ATen/Functions.h", "bits/stdc++.h"}
SOURCES = {".h", ".cpp", ".cc", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
LINK = re.compile(r"\bincipit::(\w+)")


def check_include(folder, quote, header):
    """Returns the problem with this include in a file of `folder`, or None."""
    top = header.split("/")[0]
    if top == "incipit" and folder != "examples":
        return f'write "{header}" as a path from the root: "{header.removeprefix("incipit/")}"'
    if header in WIDE_HEADERS:
        return f"<{header}> costs 10 to 30 s in every file: include single headers"
    if header.startswith(TORCH):
        return f"{folder} does not use libtorch" if folder in NO_TORCH else None
    if folder == "examples":
        return None if quote == "<" else check_example_include(header)
    if quote == "<":
        return f'"{header}" is ours: include it with quotes' if top in ALLOWED else None
    if folder in TEST_FOLDERS:
        return None if "/" in header else f'write "{header}" as a path from the root'
    if "/" not in header or top not in ALLOWED:
        return f'"{header}" is no path from the root into a folder that {folder} may use'
    if top == folder or top in ALLOWED[folder]:
        return None
    if folder == "configs" and header.endswith("_options.h"):
        return None
    return f"{folder} may not include {top}: {allowed_text(folder)}"


def check_example_include(header):
    if "/" in header:
        return f'examples use what is installed: include "{header}" as <incipit/{header}>'
    return None


def allowed_text(folder):
    names = ", ".join(sorted(ALLOWED[folder])) or "nothing of ours"
    return f"it may use {names}" + (" and any *_options.h" if folder == "configs" else "")


def check_file(root, path, folder):
    lines = path.read_text(encoding="utf8").splitlines()
    name = path.relative_to(root)
    if len(lines) > MAX_LINES:
        yield f"{name}:{MAX_LINES + 1}: {len(lines)} lines, at most {MAX_LINES} are allowed"
    if path.suffix in SOURCES:
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            message = check_include(folder, *match.groups()) if match else None
            if message:
                yield f"{name}:{number}: {message}"


def check_links(root, folder):
    path = root / folder / "CMakeLists.txt"
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
        for target in LINK.findall(line.split("#")[0]):
            if target in ALLOWED and target != folder and target not in ALLOWED[folder] \
                    and folder != "configs":
                yield (f"{folder}/CMakeLists.txt:{number}: {folder} may not link "
                       f"incipit::{target}: {allowed_text(folder)}")


def check(root):
    for folder in (*ALLOWED, *TEST_FOLDERS, "examples", "scripts", "cmake", "deploy"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix in SOURCES | {".py", ".sh", ".cmake"}:
                yield from check_file(root, path, folder)
        if folder in ALLOWED:
            yield from check_links(root, folder)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    violations = list(check(root.resolve()))
    print("\n".join(violations) if violations else "includes, links and lengths are as they should be")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
