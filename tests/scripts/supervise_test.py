"""When scripts/supervise.sh restarts a command, and when not."""
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

SUPERVISE = Path(__file__).resolve().parents[2] / "scripts" / "supervise.sh"

# Writes its number of calls and its arguments; then does what line N of the file `plan` says.
COMMAND = """#!/usr/bin/env bash
echo "$INCIPIT_RESTART_COUNT $*" >>calls
eval "$(sed -n "$(wc -l <calls)p" plan)"
"""
WAITS = "trap 'exit 75' USR1; touch waits; while true; do sleep 0.05; done"


def saves(step):
    return f"mkdir -p run/checkpoints/step-{step}"


class Supervise(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        (self.folder / "command").write_text(COMMAND)
        (self.folder / "command").chmod(0o755)

    def start(self, plan, *options, command=("./command", "train")):
        (self.folder / "plan").write_text("".join(line + "\n" for line in plan))
        return subprocess.Popen(
            [SUPERVISE, "--run", "run", "--backoff", "0", *options, "--", *command],
            cwd=self.folder, stderr=subprocess.PIPE, text=True)

    def finish(self, job):
        _, self.said = job.communicate(timeout=30)
        calls = self.folder / "calls"
        self.calls = calls.read_text().splitlines() if calls.exists() else []
        return job.returncode

    def run_plan(self, plan, *options, **more):
        return self.finish(self.start(plan, *options, **more))

    def test_a_command_that_succeeds_runs_once(self):
        self.assertEqual(self.run_plan(["exit 0"]), 0)
        self.assertEqual(self.calls, ["0 train"])
        self.assertEqual(self.said, "")

    def test_stops_lost_ranks_and_crashes_are_restarted(self):
        plan = [f"{saves(10)}; exit 75", f"{saves(20)}; exit 4", f"{saves(30)}; exit 137",
                f"{saves(40)}; kill -SEGV $$", f"{saves(50)}; exit 1", "exit 0"]
        self.assertEqual(self.run_plan(plan), 0)
        self.assertEqual(self.calls, [f"{i} train" for i in range(6)])

    def test_what_would_fail_again_is_not_restarted(self):
        for code in (2, 3, 5):
            with self.subTest(code):
                (self.folder / "calls").unlink(missing_ok=True)
                self.assertEqual(self.run_plan([f"exit {code}", "exit 0"]), code)
                self.assertEqual(len(self.calls), 1)
                self.assertIn(f"exit code {code}", self.said)

    def test_two_restarts_without_a_newer_checkpoint_are_the_last(self):
        plan = [f"{saves(10)}; exit 4", "exit 4", "exit 139", "exit 4", "exit 0"]
        self.assertEqual(self.run_plan(plan), 4)
        self.assertEqual(len(self.calls), 4)
        self.assertIn("2 restarts brought no newer checkpoint in run", self.said)

    def test_a_newer_checkpoint_counts_though_it_is_not_the_first(self):
        plan = ["exit 4", "exit 4", f"{saves(9)}; exit 4", "exit 4", f"{saves(10)}; exit 4",
                "exit 0"]
        self.assertEqual(self.run_plan(plan), 0)

    def test_unfinished_checkpoints_do_not_count(self):
        plan = ["mkdir -p run/checkpoints/step-9.tmp; exit 4", "exit 4", "exit 4", "exit 0"]
        self.assertEqual(self.run_plan(plan), 4)
        self.assertEqual(len(self.calls), 3)

    def test_ranks_are_halved_after_failures_only(self):
        plan = [f"{saves(10)}; exit 75", "exit 4", "exit 4", "exit 0"]
        code = self.run_plan(plan, "--ranks", "8", "--least-ranks", "3",
                             command=("./command", "-n", "{ranks}"))
        self.assertEqual(code, 0)
        self.assertEqual(self.calls, ["0 -n 8", "1 -n 8", "2 -n 4", "3 -n 4"])

    def test_signals_ask_for_a_checkpoint_and_end_the_restarts(self):
        for name in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
            with self.subTest(name):
                (self.folder / "calls").unlink(missing_ok=True)
                (self.folder / "waits").unlink(missing_ok=True)
                job = self.start([WAITS, "exit 0"])
                while not (self.folder / "waits").exists():
                    time.sleep(0.02)
                job.send_signal(name)
                self.assertEqual(self.finish(job), 75)
                self.assertEqual(len(self.calls), 1)

    def test_a_signal_during_the_backoff_ends_it(self):
        job = self.start(["exit 4", "exit 0"], "--backoff", "60")
        while not (self.folder / "calls").exists():
            time.sleep(0.02)
        time.sleep(0.5)
        job.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(job), 75)
        self.assertEqual(len(self.calls), 1)

    def test_the_backoff_doubles(self):
        start = time.monotonic()
        self.assertEqual(self.run_plan(["exit 4", "exit 4", "exit 0"], "--backoff", "1"), 0)
        self.assertGreater(time.monotonic() - start, 2.9)
        self.assertIn("restart 1 in 1 s", self.said)
        self.assertIn("restart 2 in 2 s", self.said)

    def test_wrong_usage_is_refused(self):
        for arguments in ([], ["--run", "run"], ["--run", "run", "--"], ["--", "true"],
                          ["--run", "run", "--tries", "x", "--", "true"],
                          ["--run", "run", "--least-ranks", "2", "--", "true"],
                          ["--what", "1", "--", "true"]):
            done = subprocess.run([SUPERVISE, *arguments], capture_output=True, text=True,
                                  timeout=30, env=os.environ)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("supervise: ", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
