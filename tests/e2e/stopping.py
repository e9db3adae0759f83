"""Training runs that are stopped at random moments, and what they must not lose."""
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import processes
import runs

STARTING = "stopped while starting, nothing was written"
STOPPED = re.compile(r"stopped after step (\d+) of \d+, checkpoint in ")
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Deviation(Exception):
    """A run did not do what it promises."""


@dataclasses.dataclass
class Job:
    """A configuration that is trained, on one rank without a launcher or on several."""

    incipit: str
    mpirun: str
    folder: Path  # of the runs
    config: Path
    sets: list
    ranks: int = 1
    environment: dict = dataclasses.field(default_factory=dict)

    def command(self, name, *overrides):
        command = [self.mpirun, "-n", str(self.ranks)] if self.ranks > 1 else []
        command += [self.incipit, "train", str(self.config)]
        for each in (f"run.output_dir={name}", *self.sets, *overrides):
            command += ["--set", each]
        return command

    def start(self, name, *overrides):
        """The process, once stop signals no longer end it as they end any program."""
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(self.command(name, *overrides), cwd=self.folder, stdout=log,
                                       stderr=log, stdin=subprocess.DEVNULL,
                                       env=os.environ | self.environment)
        while process.poll() is None and not processes.is_armed(process.pid):
            time.sleep(0.0005)
        return process

    def wait(self, process, name, limit=300):
        """Exit code and output."""
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
        return code, (self.folder / f"{name}.log").read_text()

    def finish(self, name):
        """Runs to the end; the seconds from being armed to the last file that it wrote."""
        process = self.start(name)
        begin = time.time()
        code, said = self.wait(process, name)
        if code != 0:
            raise Deviation(f"{name}: exit code {code} without a signal:\n{said}")
        return max(f.stat().st_mtime for f in (self.folder / name).rglob("*")) - begin


def files_of(run):
    """Every file of a run with its content."""
    return {str(f.relative_to(run)): f.read_bytes() for f in run.rglob("*") if f.is_file()}


def stop_once(job, name, sent, seconds):
    """Sends a signal after so many seconds: "starting", "checkpoint" or "finished".

    Raises Deviation where the exit code is another one or something was lost.
    """
    run = job.folder / name
    before = files_of(run) if run.exists() else None
    steps = runs.checkpoints(run)
    process = job.start(name)
    time.sleep(seconds)
    process.send_signal(sent)
    code, said = job.wait(process, name)
    what = f"{name}: {sent.name} after {seconds:.3f} s: "
    if code == 0:
        return "finished"
    if code != 75:
        raise Deviation(f"{what}exit code {code}:\n{said}")
    if STARTING in said:
        if before != (files_of(run) if run.exists() else None):
            raise Deviation(f"{what}the run directory has changed:\n{said}")
        return "starting"
    stopped = STOPPED.search(said)
    if not stopped:
        raise Deviation(f"{what}no word of a checkpoint:\n{said}")
    saved = max(runs.checkpoints(run), default=0)
    if saved != int(stopped[1]) or saved < max(steps, default=0):
        raise Deviation(f"{what}the newest checkpoint is of step {saved}, of {steps} before:\n"
                        f"{said}")
    return "checkpoint"


class Disturbed:
    """Runs of one job that are stopped at random moments and must end like the undisturbed one."""

    def __init__(self, job, draw):
        self.job = job
        self.draw = draw
        self.seconds = 1.05 * job.finish("undisturbed")
        self.expected = runs.outcome(job.folder / "undisturbed")

    def run(self, name, stops=1):
        """Stops a run so many times, unless it ends before, and finishes it: the ways it ended."""
        ended = []
        while len(ended) < stops and "finished" not in ended:
            sent = self.draw.choice(SIGNALS)
            ended.append(stop_once(self.job, name, sent, self.draw.uniform(0, self.seconds)))
        if "finished" not in ended:
            self.job.finish(name)
        run = self.job.folder / name
        content, lines = runs.outcome(run)
        for file in sorted(self.expected[0].keys() | content.keys()):
            if self.expected[0].get(file) != content.get(file):
                raise Deviation(f"{name}: {file} is not that of an undisturbed run ({ended})")
        if lines != self.expected[1]:
            raise Deviation(f"{name}: metrics.jsonl is not that of an undisturbed run ({ended})")
        shutil.rmtree(run)
        return ended
