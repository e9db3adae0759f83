#!/usr/bin/env python3
"""Installs Incipit, and builds and runs examples/ with the installed files only.

    install_test.py CMAKE BUILD_DIR

Everything must be built. A copy of examples/ is compiled with a folder first on the include path that
has a broken file for every header of Incipit: a header that includes another as "core/error.h" would
find that file.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import tiny  # noqa: E402

CMAKE, BUILD = "", Path()
SOURCE = "the pond of day 3 is"
CONTINUATIONS = [" blue", " grn"]


def run(*command, code=0, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=500, **options)
    if done.returncode != code:
        raise AssertionError(f"{command}: exit code {done.returncode}, expected {code}\n"
                             f"{done.stdout}\n{done.stderr}")
    return done


def write_starcoder2(folder):
    """A random StarCoder2 with the tokenizer of tiny.py."""
    import torch
    from transformers import Starcoder2Config, Starcoder2ForCausalLM
    torch.manual_seed(1)
    model = Starcoder2ForCausalLM(Starcoder2Config(
        vocab_size=tiny.VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=tiny.POSITIONS,
        bos_token_id=256, eos_token_id=257, initializer_range=0.2)).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # norms and biases, too
    model.save_pretrained(folder)
    tiny.write_tokenizer(folder)
    return model


def log_likelihood(model, text, continuation):
    import torch
    start, ids = len(text.encode()), list((text + continuation).encode())  # a token is a byte
    with torch.no_grad():
        rows = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(rows[i - 1, ids[i]].item() for i in range(start, len(ids)))


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.scratch.name)
        cls.prefix = cls.folder / "prefix"
        run(CMAKE, "--install", BUILD, "--prefix", cls.prefix)
        tiny.write_everything(cls.folder)
        cls.build_examples()

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def build_examples(cls):
        source, cls.examples = cls.folder / "examples", cls.folder / "built"
        shutil.copytree(ROOT / "examples", source)
        include = cls.prefix / "include" / "incipit"
        for header in include.rglob("*.h"):
            broken = cls.folder / "broken" / header.relative_to(include)
            broken.parent.mkdir(parents=True, exist_ok=True)
            broken.write_text("#error a header of Incipit includes a file of the user\n")
        run(CMAKE, "-S", source, "-B", cls.examples, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
            "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", f"-DCMAKE_PREFIX_PATH={cls.prefix}",
            f"-DCMAKE_CXX_FLAGS=-I{cls.folder}/broken -g0", env=cls.outside())
        run(CMAKE, "--build", cls.examples, env=cls.outside())

    @staticmethod
    def outside():
        return {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}

    def test_the_installed_program_runs(self):
        for folder in ("bin", "share/incipit/configs/tasks", "share/doc/incipit"):
            self.assertTrue(any((self.prefix / folder).iterdir()), folder)
        program = self.prefix / "bin" / "incipit"
        self.assertRegex(run(program, "--version").stdout, r"^incipit \d+\.\d+")
        self.assertIn("prompt_tuning", run(program, "ls").stdout)  # built-in configurations
        run_path = run("readelf", "-d", f"{program}-engine").stdout
        self.assertNotIn(str(BUILD.resolve()), run_path)

    def test_no_flag_of_the_build_reaches_users(self):
        commands = json.loads((self.examples / "compile_commands.json").read_text())
        self.assertGreater(len(commands), 5)
        for command in commands:
            self.assertNotRegex(command["command"], r" -(Wall|Wextra|Werror|O[123]|march)|cmake_pch")
            self.assertNotIn(str(ROOT / "core"), command["command"])

    def test_continuations_are_scored_as_the_program_scores_them(self):
        done = run(self.examples / "score", self.folder / "model", SOURCE, *CONTINUATIONS)
        scores = [float(line.split("\t")[0]) for line in done.stdout.splitlines()]
        record = {"idx": 0, "text": SOURCE.removesuffix(" is"), "label": "blue"}
        (self.folder / "one.jsonl").write_text(json.dumps(record) + "\n")
        run(self.prefix / "bin" / "incipit", "eval", self.folder / "run.yaml", "--set",
            "method.kind=none", "--set", f"task.test={self.folder}/one.jsonl", "--set",
            f"run.output_dir={self.folder}/scored")
        found = json.loads((self.folder / "scored/predictions/test.jsonl").read_text())
        self.assertAlmostEqual(scores[0], found["scores"]["blue"], delta=1e-4)
        self.assertAlmostEqual(scores[1], found["scores"]["green"], delta=1e-4)
        usage = run(self.examples / "score", self.folder / "nowhere", SOURCE, " x", code=3)
        self.assertIn("nowhere", usage.stderr)

    def test_ten_steps_are_trained(self):
        adapter = self.folder / "adapter"
        done = run(self.examples / "train_prompt", self.folder / "model", adapter)
        losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", done.stdout)]
        self.assertEqual(len(losses), 10)
        self.assertLess(losses[-1], 0.9 * losses[0])
        config = json.loads((adapter / "adapter_config.json").read_text())
        self.assertEqual((config["peft_type"], config["num_virtual_tokens"]), ("PROMPT_TUNING", 8))
        run(self.prefix / "bin" / "incipit", "inspect", adapter)

    def test_a_method_and_a_family_from_outside_conform(self):
        done = run(self.examples / "own_conformance",
                   "--gtest_filter=*starcoder2*decomposed*:*llama_0_decomposed*:"
                   "MixedBatches*starcoder2*:*starcoder2*prompt_tuning*")
        for name in ("starcoder2_[0-9]+_decomposed_prompt", "llama_0_decomposed_prompt"):
            self.assertRegex(done.stdout, "OK .*EveryMesh.*" + name)
        self.assertNotIn("FAILED", done.stdout)

    def test_the_program_with_both_trains_and_scores_like_transformers(self):
        model = write_starcoder2(self.folder / "starcoder2")
        program = self.examples / "own-incipit"
        self.assertIn("decomposed_prompt", run(program, "ls").stdout)
        text = (self.folder / "run.yaml").read_text().replace("/model\"", "/starcoder2\"")
        config = self.folder / "own.yaml"
        config.write_text(text)
        run(program, "eval", config, "--set", "method.kind=none", "--set",
            f"run.output_dir={self.folder}/own_scored")
        lines = (self.folder / "own_scored/predictions/test.jsonl").read_text().splitlines()
        records = (self.folder / "test.jsonl").read_text().splitlines()
        for line, record in zip(lines, map(json.loads, records)):
            expected = log_likelihood(model, record["text"] + " is", " blue")
            self.assertAlmostEqual(json.loads(line)["scores"]["blue"], expected, delta=1e-3)
        config.write_text(text.replace("init: {kind: sampled_vocab}", "rank: 2").replace(
            "kind: prompt_tuning", "kind: decomposed_prompt"))
        run(program, "train", config)
        adapter = json.loads((self.folder / "run/adapter/last/adapter_config.json").read_text())
        self.assertEqual(adapter["peft_type"], "PROMPT_TUNING")
        refused = run(program, "train", config, "--set", "method.rank=0", code=2)
        self.assertIn("method.rank", refused.stderr)
        refused = run(self.prefix / "bin" / "incipit", "validate", config, code=2)
        self.assertIn("decomposed_prompt", refused.stderr)

    def test_a_missing_library_is_named(self):
        done = run(CMAKE, "-S", self.folder / "examples", "-B", self.folder / "unbuilt",
                   f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DINCIPIT_VENV=/nowhere",
                   env=self.outside(), code=1)
        self.assertRegex(done.stderr, r"torch wheel[^.]*INCIPIT_VENV=/nowhere")


if __name__ == "__main__":
    CMAKE, BUILD = sys.argv[1], Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1], verbosity=2)
