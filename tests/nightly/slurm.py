#!/usr/bin/env python3
"""deploy/slurm/train.sbatch on a real Slurm of one node: cut short, requeued, finished, same bytes.

    tests/nightly/slurm.py [--build build/release]

Starts munged, slurmctld and slurmd of Debian's packages slurm-wlm and munge on ports of their own,
as root, and ends them. Takes about a minute.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import runs
import tiny
from prometheus_test import free_ports

CONF = """ClusterName=incipit
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={port}
SlurmdPort={port1}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
KillWait=30
SchedulerParameters=batch_sched_delay=1,sched_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
STEPS = 4000


class Cluster:
    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        os.chmod(folder, 0o755)
        munge = folder / "munge"
        munge.mkdir()
        (munge / "key").write_bytes(os.urandom(1024))
        for path in (munge, munge / "key"):
            shutil.chown(path, "munge", "munge")
        munge.chmod(0o755)
        (munge / "key").chmod(0o400)
        for name in ("state", "spool"):
            (folder / name).mkdir()
        port = free_ports(2)
        host = subprocess.run(["hostname", "-s"], capture_output=True, text=True).stdout.strip()
        (folder / "slurm.conf").write_text(CONF.format(
            host=host, folder=folder, port=port, port1=port + 1, cpus=os.cpu_count()))
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}

    def start(self):
        munge = self.folder / "munge"
        self.spawn("munged", "--foreground", f"--socket={munge}/socket", f"--key-file={munge}/key",
                   f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", "--log-file=/dev/stderr",
                   "--num-threads=2", user="munge")
        self.wait(lambda: (munge / "socket").exists(), "munged")
        self.spawn("slurmctld", "-D", "-i")
        self.wait(lambda: self.ask("sinfo", "-h").returncode == 0, "slurmctld")
        self.spawn("slurmd", "-D", "-N", self.ask("sinfo", "-h", "-o", "%N").stdout.strip())
        self.wait(lambda: "idle" in self.ask("sinfo", "-h", "-o", "%T").stdout, "slurmd")

    def spawn(self, *command, user=None):
        log = (self.folder / f"{command[0]}.out").open("w")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, user=user, group=user,
                                               extra_groups=[] if user else None,
                                               env=self.environment, cwd=self.folder))

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait(self, condition, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {path.name}\n{path.read_text()[-1500:]}"
                                 for path in self.folder.glob("*.[lo][ou][gt]"))
                raise AssertionError(f"{what} does not come up or end\n{logs}")
            time.sleep(0.2)

    def ask(self, *command, **more):
        return subprocess.run(list(map(str, command)), capture_output=True, text=True,
                              env=self.environment, timeout=60, **more)


def write_run(folder):
    config = tiny.write_everything(folder)
    text = config.read_text().replace("steps: 6", f"steps: {STEPS}")
    config.write_text(text.replace("eval_every: 3", "eval_every: 2000\n  checkpoint_every: 500"))
    return config


def submit(cluster, folder, config, program):
    """Submits the script and returns the job's number."""
    environment = cluster.environment | {"INCIPIT_ROOT": str(ROOT), "INCIPIT": str(program),
                                         "INCIPIT_RUN": str(folder / "cut"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["sbatch", "--parsable", "--ntasks-per-node=2", "--cpus-per-task=1", "--overcommit",
         "--chdir", folder, "--output", folder / "job.log", ROOT / "deploy" / "slurm" /
         "train.sbatch", config], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def restarts(cluster, job):
    shown = cluster.ask("scontrol", "show", "job", job, "-o").stdout
    return dict(word.split("=", 1) for word in shown.split() if "=" in word)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    program = parser.parse_args().build.resolve() / "launcher" / "incipit"
    if os.geteuid() != 0 or not all(map(shutil.which, ("munged", "slurmctld", "slurmd"))):
        print("skipped: needs root and the packages slurm-wlm and munge")
        return 77
    folder = Path(tempfile.mkdtemp(prefix="incipit_slurm_"))
    (folder / "run").mkdir()
    config = write_run(folder / "run")
    done = subprocess.run([ROOT / "scripts" / "mpirun.sh", "-n", "2", program, "train", config,
                           "--set", f"run.output_dir={folder / 'run' / 'whole'}"],
                          env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cluster = Cluster(folder)
    try:
        cluster.start()
        job = submit(cluster, folder / "run", config, program)
        metrics = folder / "run" / "cut" / "metrics.jsonl"
        cluster.wait(lambda: metrics.exists() and metrics.read_text().count("\n") > 100, "the run")
        # What the time limit does: the signal reaches only the batch shell.
        cluster.ask("scancel", "--signal=USR1", "--batch", job)
        cluster.wait(lambda: int(restarts(cluster, job).get("Restarts", 0)) == 1, "the requeue")
        cluster.wait(lambda: restarts(cluster, job)["JobState"] in ("COMPLETED", "FAILED"),
                     "the job", seconds=200)
        state = restarts(cluster, job)
        log = (folder / "run" / "job.log").read_text()
        assert state["JobState"] == "COMPLETED", log
        assert "stopped after a checkpoint; the job is requeued" in log, log
        assert "resuming from" in log, log
        assert runs.outcome(folder / "run" / "cut") == runs.outcome(folder / "run" / "whole")
        print(f"job {job}: signalled, requeued {state['Restarts']} time, resumed, finished; every "
              "byte as in an undisturbed run")
    finally:
        cluster.stop()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
