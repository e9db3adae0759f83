#!/usr/bin/env python3
"""Lost output, launchers that do not fit, and two processes on one run.

commands_test.py INCIPIT MPIRUN
"""
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import program  # noqa: E402


class Commands(program.ProgramTest):
    def plain(self):
        text = self.config.read_text()
        begin, end = text.index("method:"), text.index("task:")
        return self.write("plain.yaml", text[:begin] + "method: {kind: none}\n" + text[end:])

    def test_lost_output_is_an_error_in_every_command(self):
        config, model = self.plain(), self.folder / "model"
        lines = self.write("lines.txt", "the sky\n")
        commands = [["tokenize", model, lines], ["plan", config, "--ranks", "2", "--json"],
                    ["show", config], ["inspect", model, "--tensors"], ["validate", config],
                    ["validate", "--schema"], ["doctor"], ["doctor", "--model", model], ["ls"],
                    ["generate", model, "--prompt", "hi", "--max-tokens", "2"],
                    ["predict", config, "--input", lines], ["--help"], ["--version"],
                    ["eval", config, "--set", f"run.output_dir={self.folder}/full"],
                    ["init", "--recipe", "rte", "--output", self.folder / "recipe"]]
        for command in commands:
            with self.subTest(command=str(command[0])), open("/dev/full", "w") as full:
                done = subprocess.run([program.INCIPIT, *map(str, command)], stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=100,
                                      cwd=self.folder)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertIn("standard output: cannot be written", done.stderr)

    def test_a_launcher_that_mpi_does_not_know_is_refused(self):
        for variables in ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"},
                          {"PMI_SIZE": "2", "PMI_RANK": "0"}):
            done = self.incipit("train", self.config, "--set",
                                f"run.output_dir={self.folder}/alone", code=2, **variables)
            self.assertIn("2 processes were started, but MPI sees 1 rank", done.stderr)
            self.assertFalse((self.folder / "alone").exists())
        # An allocation without a step is one process.
        self.incipit("eval", self.plain(), "--set", f"run.output_dir={self.folder}/batch",
                     SLURM_NTASKS="8", SLURM_PROCID="0")

    def test_a_run_for_a_number_of_ranks_fails_on_another(self):
        done = self.incipit("train", self.config, "--set", "parallel.world=2", code=2)
        self.assertIn("parallel.world: expected 2 ranks, but the world has 1", done.stderr)

    def test_two_processes_do_not_write_to_one_run(self):
        run = self.folder / "locked"
        sets = ["--set", f"run.output_dir={run}", "--set", "train.steps=100000", "--set",
                "train.eval_every=0"]
        first = subprocess.Popen([program.INCIPIT, "train", self.config, *sets],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            for command in (["train", self.config, *sets], ["train", self.config, *sets, "--fresh"],
                            ["eval", self.plain(), "--set", f"run.output_dir={run}"]):
                done = self.incipit(*command, code=2)
                self.assertIn(f"process {first.pid} writes to this run directory", done.stderr)
        finally:
            first.kill()
            first.wait()
        self.incipit("eval", self.plain(), "--set", f"run.output_dir={run}")

    def test_addresses_of_the_metrics_endpoint_are_checked_by_validate(self):
        for listen in ("nohost:port", "127.0.0.1:99999", "::1:9400", "9400x", "[::1]"):
            done = self.incipit("validate", self.config, "--set", f"metrics.listen='{listen}'",
                                code=2)
            self.assertIn("expected HOST:PORT", done.stderr)
        for listen in ("9400", ":9400", "[::1]:9400", "localhost:9400", "0.0.0.0:9400"):
            self.incipit("validate", self.config, "--set", f"metrics.listen='{listen}'")


if __name__ == "__main__":
    program.main()
