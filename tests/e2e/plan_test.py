#!/usr/bin/env python3
"""Predictions of incipit plan against the memory of ranks.  plan_test.py INCIPIT MPIRUN"""
import json
import re
import subprocess
import sys
from pathlib import Path

import program

ROOT = Path(__file__).resolve().parents[2]


class Plan(program.ProgramTest):
    def plan(self, *arguments):
        return json.loads(self.incipit("plan", self.config, "--json", *arguments).stdout)

    def test_weights_are_those_that_ranks_hold(self):
        for mesh in ({"tensor": 2}, {"tensor": 3}, {"pipeline": 2}):
            (key, ranks), = mesh.items()
            setting = ("--set", f"parallel.{key}={ranks}")
            run = f"{key}{ranks}"
            self.incipit("train", self.config, *setting, "--set", f"run.output_dir={run}", "--set",
                         "train.steps=1", ranks=ranks)
            report = json.loads((self.folder / run / "memory.json").read_text())["ranks"]
            held = max(rank["weight_bytes"] for rank in report)
            planned, = self.plan(*setting)["meshes"]
            self.assertEqual(planned["mesh"][key], ranks)
            self.assertAlmostEqual(planned["bytes"]["weights"] / held, 1, delta=0.02, msg=run)

    def test_takes_rates_from_a_run_and_gives_its_time_back(self):
        for name, ranks, parallel in (("alone", 0, "data=auto"), ("split", 2, "tensor=2"),
                                      ("shared", 2, "fsdp=2")):
            settings = ("--set", f"parallel.{parallel}", "--set", "train.eval_every=0")
            self.incipit("train", self.config, *settings, "--set", f"run.output_dir={name}",
                         "--set", "train.steps=20", ranks=ranks, OMP_NUM_THREADS="1")
            lines = (self.folder / name / "metrics.jsonl").read_text().splitlines()
            steps = [step for step in map(json.loads, lines) if "loss" in step][2:]
            mean = sum(step["seconds"] - step["data_wait_seconds"] for step in steps) / len(steps)
            answer = self.plan(*settings, "--rates-of", name)
            planned, = answer["meshes"]
            self.assertAlmostEqual(planned["step_seconds"] / mean, 1, delta=0.01, msg=name)
            # Examples share a few rows; they are "the grass of day 712 is" and an answer.
            self.assertTrue(15 <= answer["example_rows"] <= 30, answer["example_rows"])
            self.assertLess(answer["rates"]["flops"], 1e12)
        message = self.refused(3, "plan", self.config, "--rates-of", "nowhere")
        self.assertIn("nowhere/metrics.jsonl", message)

    def test_a_model_without_room_is_refused_before_its_weights_are_read(self):
        # 1.5 TiB in float32; there are no weights in this folder.
        shape = ROOT / "docs/shapes/llama3-405b"
        message = self.refused(2, "eval", self.config, "--set", f"model.path={shape}",
                               "--set", "method.kind=none", "--set", "parallel.tensor=2", ranks=2)
        self.assertRegex(message, r"parallel: data 1 x tensor 2: the weights of a rank take 7\d\d\.\d "
                                  r"GiB, but each has \d+\.\d .iB; the nearest mesh "
                                  r"that fits is .*, of \d+ ranks with as much memory each; "
                                  r"model.dtype: bfloat16 halves the weights")

    def test_needs_a_shape_and_no_weights(self):
        alone = self.folder / "shape"
        alone.mkdir()
        (alone / "config.json").write_bytes((self.folder / "model/config.json").read_bytes())
        for path in (alone, alone / "config.json"):
            answer = self.plan("--model", path, "--ranks", "4")
            self.assertEqual({mesh["ranks"] for mesh in answer["meshes"]}, {4})
            self.assertTrue(answer["cheapest"]["fits"])

    def test_a_machine_without_a_gpu_plans_for_itself(self):
        text = self.incipit("plan", self.config, CUDA_VISIBLE_DEVICES="").stdout
        if "no GPU is visible" in text:  # there may be a driver
            self.assertIn("this machine, as measured", text)
            self.assertLess(self.plan()["rates"]["flops"], 2e13)
        for option in ("--gpu-memory", "--tflops"):
            self.assertNotIn("this machine", self.incipit("plan", self.config, option, "9").stdout)

    def test_plans_the_step_of_a_model_that_learns_nothing(self):
        answer = self.plan("--set", "method.kind=none", "--ranks", "2")
        self.assertTrue(answer["cheapest"]["fits"])

    def test_says_that_it_does_not_count_a_teacher(self):
        self.assertEqual(self.plan()["not_counted"], "")
        distils = ("plan", ROOT / "configs/recipes/alignment_distilled.yaml", "--model",
                   ROOT / "docs/shapes/llama3-1b")
        self.assertIn("the teacher of train.loss: distillation",
                      json.loads(self.incipit(*distils, "--json").stdout)["not_counted"])
        self.assertRegex(self.incipit(*distils).stdout, "not counted +the teacher")

    def test_says_when_nothing_fits_and_what_comes_nearest(self):
        text = self.incipit("plan", self.config, "--ranks", "2,4", "--gpu-memory", "0.00001").stdout
        self.assertIn("no mesh fits; the smallest, ", text)
        self.assertIsNone(self.plan("--ranks", "2", "--gpu-memory", "0.00001")["cheapest"])

    def test_refuses_a_mesh_that_cannot_be(self):
        message = self.refused(2, "plan", self.config, "--set", "parallel.tensor=5")
        self.assertIn("the model has 4 attention heads to split", message)
        self.refused(2, "plan", self.config, "--ranks", "0")
        self.refused(3, "plan", self.config, "--model", "nowhere")

    def test_the_tables_of_the_page_are_fresh(self):
        script = ROOT / "scripts/planning_page.py"
        tables = subprocess.run([sys.executable, script, program.INCIPIT, "--print", "8"], check=True,
                                capture_output=True, text=True, encoding="utf8").stdout
        page = (ROOT / "docs/planning.md").read_text(encoding="utf8")
        others = re.compile(r"^\| (64|512) \|.*\n", re.MULTILINE)  # take over a minute
        self.assertEqual(others.sub("", page[page.index("\n### "):]), tables,
                         "write them anew: scripts/planning_page.py PROGRAM")


if __name__ == "__main__":
    program.main()
