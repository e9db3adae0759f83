#!/usr/bin/env python3
"""Stop signals: what they do to every command, and that they cost a run nothing.

    stop_test.py INCIPIT MPIRUN
"""
import os
import pty
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest

import processes
import program
import runs
import signal_storm
import stopping

SYNCHRONOUS = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV,
               signal.SIGTRAP}
GLIBC = {32, 33}  # cancels threads and changes their user: nobody here asks for either
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "INCIPIT_CPU": "avx2"}


class Terminal:
    """A program in its own terminal, where Ctrl-C is a key."""

    def __init__(self, command, folder, environment):
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(command[0], [str(word) for word in command], os.environ | environment)
        self.code = None
        self.text = b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        try:
            while block := os.read(self.screen, 4096):
                self.text += block
        except OSError:  # the last program that had the terminal open has ended
            pass

    def type(self, keys):
        os.write(self.screen, keys)

    def poll(self):
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self):
        deadline = time.monotonic() + 60
        while self.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.code

    @property
    def output(self):
        return self.text.decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self.reader.join()
        os.close(self.screen)


class Stop(program.ProgramTest):
    def job(self, ranks, *sets, threads=1):
        folder = self.folder / f"on_{ranks}_{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return stopping.Job(program.INCIPIT, program.MPIRUN, folder, self.config,
                            ["train.optimizer.lr=0.001", *sets], ranks,
                            ENVIRONMENT | {"OMP_NUM_THREADS": str(threads)})

    def endless(self, ranks, name, *, threads=1):
        """A run without end that has trained some steps, its job and its processes."""
        job = self.job(ranks, "train.steps=1000000", "train.eval_every=0",
                       "metrics.listen=127.0.0.1:0", threads=threads)
        process = job.start(name)
        self.addCleanup(process.kill)
        self.wait_for_step(process, job, name, 3)
        pids = [process.pid]
        if ranks > 1:
            pids = processes.descendants(process.pid, "incipit")
        return process, job, pids

    def wait_for_step(self, process, job, name, step):
        log = job.folder / name / "metrics.jsonl"
        deadline = time.monotonic() + 60
        while not (log.exists() and f'{{"step":{step},' in log.read_text()):
            self.assertIsNone(process.poll(), name)
            self.assertLess(time.monotonic(), deadline, name)
            time.sleep(0.01)

    def assert_stops(self, process, job, name, code=75):
        ended, said = job.wait(process, name)
        self.assertEqual(ended, code, said)
        return said

    def test_all_threads_block_the_signals_and_nothing_handles_any(self):
        for ranks in (1, 2):
            process, job, pids = self.endless(ranks, "watched", threads=2)
            self.assertEqual(len(pids), ranks)
            for pid in pids:
                threads = processes.threads(pid)
                # sigwait takes what it waits for out of the mask while it waits.
                waiting = [each for each in threads if each["Name"] == "stop-signals"]
                self.assertEqual(len(waiting), 1, threads)
                self.assertGreater(len(threads), 2)
                for thread in threads:
                    if thread is not waiting[0]:
                        missing = set(processes.STOP_SIGNALS.values()) - thread["SigBlk"]
                        self.assertEqual(missing, set(), thread)
                    self.assertEqual(thread["SigCgt"] - SYNCHRONOUS - GLIBC, set(), thread)
            process.send_signal(signal.SIGTERM)
            self.assert_stops(process, job, "watched")

    def test_stopped_at_random_moments_nothing_is_lost(self):
        draw = random.Random(20260127)
        for ranks, stops in ((1, 6), (2, 4)):
            job = self.job(ranks, "train.steps=600", "train.eval_every=200",
                           "train.checkpoint_every=50")
            disturbed = stopping.Disturbed(job, draw)
            self.assertEqual(stopping.stop_once(job, "at_once", signal.SIGTERM, 0), "starting")
            ended = []
            while len(ended) < stops:
                ended += disturbed.run(f"disturbed_{len(ended)}", stops - len(ended))
            print(f"{ranks} ranks, {disturbed.seconds:.1f} s undisturbed: {', '.join(ended)}")

    def test_signals_that_nobody_handles_change_no_loss(self):
        compared, sent, difference = signal_storm.compare(
            self.job(1, "train.eval_every=0"), seconds=3, warm_up=1)
        self.assertGreater(compared, 10)
        self.assertGreater(sent, 1000)
        self.assertIsNone(difference)

    def test_a_second_signal_to_the_launcher_ends_a_job_that_stands_still(self):
        process, job, pids = self.endless(2, "twice")
        os.kill(pids[1], signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)  # still the same request
        time.sleep(1)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assert_stops(process, job, "twice", 128 + signal.SIGINT)
        self.assertEqual(processes.remaining(pids), [])

    @unittest.skipUnless(shutil.which("setpriv"), "setpriv is missing")
    def test_when_the_launcher_is_killed_the_ranks_write_a_checkpoint(self):
        process, job, pids = self.endless(2, "orphans")
        process.kill()
        self.assertEqual(processes.remaining(pids, 30), [])
        said = (job.folder / "orphans.log").read_text()
        self.assertRegex(said, stopping.STOPPED)
        self.assertTrue(runs.checkpoints(job.folder / "orphans"))

    def test_a_signal_that_was_ignored_at_the_start_stays_ignored(self):
        job = self.job(1, "train.steps=1000000", "train.eval_every=0")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process = job.start("nohup")
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        process.send_signal(signal.SIGINT)
        self.wait_for_step(process, job, "nohup", 5)
        process.send_signal(signal.SIGINT)
        self.wait_for_step(process, job, "nohup", 20)
        process.send_signal(signal.SIGTERM)
        self.assertIn("incipit: SIGTERM: stopped after", self.assert_stops(process, job, "nohup"))

    def test_other_commands_end_by_the_signal(self):
        for command, codes in (([], {-signum for signum in stopping.SIGNALS}),
                               ([program.MPIRUN, "-n", "1"],
                                {128 + signum for signum in stopping.SIGNALS})):
            ended = set()
            for sent in stopping.SIGNALS:
                process = subprocess.Popen(
                    [*command, program.INCIPIT, "tokenize", self.folder / "model"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                process.stdin.write(b"sky\n")
                process.stdin.flush()
                self.assertRegex(process.stdout.readline(), rb"\d")
                process.send_signal(sent)
                ended.add(process.wait(timeout=60))
                process.stdin.close()
                process.stdout.close()
            self.assertEqual(ended, codes)

    def test_ctrl_c_in_a_terminal_stops_two_ranks_with_a_checkpoint(self):
        job = self.job(2, "train.steps=1000000", "train.eval_every=0")
        with Terminal(job.command("typed"), job.folder, job.environment) as terminal:
            self.wait_for_step(terminal, job, "typed", 5)
            terminal.type(b"\x03")
            self.assertEqual(terminal.wait(), 75, terminal.output)
        self.assertRegex(terminal.output, stopping.STOPPED)
        self.assertIn("\r", terminal.output.replace("\r\n", "\n"))  # the progress bar

    def test_what_is_typed_in_a_terminal_reaches_rank_0(self):
        command = [program.MPIRUN, "-n", "1", program.INCIPIT, "tokenize", self.folder / "model"]
        with Terminal(command, self.folder, ENVIRONMENT) as terminal:
            terminal.type(b"sky\n\x04")
            self.assertEqual(terminal.wait(), 0, terminal.output)
        self.assertIn(" ".join(str(byte) for byte in b"sky"), terminal.output)

    def test_the_front_needs_its_engine_and_says_so(self):
        alone = shutil.copy(program.INCIPIT, self.folder / "incipit")
        done = subprocess.run([alone, "--version"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{self.folder}/incipit-engine: No such file or directory", done.stderr)

    def test_the_instruction_sets_can_be_limited(self):
        self.assertIn("is not one of auto, baseline, avx2, avx512",
                      self.refused(2, "ls", INCIPIT_CPU="avx3"))
        self.assertIn("DEFAULT", self.incipit("doctor", INCIPIT_CPU="baseline").stdout)
        kept = {"INCIPIT_CPU": "avx2", "ATEN_CPU_CAPABILITY": "default"}
        self.assertIn("DEFAULT", self.incipit("doctor", **kept).stdout)


if __name__ == "__main__":
    program.main()
