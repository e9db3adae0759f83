#!/usr/bin/env python3
"""The outcome reaches a Pushgateway; one that is down or silent delays nothing.

    push_test.py INCIPIT MPIRUN

Uses the real one where Debian's package prometheus-pushgateway is installed.
"""
import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import program


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Push(program.ProgramTest):
    def train(self, port, *settings, **more):
        words = [word for each in settings for word in ("--set", each)]
        return self.incipit("train", self.config, "--fresh", "--set",
                            f"metrics.push=http://127.0.0.1:{port}", "--set", "run.name=my run",
                            *words, **more)

    def receive(self, answer, **more):
        """Trains while a server answers so. Returns [(path, body)] of the pushes."""
        pushes = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                pushes.append((self.path, body))
                self.send_response(answer)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            self.done = self.train(server.server_port, **more)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        return pushes

    def test_the_outcome_is_pushed_by_rank_0(self):
        pushes = self.receive(200, ranks=2)
        self.assertEqual({path for path, _ in pushes}, {"/metrics/job/my%20run"})
        first, last = pushes[0][1], pushes[-1][1]
        self.assertIn('incipit_run_info{method="prompt_tuning",run="my run",task="colours"} 1', first)
        self.assertIn("incipit_last_success_timestamp_seconds 0", first)
        success = next(line for line in last.splitlines()
                       if line.startswith("incipit_last_success_timestamp_seconds"))
        self.assertLess(abs(float(success.split()[1]) - time.time()), 60)
        self.assertIn('incipit_eval_score_ratio{metric="accuracy",split="test",task="colours"}', last)
        self.assertNotIn("failed", self.done.stderr)

    def test_a_refusal_is_logged(self):
        self.assertTrue(self.receive(500))
        self.assertRegex(self.done.stderr, r"pushes to 127.0.0.1:\d+ failed: it answered 500")

    def seconds(self, port, *settings):
        start = time.monotonic()
        self.done = self.train(port, *settings)
        return time.monotonic() - start

    def test_none_that_answers_delays_nothing(self):
        start = time.monotonic()
        self.incipit("train", self.config, "--fresh")
        usual = time.monotonic() - start
        self.assertLess(self.seconds(free_port()), usual + 3)
        self.assertIn("failed: cannot connect", self.done.stderr)
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            self.assertLess(self.seconds(silent.getsockname()[1]), usual + 4)
        self.assertIn("it did not answer before the run ended", self.done.stderr)

    def test_wrong_addresses_are_refused(self):
        for url in ("127.0.0.1:9091", "https://127.0.0.1:9091", "http://127.0.0.1", "http://:1",
                    "http://127.0.0.1:9091/metrics/job/x", "http://127.0.0.1:x"):
            message = self.refused(2, "train", self.config, "--set", f"metrics.push={url}")
            self.assertIn("metrics.push", message)

    @unittest.skipUnless(shutil.which("prometheus-pushgateway"), "prometheus-pushgateway is missing")
    def test_the_real_pushgateway_accepts_it(self):
        port = free_port()
        gateway = subprocess.Popen(
            ["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.1)
            self.train(port)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/metrics") as answer:
                groups = json.load(answer)["data"]
        finally:
            gateway.terminate()
            gateway.wait(timeout=20)
        self.assertEqual([group["labels"]["job"] for group in groups], ["my run"])
        pushed = groups[0]["incipit_last_success_timestamp_seconds"]["metrics"][0]["value"]
        self.assertLess(abs(float(pushed) - time.time()), 60)


if __name__ == "__main__":
    program.main()
