#!/usr/bin/env python3
"""Writes the command reference to standard output, from the program's help texts.

  scripts/command_reference.py build/release/launcher/incipit > docs/commands.md

A test checks that docs/commands.md equals this output.
"""
import os
import re
import subprocess
import sys

HEADER = """# Commands

Written by `scripts/command_reference.py` from the program's own help; every example is run by a test.

Any value of a configuration can be replaced on the command line: `--set train.steps=50`.
`mpirun -n N` before a command starts N ranks ([scripts/mpirun.sh](../scripts/mpirun.sh) adds the flags
that a workstation or a container needs).
"""
# Page with more about each command.
PAGES = {
    "init": "your_own_task.md", "train": "getting_started.md", "predict": "predicting.md",
    "generate": "predicting.md", "report": "report.md", "doctor": "your_own_model.md",
    "validate": "configuration.md", "plan": "planning.md", "compare": "few_shot.md",
    "order": "few_shot.md", "search": "word_search.md", "explain": "explaining.md",
}


def help_of(program, *command):
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run([program, *command, "--help"], check=True, capture_output=True, text=True,
                          encoding="utf8", env=environment).stdout.strip()


def command_names(program):
    listed = re.search(r"^Subcommands:\n((?: .*\n?)+)", help_of(program), re.MULTILINE)
    return re.findall(r"^  (\w+)", listed.group(1), re.MULTILINE)


def section(program, command):
    description, _, rest = help_of(program, command).partition("\n")
    usage, _, example = rest.strip().partition("\nExample:\n")
    text = f"\n## incipit {command}\n\n{description.strip()}."
    if command in PAGES:
        text += f" More: [{PAGES[command]}]({PAGES[command]})."
    text += f"\n\n```\n{usage.strip()}\n```\n"
    if example:
        lines = "\n".join(line.strip() for line in example.strip().splitlines())
        text += f"\nExample:\n\n```\n{lines}\n```\n"
    return text


def reference(program):
    return HEADER + "".join(section(program, command) for command in command_names(program))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(reference(sys.argv[1]))
