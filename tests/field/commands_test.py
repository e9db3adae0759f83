#!/usr/bin/env python3
"""Launchers that do not fit, and two processes on one run.

commands_test.py INCIPIT MPIRUN
"""
import json
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

    def test_a_launcher_that_mpi_does_not_know_is_refused(self):
        for variables in ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"},
                          {"PMI_SIZE": "2", "PMI_RANK": "0"},
                          {"MV2_COMM_WORLD_SIZE": "2", "MV2_COMM_WORLD_RANK": "1"},
                          {"FLUX_JOB_SIZE": "2"}, {"JSM_NAMESPACE_SIZE": "2"},
                          {"WORLD_SIZE": "2", "RANK": "0", "TORCHELASTIC_RUN_ID": "none"}):
            done = self.incipit("train", self.config, "--set",
                                f"run.output_dir={self.folder}/alone", code=2, **variables)
            self.assertIn("2 processes were started, but MPI sees 1 rank", done.stderr)
            self.assertFalse((self.folder / "alone").exists())
        for variables in ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"},
                          {"PMIX_RANK": "1", "SLURM_STEP_NUM_TASKS": "3"}):
            self.incipit("train", self.config, "--set", f"run.output_dir={self.folder}/alone",
                         code=2, **variables)
        # An allocation without a step is one process.
        self.incipit("eval", self.plain(), "--set", f"run.output_dir={self.folder}/batch",
                     SLURM_NTASKS="8", SLURM_PROCID="0")

    def test_variables_that_no_launcher_of_this_process_set(self):
        for number, variables in enumerate(({"WORLD_SIZE": "2"}, {"PMI_SIZE": "x"},
                                            {"PMI_SIZE": ""}, {"FLUX_JOB_SIZE": "1"})):
            self.incipit("eval", self.plain(), "--set",
                         f"run.output_dir={self.folder}/set{number}", **variables)

    def test_text_that_is_not_utf8_in_a_configuration(self):
        config = self.folder / "latin.yaml"
        config.write_bytes(self.plain().read_bytes() + b"# caf\xe9\n")
        self.assertIn("is not UTF-8", self.refused(2, "validate", config))

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
            for more in ([], ["--fresh"]):
                done = self.incipit("train", self.config, *sets, *more, code=2)
                self.assertIn(f"process {first.pid} writes to this run directory", done.stderr)
            # The answer to another question goes to a folder that nobody else writes to.
            self.incipit("eval", self.plain(), "--set", f"run.output_dir={run}")
            self.assertEqual(len(list((run / "evaluations").iterdir())), 1)
        finally:
            first.kill()
            first.wait()

    def test_lists_of_threads(self):
        for threads, shown in (("1", "1 thread: set by"), ("2,1", "2 threads: set by"),
                               ("1,4,2", "1 thread: set by")):
            self.assertIn(shown, self.incipit("doctor", OMP_NUM_THREADS=threads).stdout)
        for nothing in ("", "many", "0", "1.5"):
            self.assertNotIn("set by", self.incipit("doctor", OMP_NUM_THREADS=nothing).stdout)

    def test_numbers_as_people_write_them(self):
        for rate, code in (("1e-3", 0), ("1E-3", 0), ("1.0e-3", 0), ("5e-5", 0), ("1e3", 0),
                           ("1,0", 2), ("0x1p-3", 2), ("1_000", 2), (".inf", 2), (".nan", 2),
                           ("1e400", 2)):
            self.incipit("validate", self.config, "--set", f"train.optimizer.lr={rate}", code=code)

    def test_control_characters_of_the_data_are_not_echoed(self):
        data = self.write("escape.jsonl", json.dumps(
            {"text": "the \x1b[31msky\x07 \x9b2J", "label": "blue\x1b]0;x\x07"}) + "\n")
        for command in (["show", self.plain(), "--split", "test"], ["validate", self.plain()],
                        ["eval", self.plain()]):
            done = self.incipit(*command, "--set", f"task.test={data}", code=3)
            for text in (done.stdout, done.stderr):
                self.assertNotRegex(text, "[\x07\x1b\x9b]")

    # --- what new users try ---------------------------------------------------------------------

    def test_help_of_a_command(self):
        self.assertEqual(self.incipit("help", "train").stdout,
                         self.incipit("train", "--help").stdout)
        self.assertEqual(self.incipit("help").stdout, self.incipit("--help").stdout)
        self.assertIn("did you mean 'train'", self.refused(2, "help", "trian"))

    def test_epochs_in_the_place_of_steps(self):
        # 40 examples, of which a quarter is the validation split: 30, in batches of 8.
        run = self.folder / "epochs"
        sets = ["--set", f"run.output_dir={run}", "--set", "train.epochs=2"]
        self.assertIn("8 steps x 8 examples", self.incipit("validate", self.config, *sets).stdout)
        self.incipit("train", self.config, *sets)
        self.assertEqual((run / "metrics.jsonl").read_text().count('"loss"'), 8)
        # More of them continue the run.
        done = self.incipit("train", self.config, *sets, "--set", "train.epochs=3")
        self.assertIn("resuming from", done.stderr)
        self.assertIn("12 steps", done.stdout)
        message = self.refused(2, "train", self.config, *sets, "--set",
                               "train.schedule.warmup_steps=9", "--fresh")
        self.assertIn("warmup_steps", message)

    def test_a_learned_prompt_has_a_model_card(self):
        run = self.folder / "carded"
        self.incipit("train", self.config, "--set", f"run.output_dir={run}")
        card = (run / "adapter" / "best" / "README.md").read_text()
        for text in ("library_name: peft", "{text} is", '"green": " grn"', "| test | 12 | accuracy",
                     "incipit predict"):
            self.assertIn(text, card)

    def test_results_as_json(self):
        run = self.folder / "json"
        output = ["--set", f"run.output_dir={run}"]
        templates = self.write("one.yaml", '- {name: one, template: "{text}:"}\n')

        def read(*words):
            return json.loads(self.incipit(*words, "--json").stdout)
        trained = read("train", self.config, *output)
        self.assertEqual((trained["run"], trained["steps"]), (str(run), 6))
        self.assertIn("verdict", trained["diagnosis"])
        scores = json.loads((run / "scores.json").read_text())
        self.assertEqual(read("eval", run)["scores"]["test"], scores["test"])
        compared = read("compare", self.plain(), "--templates", templates, "--output",
                        self.folder / "json2")
        self.assertEqual([t["name"] for t in compared["templates"]], ["one"])
        self.assertIn("accuracy", compared["test"])
        self.assertIn("prompt_tuning", read("ls")["methods"])
        found = read("doctor", "--model", self.folder / "model")
        self.assertTrue(found["model"]["ok"])
        shown = read("show", self.config)
        tokens = [token for segment in shown["segments"] for token in segment["tokens"]]
        self.assertIn({"id": None, "text": "[prompt]"}, tokens)

    def test_resume_needs_something_to_resume(self):
        run = self.folder / "again"
        words = ["train", self.config, "--set", f"run.output_dir={run}", "--seed", "11"]
        self.assertIn("no unfinished run", self.refused(2, *words, "--resume"))
        self.assertFalse(run.exists())
        self.incipit(*words)
        self.assertIn("seed: 11", (run / "config.yaml").read_text())
        self.incipit(*words, "--resume", "--set", "train.steps=8")
        self.refused(2, *words, "--resume", "--fresh")

    def test_a_runs_directory_is_a_configuration(self):
        run = self.folder / "whole"
        self.incipit("train", self.config, "--set", f"run.output_dir={run}")
        for command in (["validate", run], ["show", run], ["plan", run], ["eval", run],
                        ["predict", run, "--input", self.write("one.txt", "the sky\n")],
                        ["train", run, "--set", "train.steps=8"],
                        ["compare", run, "--set", "method.kind=none", "--templates",
                         self.write("t.yaml", '- {name: one, template: "{text}:"}\n')]):
            self.incipit(*command)

    def test_superglue_that_is_not_there(self):
        message = self.refused(3, "eval", self.plain(), "--set", "task.name=rte", "--set",
                               "task.data_dir=nowhere/RTE", "--set", "task.train=train.jsonl")
        self.assertIn("nowhere/RTE: no such folder", message)
        self.assertIn("super.gluebenchmark.com", message)

    def test_addresses_of_the_metrics_endpoint_are_checked_by_validate(self):
        for listen in ("nohost:port", "127.0.0.1:99999", "::1:9400", "9400x", "[::1]"):
            done = self.incipit("validate", self.config, "--set", f"metrics.listen='{listen}'",
                                code=2)
            self.assertIn("expected HOST:PORT", done.stderr)
        for listen in ("9400", ":9400", "[::1]:9400", "localhost:9400", "0.0.0.0:9400"):
            self.incipit("validate", self.config, "--set", f"metrics.listen='{listen}'")


if __name__ == "__main__":
    program.main()
