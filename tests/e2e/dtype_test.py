#!/usr/bin/env python3
"""Types of numbers: what auto chooses, what a run keeps, what is refused.  dtype_test.py INCIPIT MPIRUN"""
import json
import math

import program

PLAIN = {"INCIPIT_CPU": "avx2", "CUDA_VISIBLE_DEVICES": ""}  # no bfloat16 units, no GPU


class Dtypes(program.ProgramTest):
    def setUp(self):
        self.auto = self.variant("auto.yaml", ", dtype: float32", "")

    def stored(self, run):
        text = (self.folder / run / "config.yaml").read_text()
        return next(line.split(":")[1].strip() for line in text.splitlines()
                    if line.strip().startswith("dtype:"))

    def train(self, run, *arguments, **options):
        return self.incipit("train", self.auto, "--set", f"run.output_dir={self.folder / run}",
                            *arguments, **options)

    def losses(self, run):
        lines = map(json.loads, (self.folder / run / "metrics.jsonl").read_text().splitlines())
        return [line["loss"] for line in lines if "split" not in line]

    def test_auto_is_float32_without_units_and_says_why(self):
        self.train("plain", **PLAIN)
        self.assertEqual(self.stored("plain"), "float32")
        said = self.incipit("doctor", **PLAIN).stdout + self.incipit("validate", self.auto,
                                                                       **PLAIN).stdout
        self.assertEqual(said.count("float32 (auto: this processor has no bfloat16 units"), 2, said)
        self.assertEqual(said.count("cpu (auto: no GPU is visible)"), 2, said)

    def test_a_run_that_resumes_keeps_its_type(self):
        self.train("kept", "--set", "model.dtype=bfloat16")
        self.train("kept", "--set", "train.steps=8", **PLAIN)  # auto, now on another machine
        self.assertEqual(self.stored("kept"), "bfloat16")
        self.assertEqual(len(self.losses("kept")), 8)
        self.train("kept", "--set", "train.steps=10", ranks=2, **PLAIN)
        self.assertEqual(self.stored("kept"), "bfloat16")

    def test_bfloat16_learns_as_float32_does_on_every_instruction_set(self):
        self.train("exact", "--set", "model.dtype=float32")
        for limit in ("baseline", "avx2", "avx512", "auto"):
            run = f"half-{limit}"
            self.train(run, "--set", "model.dtype=bfloat16", INCIPIT_CPU=limit)
            for exact, half in zip(self.losses("exact"), self.losses(run), strict=True):
                self.assertTrue(math.isclose(exact, half, rel_tol=2e-2), (limit, exact, half))

    def test_float16_scores_and_does_not_train(self):
        message = self.refused(2, "train", self.auto, "--set", "model.dtype=float16")
        self.assertIn("model.dtype: float16 is for scoring and generating", message)
        scores = {}
        for dtype in ("float32", "float16"):
            run = self.folder / f"scored-{dtype}"
            self.incipit("eval", self.auto, "--set", "method.kind=none", "--set",
                         f"model.dtype={dtype}", "--set", f"run.output_dir={run}")
            lines = (run / "predictions" / "test.jsonl").read_text().splitlines()
            scores[dtype] = [json.loads(line)["scores"]["blue"] for line in lines]
        for exact, half in zip(scores["float32"], scores["float16"], strict=True):
            self.assertTrue(math.isclose(exact, half, rel_tol=5e-3), (exact, half))

    def test_a_report_marks_runs_of_mixed_types(self):
        for dtype in ("float32", "bfloat16"):
            self.train(f"mixed-{dtype}", "--set", f"model.dtype={dtype}", "--set", f"run.name={dtype}")
        said = self.incipit("report", "mixed-float32", "mixed-bfloat16", "--output", "mixed.html")
        sentence = "The runs computed in different types (bfloat16: bfloat16; float32: float32)."
        self.assertIn(sentence, said.stdout)
        self.assertIn(sentence, (self.folder / "mixed.html").read_text())

    def test_an_unknown_instruction_set_is_refused(self):
        message = self.refused(2, "train", self.auto, INCIPIT_CPU="sse9")
        self.assertIn("INCIPIT_CPU: 'sse9'", message)
        self.assertIn("avx2", message)


if __name__ == "__main__":
    program.main()
