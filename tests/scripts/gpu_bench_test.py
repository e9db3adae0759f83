#!/usr/bin/env python3
"""bench/gpu without a GPU: the bundle is complete, and its script runs in it.  gpu_bench_test.py BUILD"""
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODEL = REPOSITORY / "models" / "smollm2-135m-instruct"
BUILD = sys.argv.pop(1)
# Of the C library, which the bundle must not have.
OF_THE_SYSTEM = re.compile(r"/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|util|resolv)\.so\.\d)$")


def run(command, folder, **environment):
    return subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, **environment})


class Bundle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        archive = Path(temporary.name) / "bundle.tar.gz"
        made = subprocess.run([sys.executable, str(REPOSITORY / "bench/gpu/make_bundle.py"), "--build",
                               BUILD, "--out", str(archive), "--compression", "1"],
                              capture_output=True, text=True)
        if made.returncode != 0:
            raise AssertionError(made.stdout + made.stderr)
        with tarfile.open(archive) as packed:
            packed.extractall(temporary.name)  # our own archive
        cls.folder = Path(temporary.name) / "gpu_bundle"

    def test_programs_use_only_the_bundle_and_the_packages_of_python(self):
        programs = [*(self.folder / "bin").iterdir(), *(self.folder / "tests").iterdir()]
        self.assertGreaterEqual(len(programs), 5)
        for program in programs:
            listed = run(["sh", "bench/gpu/launch.sh", "ldd", program], self.folder)
            if "statically linked" in listed.stdout:
                continue
            self.assertEqual(listed.returncode, 0, listed.stderr)
            self.assertNotIn("not found", listed.stdout)
            for path in re.findall(r"=> (\S+)", listed.stdout):
                inside = Path(path).is_relative_to(self.folder / "lib") or "/site-packages/" in path
                self.assertTrue(inside or OF_THE_SYSTEM.search(path), f"{program.name}: {path}")

    def test_the_launcher_names_a_python_without_torch(self):
        bare = self.folder / "bare-python"
        bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
        bare.chmod(0o755)
        said = run(["sh", "bench/gpu/launch.sh", "true"], self.folder, PYTHON=str(bare))
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("has no torch; set PYTHON", said.stderr)

    def test_the_script_tests_measures_and_compares(self):
        out = self.folder / "results"
        done = run([sys.executable, "bench/gpu/gpu_bench.py", "--device", "cpu", "--threads", "2",
                    "--out", out], self.folder, OMP_NUM_THREADS="2", HOME=str(self.folder))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (path,) = out.glob("*.json")
        document = json.loads(path.read_text())
        self.assertEqual([(each["work"], each["agrees"]) for each in document["results"]],
                         [("train", True), ("evaluate", True)])
        for result in document["results"]:
            self.assertGreater(min(result["milliseconds"].values()), 0)
            self.assertGreater(result["tflops"]["matmuls"], 0)
        first = document["first_step"]
        self.assertGreater(first["seconds"], 0)
        self.assertEqual(first["phases"][0]["name"], "step")
        self.assertEqual({each["program"] for each in document["tests"]},
                         {path.name for path in (self.folder / "tests").iterdir()})
        self.assertGreater(min(each["tests"] for each in document["tests"]), 0)
        self.assertFalse([each for each in document["tests"] if each["failed"]])
        table = path.with_suffix(".md").read_text()
        self.assertIn("tiny float32, train, batch 2, P = 20", table)
        self.assertIn(document["machine"]["device"], table)


if __name__ == "__main__":
    if not MODEL.exists():
        print(f"skipped: {MODEL} does not exist (scripts/setup.sh makes it)")
        sys.exit(77)
    os.environ.pop("LD_LIBRARY_PATH", None)
    unittest.main()
