#!/usr/bin/env python3
"""Runs every code block of README.md and docs/getting_started.md, in order, as a reader would.

    docs_blocks.py [--print] [--skip COMMAND]... [PAGE...]

A page is one shell: later blocks see what a block exports. Blocks without a language are
commands of the project's root, `python` runs in .venv, and a `yaml` block whose first line is a
comment with a file's name is written to that file and validated. Files that the reader is taken to
have (tickets.csv, letters.csv, the data of sentiment.yaml) are made from the built-in messages, and
removed at the end. `--skip 'bash scripts/test.sh'` leaves out the lines that begin so.
`--print` shows the shell scripts instead of running them.

It takes about an hour on two cores, on a bare Debian 12 or Ubuntu 24.04 as well: nightly, not in
ctest. Runs are left in runs/.
"""
import argparse
import csv
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/getting_started.md")
MADE = ("tickets.csv", "letters.csv", "answers.csv")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\S+\.ya?ml)\n")


def blocks(text):
    """(language, content) of each block, in order."""
    return BLOCK.findall(text)


def commands(language, content, scratch, skipped=()):
    """Returns the shell commands of a block."""
    if language == "":
        lines = [line for line in content.splitlines()
                 if not any(line.startswith(each) for each in skipped)]
        return "\n".join(lines)
    if language == "python":
        return f".venv/bin/python - <<'END_OF_BLOCK'\n{content}END_OF_BLOCK"
    if language == "yaml" and (named := NAMED.match(content)):
        return (f"cat >'{scratch}/{named[1]}' <<'END_OF_BLOCK'\n{content}END_OF_BLOCK\n"
                f"(cd '{scratch}' && incipit validate {named[1]})")
    raise ValueError(f"a block that cannot be run ({language or 'no language'}):\n{content}")


def script(text, scratch, skipped=()):
    parts = ["set -euo pipefail"]
    for number, (language, content) in enumerate(blocks(text), 1):
        parts.append(f"printf '\\n--- block {number}, after %d s\\n' $SECONDS")
        parts.append(commands(language, content, scratch, skipped))
    return "\n".join(parts) + "\n"


def messages(split):
    lines = (ROOT / "configs/tasks/town_hall" / f"{split}.jsonl").read_text(encoding="utf8")
    return [json.loads(line) for line in lines.splitlines()]


def write_table(path, header, rows):
    with path.open("w", encoding="utf8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_the_readers_files(scratch):
    write_table(ROOT / "tickets.csv", ["message", "team"],
                [[each["text"], each["office"]] for each in messages("train")])
    write_table(ROOT / "letters.csv", ["number", "text"],
                [[number, each["text"]] for number, each in enumerate(messages("test")[:5])])
    (scratch / "data").mkdir()
    for split in ("train", "test"):
        with (scratch / "data" / f"{split}.jsonl").open("w", encoding="utf8") as file:
            for each in messages(split):
                label = "negative" if each["office"] == "noise" else "positive"
                file.write(json.dumps({"text": each["text"], "label": label}) + "\n")
    (scratch / "models").symlink_to(ROOT / "models")


def remove_what_was_made():
    for name in MADE:
        (ROOT / name).unlink(missing_ok=True)
    shutil.rmtree(ROOT / "tickets", ignore_errors=True)


def run(page, text):
    """Whether the page's shell ended well."""
    print(f"=== {page}", flush=True)
    start = time.monotonic()
    done = subprocess.run(["bash", "-c", text], cwd=ROOT, stdin=subprocess.DEVNULL)
    print(f"=== {page}: exit code {done.returncode} after {time.monotonic() - start:.0f} s",
          flush=True)
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", default=PAGES)
    parser.add_argument("--print", action="store_true", dest="only_print")
    parser.add_argument("--skip", action="append", default=[], metavar="COMMAND")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        texts = {page: script((ROOT / page).read_text(encoding="utf8"), scratch, options.skip)
                 for page in options.pages}
        if options.only_print:
            for page, text in texts.items():
                print(f"# {page}\n{text}")
            return 0
        there = [name for name in (*MADE, "tickets") if (ROOT / name).exists()]
        if there:
            parser.error(f"would be overwritten and removed, move them away: {', '.join(there)}")
        write_the_readers_files(scratch)
        try:
            return 0 if all(run(page, text) for page, text in texts.items()) else 1
        finally:
            remove_what_was_made()


if __name__ == "__main__":
    sys.exit(main())
