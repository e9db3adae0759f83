"""Starts a worker process of the benchmark and sends it requests."""
import json
import os
import subprocess
from pathlib import Path


class WorkerError(Exception):
    pass


class WorkerProcess:
    """A running worker; one request at a time. Use it in a `with` block, which ends the process."""

    def __init__(self, command, log, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.name = Path(command[-1]).name
        self._log = log
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=open(log, "a"), text=True, env=environment)

    def ask(self, command, **arguments):
        try:
            self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"{self.name} ended without an answer to {command!r}: see {self._log}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.name}, {command}: {answer['error']}")
        return answer

    def _status(self, key):
        with open(f"/proc/{self._process.pid}/status") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
        raise WorkerError(f"/proc/{self._process.pid}/status has no {key}")

    def resident_bytes(self):
        return self._status("VmRSS")

    def peak_bytes(self):
        return self._status("VmHWM")

    def reset_peak(self):
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
