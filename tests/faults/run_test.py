#!/usr/bin/env python3
"""Faults around a run: its directory, its inputs, its metrics port, its checkpoints.

    run_test.py INCIPIT MPIRUN
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program

ENDLESS = ("--set", "train.steps=1000000", "--set", "train.eval_every=0")


class ARun(program.ProgramTest):
    def start(self, *settings, ranks=0):
        """Starts an endless training; returns the process once it has written some steps."""
        run = self.folder / self.id().rsplit(".", 1)[1]
        command = [program.INCIPIT, "train", str(self.config), *ENDLESS,
                   "--set", f"run.output_dir={run}"]
        for setting in settings:
            command += ["--set", setting]
        if ranks:
            command = [program.MPIRUN, "-n", str(ranks), *command]
        log = (self.folder / (run.name + ".log")).open("w+")
        job = subprocess.Popen(command, stderr=log, stdout=log, cwd=self.folder,
                               env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.addCleanup(self.end, job, log)
        self.log = Path(log.name)
        self.wait(lambda: (run / "metrics.jsonl").exists()
                  and (run / "metrics.jsonl").read_text().count("\n") > 2, job)
        return job, run

    def wait(self, condition, job):
        deadline = time.monotonic() + 60
        while not condition():
            self.assertIsNone(job.poll(), self.log.read_text(errors="replace"))
            self.assertLess(time.monotonic(), deadline, self.log.read_text(errors="replace"))
            time.sleep(0.02)

    @staticmethod
    def end(job, log):
        if job.poll() is None:
            job.kill()
            job.wait()
        log.close()

    def test_a_run_directory_that_is_removed_is_not_made_again(self):
        job, run = self.start("train.checkpoint_every=20")
        shutil.rmtree(run, ignore_errors=True)
        shutil.rmtree(run, ignore_errors=True)  # what was written meanwhile
        self.assertEqual(job.wait(timeout=30), 3, self.log.read_text(errors="replace"))
        self.assertIn("the folder was removed, moved or replaced while it was in use",
                      self.log.read_text(errors="replace"))
        self.assertFalse(run.exists())

    def test_a_bare_port_is_open_to_this_machine_only(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        job, _ = self.start(f'metrics.listen="{port}"')
        mine = {os.readlink(each) for each in Path(f"/proc/{job.pid}/fd").iterdir()
                if each.is_symlink()}
        sockets = [line.split() for name in ("tcp", "tcp6")
                   for line in Path(f"/proc/{job.pid}/net/{name}").read_text().splitlines()[1:]]
        listening = [entry[1] for entry in sockets
                     if entry[3] == "0A" and f"socket:[{entry[9]}]" in mine]
        self.assertEqual(listening, [f"0100007F:{port:04X}"])

    def test_half_open_connections_do_not_block_a_scrape(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        job, _ = self.start(f"metrics.listen=127.0.0.1:{port}", "metrics.peak_flops=1e9")
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        try:
            start = time.monotonic()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                page = answer.read().decode()
            self.assertIn("incipit_steps_total", page)
            self.assertLess(time.monotonic() - start, 10)
        finally:
            for each in silent:
                each.close()
        self.assertIsNone(job.poll())

    def test_a_changed_manifest_falls_back_to_the_older_checkpoint(self):
        run = self.folder / "manifest"
        settings = ("--set", f"run.output_dir={run}", "--set", "train.checkpoint_every=2",
                    "--set", "train.keep_checkpoints=3")
        self.incipit("train", self.config, *settings)
        manifest = run / "manifest.json"
        manifest.write_text(re.sub(r'"finished": "[^"]*"', '"finished": null', manifest.read_text()))
        newest = run / "checkpoints" / "step-6" / "manifest.json"
        text = newest.read_text()
        weights = json.loads(text)["identity"]["model weights"]
        newest.write_text(text.replace(weights, weights[:-1] + ("0" if weights[-1] != "0" else "1")))
        done = self.incipit("train", self.config, *settings)
        self.assertIn("its SHA-256 is not the one that it states", done.stderr)
        self.assertRegex(done.stderr, r"resuming from .*step-4")

    def test_a_read_only_run_directory_is_named(self):
        folder = self.folder / "read_only"
        folder.write_text("a file where the folder should be")
        message = self.refused(3, "train", self.config, "--set", f"run.output_dir={folder}/run")
        self.assertIn("the run directory cannot be created", message)


class Inputs(program.ProgramTest):
    def test_pipes_and_devices_are_refused_at_once(self):
        pipe = self.folder / "pipe"
        npy = self.folder / "pipe.npy"
        os.mkfifo(pipe)
        os.mkfifo(npy)
        for arguments, code in ((["train", pipe], 2), (["inspect", npy], 3),
                                (["validate", self.config, "--set", f"task.train={pipe}"], 3),
                                (["tokenize", self.folder / "model", pipe], 3),
                                (["eval", self.config, "--adapter", npy], 3),
                                (["predict", self.config, "--set", "method.kind=none",
                                  "--input", pipe], 3),
                                (["validate", "/dev/zero"], 2)):
            with self.subTest(arguments[0]):
                start = time.monotonic()
                message = self.refused(code, *arguments)
                self.assertIn("not a regular file", message)
                self.assertLess(time.monotonic() - start, 20)

    def test_a_run_name_cannot_leave_its_folder(self):
        for name in ("../../evil", "a/b", "..", "a\\tb", "a\\eb"):
            message = self.refused(2, "validate", self.config, "--set", f'run.name="{name}"')
            self.assertIn("run.name", message)

    def test_control_characters_do_not_reach_a_terminal_or_log(self):
        evil = self.folder / "evil\x1b[2Jname.jsonl"
        message = self.refused(3, "validate", self.config, "--set",
                               "task.train=" + json.dumps(str(evil)))
        self.assertNotIn("\x1b", message)
        self.assertIn(r"evil\x1b[2Jname.jsonl", message)
        shutil.copytree(self.folder / "model", self.folder / "mod\x1b[2J")
        done = self.incipit("inspect", self.folder / "mod\x1b[2J")
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.assertIn(r"mod\x1b[2J", done.stdout)

    def test_files_of_a_run_with_other_types_are_no_defect(self):
        run = self.folder / "odd"
        self.incipit("train", self.config, "--set", f"run.output_dir={run}")
        manifest, metrics = run / "manifest.json", run / "metrics.jsonl"
        whole = manifest.read_text(), metrics.read_text()
        for text in ('{"command": 17}', '{"command": ["train"], "finished": null}', "[]", "1e400"):
            manifest.write_text(text)
            for command in (["inspect", run], ["report", run]):
                done = subprocess.run([program.INCIPIT, *command], capture_output=True, text=True,
                                      timeout=60, cwd=self.folder)
                self.assertIn(done.returncode, (0, 3), text + done.stderr)
                self.assertNotIn("defect", done.stderr)
        manifest.write_text(whole[0])
        metrics.write_text('{"step": "x", "loss": 1.5, "seconds": "y"}\n' + whole[1])
        self.incipit("inspect", run)

    def test_a_huge_batch_is_refused_by_its_key(self):
        for key in ("train.batch_size", "train.micro_batches", "method.num_virtual_tokens",
                    "eval.batch_tokens", "task.shots", "train.keep_checkpoints"):
            done = subprocess.run([program.INCIPIT, "train", self.config, "--set", f"{key}=1000000000",
                                   "--set", f"run.output_dir={self.folder / 'huge'}"],
                                  capture_output=True, text=True, timeout=60, cwd=self.folder)
            self.assertIn(done.returncode, (0, 2, 3), key + done.stderr)
            if key == "train.batch_size":
                self.assertEqual(done.returncode, 2)
                self.assertIn("train.batch_size", done.stderr)

    def test_numbers_beyond_a_double_are_refused_with_the_file(self):
        model = self.folder / "model_1e400"
        shutil.copytree(self.folder / "model", model)
        tokenizer = model / "tokenizer.json"
        tokenizer.write_text(tokenizer.read_text().replace('"dropout": null', '"dropout": 1e400'))
        message = self.refused(3, "tokenize", model)
        self.assertIn("tokenizer.json: invalid JSON", message)
        self.assertIn("1e400", message)


if __name__ == "__main__":
    program.main()
