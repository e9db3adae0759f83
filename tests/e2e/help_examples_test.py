#!/usr/bin/env python3
"""Every command's --help ends with an example, and every example runs.

    help_examples_test.py INCIPIT MPIRUN

Examples are run as they stand, from a copy of what they name: configs/ with shortened data and
steps, a tiny model under the name of the default one, a few records of RTE and CB in ../shared,
and in runs/ what these recipes leave there.
"""
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import program
import tiny

PROJECT = Path(__file__).resolve().parents[2]
DEFAULT_MODEL = "models/smollm2-135m-instruct"
RECORDS = 24  # of each data file
RECIPES = ("cb", "rte", "superglue_fewshot", "town_hall",
           "town_hall_lora")  # whose runs are there
WORDS = "the a town bin road tree was is broken since my by when it full late again who".split()


def around(role):
    return {"before": f"<s>{role}\n", "after": "</s>\n"}


CHAT = {"format": 1, "begin": "", "default_system": None, "system": around("system"),
        "user": around("user"), "user_after_system": around("user"),
        "assistant": around("assistant"), "generation_prompt": "<s>assistant\n"}


def examples_of(help_text):
    """The command lines under "Example:" at the end of a help text; fails when there are none."""
    before, mark, after = help_text.partition("Example:")
    lines = [line.strip() for line in after.splitlines() if line.strip()]
    if not mark or not lines:
        raise AssertionError(f"no example at the end of:\n{before}")
    return lines


def commands_of(overview):
    listed = overview.split("Subcommands:")[1].split("Exit codes:")[0]
    return re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)


def write_lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf8")


def pairs(labels, seed):
    draw = random.Random(seed)

    def sentence():
        return " ".join(draw.choices(WORDS, k=draw.randint(4, 12))) + f" {draw.randrange(1000)}."
    return [{"premise": sentence(), "hypothesis": sentence(), "label": labels[i % len(labels)],
             "idx": i} for i in range(RECORDS)]


def write_root(root):
    """Writes small versions of the files in a clone's root that the examples name."""
    shutil.copytree(PROJECT / "configs", root / "configs",
                    ignore=shutil.ignore_patterns("*.cpp", "*.h"))
    for data in (root / "configs").rglob("*.jsonl"):
        lines = data.read_text(encoding="utf8").splitlines(keepends=True)
        data.write_text("".join(lines[:RECORDS]), encoding="utf8")
    for recipe in (root / "configs" / "recipes").glob("*.yaml"):
        text = re.sub(r"\b(steps|eval_every|checkpoint_every): \d+", r"\1: 2", recipe.read_text())
        recipe.write_text(re.sub(r"warmup_steps: \d+", "warmup_steps: 0", text))
    tiny.POSITIONS = 2048
    tiny.write_model(root / DEFAULT_MODEL)
    (root / DEFAULT_MODEL / "incipit_chat.json").write_text(json.dumps(CHAT))
    superglue = root.parent / "shared" / "data" / "superglue"
    for name, labels, splits in (
            ("RTE", ["entailment", "not_entailment"],
             ["train", "val", "train32", "dev32"]),
            ("CB", ["entailment", "contradiction", "neutral"], ["train32", "dev32", "val"])):
        for seed, split in enumerate(splits):
            write_lines(superglue / name / f"{split}.jsonl", pairs(labels, seed))


class HelpExamples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        top = Path(cls.scratch.name)
        cls.root = top / "clone" / "root"
        write_root(cls.root)
        # `mpirun` with the flags of scripts/mpirun.sh, which itself finds the real one.
        path = f"{Path(program.INCIPIT).parent}:{os.environ['PATH']}"
        shim = top / "bin" / "mpirun"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nPATH="{path}" exec "{program.MPIRUN}" "$@"\n')
        shim.chmod(0o755)
        cls.environment = os.environ | {"PATH": f"{shim.parent}:{path}"}
        cls.environment.pop("INCIPIT_SHARED", None)
        for recipe in RECIPES:
            code, text = cls.run_line(f"incipit train configs/recipes/{recipe}.yaml", cls.root)
            assert code == 0, text

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def run_line(cls, line, folder):
        """Exit code and output of a line typed into a shell."""
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=folder, text=True,
                              encoding="utf8", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=100, env=cls.environment)
        return done.returncode, done.stdout

    def in_a_copy(self, line):
        copy = self.root.parent / "copy"
        shutil.copytree(self.root, copy)
        try:
            return self.run_line(line, copy)
        finally:
            shutil.rmtree(copy)

    def test_every_example_runs(self):
        overview = subprocess.run([program.INCIPIT, "--help"], capture_output=True, text=True,
                                  check=True).stdout
        commands = commands_of(overview)
        self.assertGreater(len(commands), 8)
        for line in examples_of(overview):
            self.check_example(line, "incipit")
        for command in commands:
            text = subprocess.run([program.INCIPIT, command, "--help"], capture_output=True,
                                  text=True, check=True).stdout
            with self.subTest(command=command):
                for line in examples_of(text):
                    self.check_example(line, f"incipit {command}")

    def check_example(self, line, command):
        self.assertIn(command, line)
        code, output = self.in_a_copy(line)
        self.assertEqual(code, 0, f"{line}\n{output}")

    def test_a_broken_example_is_seen(self):
        for line in ("incipit train configs/recipes/nowhere.yaml", "incipit ls | false",
                     "false | incipit ls", "mpirun -n 2 incipit train --no-such-option"):
            with self.assertRaises(AssertionError, msg=line):
                self.check_example(line, "incipit")

    def test_a_command_without_an_example_is_seen(self):
        for text in ("Usage: incipit x", "Usage: incipit x\n\nExample:\n"):
            with self.assertRaises(AssertionError):
                examples_of(text)


if __name__ == "__main__":
    program.main()
