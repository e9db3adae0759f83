#!/usr/bin/env python3
"""Every command with inputs that are no input, and with outputs that cannot be written.

inputs_test.py INCIPIT MPIRUN

The commands come from `incipit --help`: one without a row in INPUTS and OUTPUTS fails the test.
Each case ends within seconds in one message that names the file, with the exit code of the command
line's help, and leaves nothing that looks like a result.
"""
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import program  # noqa: E402

DONE, USAGE, BAD_FILE = 0, 2, 3
MOST_SECONDS = 20  # on a busy machine; reading 1 GiB as text or YAML takes longer
GIB = 1 << 30
COLUMNS = ["--text", "text", "--label", "label"]
OUTPUT = ["--set", "run.output_dir=OUT"]
ORDERS = ["--set", "task.shots=2", "--set", "order.probes_per_order=0"]
SEARCH = ["--set", "search.passes=100", "--set", "search.examples=4"]


def sparse(path):
    with path.open("wb") as file:
        file.truncate(GIB)


# What can be in the place of an input.
KINDS = {"missing": lambda path: None,
         "empty": lambda path: path.write_bytes(b""),
         "binary": lambda path: path.write_bytes(bytes(range(256)) * 40),
         "one line of 1 GiB": sparse,
         "not UTF-8": lambda path: path.write_bytes(b'{"text": "caf\xe9", "label": "blue"}\n'),
         "a folder": lambda path: path.mkdir(),
         "a link to itself": lambda path: path.symlink_to(path.name)}

# By command: (the input that is replaced, arguments, exit code, kinds that are good inputs). In
# arguments, BAD is the replaced file, or the folder that has it, and OUT a path for output.
INPUTS = {
    "init": [("table", ["--data", "BAD.csv", *COLUMNS, "--output", "OUT", "--model", "model"],
              BAD_FILE, []),
             ("records", ["--data", "BAD.jsonl", *COLUMNS, "--output", "OUT", "--model", "model"],
              BAD_FILE, [])],
    "train": [("configuration", ["BAD"], USAGE, []),
              ("examples", ["run.yaml", "--set", "task.train=BAD", *OUTPUT], BAD_FILE, []),
              ("model/model.safetensors", ["run.yaml", "--set", "model.path=BAD", *OUTPUT],
               BAD_FILE, [])],
    "eval": [("configuration", ["BAD"], USAGE, []),
             ("examples", ["plain.yaml", "--set", "task.test=BAD", *OUTPUT], BAD_FILE, []),
             ("run/adapter/last/adapter_model.safetensors",
              ["run.yaml", "--adapter", "BAD", *OUTPUT], BAD_FILE, [])],
    "predict": [("configuration", ["BAD"], USAGE, []),
                ("records", ["plain.yaml", "--input", "BAD.jsonl", "--output", "OUT"], BAD_FILE,
                 ["empty"]),
                ("table", ["plain.yaml", "--input", "BAD.csv", "--output", "OUT"], BAD_FILE, [])],
    "generate": [("model/config.json", ["BAD", "--prompt", "hi"], BAD_FILE, []),
                 ("model/generation_config.json",
                  ["BAD", "--prompt", "hi", "--max-tokens", "2"], BAD_FILE, ["missing"])],
    "compare": [("configuration", ["BAD"], USAGE, []),
                ("templates", ["plain.yaml", "--templates", "BAD", "--output", "OUT"], USAGE, [])],
    "order": [("configuration", ["BAD"], USAGE, []),
              ("examples", ["plain.yaml", "--set", "task.train=BAD", *ORDERS, "--output", "OUT"],
               BAD_FILE, [])],
    "search": [("configuration", ["BAD"], USAGE, []),
               ("phrases", ["plain.yaml", "--phrases", "BAD", "--output", "OUT"], USAGE, []),
               ("examples", ["plain.yaml", "--set", "task.train=BAD", *SEARCH, "--output", "OUT"],
                BAD_FILE, [])],
    "explain": [("configuration",
                 ["run/adapter/last", "--config", "BAD", "--output", "OUT"], USAGE, []),
                ("run/adapter/last/adapter_model.safetensors",
                 ["BAD", "--config", "run.yaml", "--output", "OUT"], BAD_FILE, [])],
    "validate": [("configuration", ["BAD"], USAGE, []),
                 ("task file", ["plain.yaml", "--set", "task.name=./BAD"], USAGE, []),
                 ("examples", ["plain.yaml", "--set", "task.test=BAD"], BAD_FILE, [])],
    "plan": [("configuration", ["BAD"], USAGE, []),
             ("model/config.json", ["run.yaml", "--model", "BAD"], BAD_FILE, [])],
    "report": [("run/manifest.json", ["BAD", "--output", "OUT"], BAD_FILE, ["missing"])],
    "show": [("configuration", ["BAD"], USAGE, []),
             ("examples", ["plain.yaml", "--split", "test", "--set", "task.test=BAD"], BAD_FILE,
              [])],
    "ls": [],
    "inspect": [("file", ["BAD"], BAD_FILE, []),
                ("run/adapter/last/adapter_config.json", ["BAD"], BAD_FILE, [])],
    "merge": [("run/adapter/last/adapter_config.json", ["BAD", "--output", "OUT"], BAD_FILE, [])],
    "doctor": [("model/model.safetensors", ["--model", "BAD"], BAD_FILE, [])],
    "tokenize": [("model/tokenizer.json", ["BAD", "lines.txt"], BAD_FILE, []),
                 ("lines", ["model", "BAD"], BAD_FILE, ["empty"])]}

# By command: arguments with which it prints to standard output, and arguments with which it writes
# to OUT, which is a path below a file.
OUTPUTS = {
    "init": (["--recipe", "rte", "--output", "recipe"],
             ["--recipe", "rte", "--output", "OUT"]),
    "train": (["run.yaml", "--set", "run.output_dir=full", "--set", "train.steps=1"],
              ["run.yaml", *OUTPUT]),
    "eval": (["plain.yaml", "--set", "run.output_dir=full2"], ["plain.yaml", *OUTPUT]),
    "predict": (["plain.yaml", "--input", "lines.txt"],
                ["plain.yaml", "--input", "lines.txt", "--output", "OUT"]),
    "generate": (["model", "--prompt", "hi", "--max-tokens", "2"], None),
    "compare": (["plain.yaml", "--templates", "templates.yaml", "--output", "full3"],
                ["plain.yaml", "--templates", "templates.yaml", "--output", "OUT"]),
    "order": (["plain.yaml", *ORDERS, "--output", "full4"],
              ["plain.yaml", *ORDERS, "--output", "OUT"]),
    "search": (["plain.yaml", *SEARCH, "--output", "full5"],
               ["plain.yaml", *SEARCH, "--output", "OUT"]),
    "explain": (["run/adapter/last", "--config", "run.yaml", "--output", "page.html"],
                ["run/adapter/last", "--config", "run.yaml", "--output", "OUT"]),
    "validate": (["plain.yaml"], None),
    "plan": (["run.yaml", "--ranks", "2", "--json"], None),
    "report": (None, ["run", "--output", "OUT"]),  # prints nothing
    "show": (["plain.yaml"], None),
    "ls": ([], None),
    "inspect": (["model", "--tensors"], None),
    "merge": (None, ["lora", "--model", "model", "--output", "OUT"]),
    "doctor": (["--model", "model"], None),
    "tokenize": (["model", "lines.txt"], None)}


class InputsAndOutputs(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lora = ("method.kind=lora", "method.init.kind=auto", "run.output_dir=lora", "train.steps=1",
                "train.eval_every=0")
        for settings in (), lora:
            words = [word for setting in settings for word in ("--set", setting)]
            subprocess.run([program.INCIPIT, "train", "run.yaml", *words], cwd=cls.folder, check=True,
                           capture_output=True)
        text = cls.config.read_text()
        begin, end = text.index("method:"), text.index("task:")
        (cls.folder / "plain.yaml").write_text(text[:begin] + "method: {kind: none}\n" + text[end:])
        (cls.folder / "templates.yaml").write_text('- {name: one, template: "{text}:"}\n')
        (cls.folder / "lines.txt").write_text("the sky\n")

    def run_in_folder(self, *words, **options):
        start = time.monotonic()
        done = subprocess.run([program.INCIPIT, *words], cwd=self.folder, text=True,
                              errors="backslashreplace", timeout=100,
                              **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})
        self.assertLess(time.monotonic() - start, MOST_SECONDS)
        return done

    def one_message(self, done, code):
        """The message with which a command fails."""
        self.assertEqual(done.returncode, code, done.stderr)
        lines = [line for line in done.stderr.splitlines() if line.startswith("incipit")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertNotIn("defect", done.stderr)
        return done.stderr

    def make_bad(self, what, kind, case, argument):
        """Makes the file or folder that `argument` names."""
        if "/" not in what:
            return KINDS[kind](self.folder / argument.split("=")[-1])
        folder, name = what.rsplit("/", 1)
        shutil.copytree(self.folder / folder, self.folder / case)
        bad = self.folder / case / name
        bad.unlink(missing_ok=True)
        return KINDS[kind](bad)

    def test_every_command_has_its_rows(self):
        text = self.run_in_folder("--help").stdout
        commands = re.findall(r"^  (\w+)  ", text[text.index("Subcommands:"):], re.MULTILINE)
        self.assertGreater(len(commands), 10)
        self.assertEqual(sorted(commands), sorted(INPUTS))
        self.assertEqual(sorted(commands), sorted(OUTPUTS))

    def check_input(self, command, what, arguments, code, kind, good, case):
        out = self.folder / f"{case}-out"
        words = [word.replace("BAD", case).replace("OUT", out.name) for word in arguments]
        self.make_bad(what, kind, case, next(word for word in words if case in word))
        done = self.run_in_folder(command, *words)
        if kind in good:
            return self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertIn(case, self.one_message(done, code))
        self.assertFalse(out.exists())

    def test_bad_inputs(self):
        rows = [(command, *row) for command, rows in INPUTS.items() for row in rows]
        for number, (command, what, arguments, code, good) in enumerate(rows):
            for kind in KINDS:
                with self.subTest(command=command, input=what, kind=kind):
                    case = f"case{number}-" + kind.split()[-1]
                    self.check_input(command, what, arguments, code, kind, good, case)

    def test_a_full_disk_as_standard_output(self):
        for command, (arguments, _) in OUTPUTS.items():
            if arguments is None:
                continue
            with self.subTest(command=command), open("/dev/full", "w") as full:
                done = self.run_in_folder(command, *arguments, stdout=full)
                self.assertIn("standard output: cannot be written", self.one_message(done, BAD_FILE))
        for option in ("--help", "--version"):
            with self.subTest(option), open("/dev/full", "w") as full:
                self.one_message(self.run_in_folder(option, stdout=full), BAD_FILE)

    # A result that replaced a device would be lost, and the device with it.
    def test_devices_and_pipes_as_output_are_written_to(self):
        outputs = {"predict": ["plain.yaml", "--input", "lines.txt", "--output", "OUT"],
                   "report": ["run", "--output", "OUT"]}
        for command, arguments in outputs.items():
            with self.subTest(command=command):
                pipe, full = self.folder / f"{command}.pipe", self.folder / f"{command}.full"
                os.mkfifo(pipe)
                full.symlink_to("/dev/full")
                with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
                    done = self.run_in_folder(
                        command, *[word.replace("OUT", pipe.name) for word in arguments])
                    self.assertEqual(done.returncode, DONE, done.stderr)
                    self.assertGreater(len(reader.stdout.read()), 20)
                self.assertTrue(pipe.is_fifo())
                done = self.run_in_folder(
                    command, *[word.replace("OUT", full.name) for word in arguments])
                self.assertIn(full.name, self.one_message(done, BAD_FILE))
                self.assertTrue(full.is_symlink())

    def test_a_limit_of_file_sizes(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        for command, (_, arguments) in OUTPUTS.items():
            if arguments is None:
                continue
            with self.subTest(command=command):
                out = f"limited-{command}"
                words = [word.replace("OUT", out) for word in arguments]
                done = self.run_in_folder(command, *words, preexec_fn=limit)
                self.assertIn(out, self.one_message(done, BAD_FILE))
                left = self.folder / out
                self.assertFalse(left.is_file() or (left / "scores.json").exists())

    def test_standard_input_that_cannot_be_read(self):
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            done = self.run_in_folder("predict", "plain.yaml", "--input", "-", stdin=folder)
        finally:
            os.close(folder)
        self.assertIn("standard input", self.one_message(done, BAD_FILE))

    def test_the_input_as_output_of_predict(self):
        before = (self.folder / "lines.txt").read_text()
        done = self.run_in_folder("predict", "plain.yaml", "--input", "lines.txt", "--output",
                                  "./lines.txt")
        self.assertIn("is the input", self.one_message(done, USAGE))
        self.assertEqual((self.folder / "lines.txt").read_text(), before)

    def test_a_folder_as_output_of_predict(self):
        done = self.run_in_folder("predict", "plain.yaml", "--input", "lines.txt", "--output", ".")
        self.assertIn("is a folder", self.one_message(done, BAD_FILE))

    def test_names_that_are_too_long(self):
        for command in ("validate", "inspect", "report", "eval"):
            code = USAGE if command in ("validate", "eval") else BAD_FILE
            self.assertIn("xxx", self.one_message(self.run_in_folder(command, "x" * 300), code))

    def test_outputs_that_cannot_be_written(self):
        for command, (_, arguments) in OUTPUTS.items():
            if arguments is None:
                continue
            for place in ("lines.txt/below", "/dev/full/below", "/proc/none"):
                with self.subTest(command=command, place=place):
                    words = [word.replace("OUT", place) for word in arguments]
                    done = self.run_in_folder(command, *words)
                    self.assertIn(place.removesuffix("/below"), self.one_message(done, BAD_FILE))


if __name__ == "__main__":
    program.main()
