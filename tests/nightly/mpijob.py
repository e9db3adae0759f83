#!/usr/bin/env python3
"""The MPIJob of deploy/kubernetes, rehearsed: network namespaces as hosts, sshd in two workers as a
plain user on port 2222, mpirun from a third with the variables that the MPI operator sets.

    tests/nightly/mpijob.py [--build build/release]

The run is disturbed twice: a worker is killed and comes back, and a worker is drained (its preStop,
then TERM). It must end in the bytes of an undisturbed run. Every host is a sandbox of
tests/deploy/sandbox.py. Needs root and the packages openssh-server and iproute2. Takes about a
minute.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "deploy")]
import runs
import sandbox
import tiny

HOSTS = {"launcher": "10.77.0.1", "worker-0.rte.default.svc": "10.77.0.2",
         "worker-1.rte.default.svc": "10.77.0.3"}
WORKERS = [host for host in HOSTS if host != "launcher"]
STEPS = 3000
PREFIX = f"incipit-{os.getpid()}-"
OPERATOR = {"OMPI_MCA_orte_default_hostfile": "/mnt/hostfile",
            "OMPI_MCA_orte_keep_fqdn_hostnames": "true",
            "OMPI_MCA_plm_rsh_args": "-o ConnectionAttempts=10"}


def run(*command, **more):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **more)


class Network:
    """A network namespace for each host, joined by a bridge in the first."""

    def __init__(self):
        self.namespaces = {host: f"{PREFIX}{number}" for number, host in enumerate(HOSTS)}

    def start(self):
        for namespace in self.namespaces.values():
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        hub = self.namespaces["launcher"]
        run("ip", "-n", hub, "link", "add", "hub", "type", "bridge")
        run("ip", "-n", hub, "addr", "add", f"{HOSTS['launcher']}/24", "dev", "hub")
        run("ip", "-n", hub, "link", "set", "hub", "up")
        for number, host in enumerate(WORKERS):
            namespace = self.namespaces[host]
            run("ip", "-n", hub, "link", "add", f"port{number}", "type", "veth", "peer", "name",
                "eth0", "netns", namespace)
            run("ip", "-n", hub, "link", "set", f"port{number}", "master", "hub", "up")
            run("ip", "-n", namespace, "addr", "add", f"{HOSTS[host]}/24", "dev", "eth0")
            run("ip", "-n", namespace, "link", "set", "eth0", "up")

    def pids(self, host):
        return list(map(int, run("ip", "netns", "pids", self.namespaces[host]).stdout.split()))

    def stop(self):
        for host, namespace in self.namespaces.items():
            try:
                for pid in self.pids(host):
                    os.kill(pid, signal.SIGKILL)
            except (subprocess.CalledProcessError, ProcessLookupError):
                pass
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)


class Rehearsal:
    def __init__(self, build, folder):
        config = tiny.write_everything(folder)
        for path in (config, folder / "colours.yaml"):
            path.write_text(path.read_text().replace(str(folder), "/mnt"))
        self.folder = folder
        self.image = sandbox.Sandbox(build, folder)
        self.image.write("hosts", "127.0.0.1 localhost\n" + "".join(
            f"{address} {host}\n" for host, address in HOSTS.items()))
        (folder / "hostfile").write_text("".join(f"{host} slots=1\n" for host in WORKERS))
        keys = self.image.etc / "ssh"
        run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", keys / "id_rsa")
        shutil.copy(keys / "id_rsa.pub", keys / "authorized_keys")
        self.network = Network()
        self.log = (folder.parent / (folder.name + ".log")).open("w")
        self.sshd = {}

    def start(self, host, *command, **environment):
        words = [f"{name}={value}" for name, value in environment.items()]
        command = ["env", *words, *command] if words else command
        return subprocess.Popen(
            self.image.command(*command, host=host, namespace=self.network.namespaces[host]),
            stdout=self.log, stderr=self.log, start_new_session=True)

    def start_worker(self, host):
        self.sshd[host] = self.start(host, "/usr/sbin/sshd", "-D", "-e", "-f",
                                     "/opt/incipit/etc/sshd_config")

    def train(self, name):
        # The launcher's command in mpijob.yaml, with the settings of this test.
        settings = [f"run.output_dir=/mnt/{name}", f"train.steps={STEPS}", "train.eval_every=1000",
                    "train.checkpoint_every=100", "parallel.world=2", "parallel.timeout_seconds=20"]
        words = [word for each in settings for word in ("--set", each)]
        return self.start("launcher", "/opt/incipit/scripts/supervise.sh", "--run", f"/mnt/{name}",
                          "--backoff", "2", "--tries", "10", "--",
                          "/opt/incipit/scripts/mpirun.sh", "-n", "2", "/opt/incipit/bin/incipit",
                          "train", "/mnt/run.yaml", *words, **OPERATOR)

    def wait_for_step(self, step, job):
        metrics = self.folder / "disturbed" / "metrics.jsonl"
        deadline = time.monotonic() + 120
        while not (metrics.exists() and metrics.read_text().count('"loss"') >= step):
            assert job.poll() is None, "the job ended"
            assert time.monotonic() < deadline, f"step {step} does not come"
            time.sleep(0.1)

    def kill_worker(self, host):
        for pid in self.network.pids(host):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.sshd[host].wait()

    def drain_worker(self, host):
        """As the kubelet: preStop, TERM, and after the grace period KILL."""
        began = time.monotonic()
        inside = self.start(host, "/opt/incipit/scripts/stop_ranks.sh")
        assert inside.wait(timeout=60) == 0
        print(f"  preStop took {time.monotonic() - began:.1f} s")
        self.sshd[host].terminate()
        time.sleep(1)
        self.kill_worker(host)

    def main(self):
        self.network.start()
        for host in WORKERS:
            self.start_worker(host)
        time.sleep(1)
        assert self.train("undisturbed").wait(timeout=200) == 0
        print("  two workers trained through sshd as user 1000 on port 2222")
        job = self.train("disturbed")
        self.wait_for_step(500, job)
        self.kill_worker(WORKERS[1])
        time.sleep(3)
        self.start_worker(WORKERS[1])
        self.wait_for_step(1500, job)
        self.drain_worker(WORKERS[0])
        time.sleep(3)
        self.start_worker(WORKERS[0])
        assert job.wait(timeout=200) == 0
        assert runs.outcome(self.folder / "disturbed") == runs.outcome(self.folder / "undisturbed")
        said = re.findall(r"supervise: (.*)", Path(self.log.name).read_text())
        print("  " + "\n  ".join(said))
        print("a worker killed, a worker drained; every byte as in an undisturbed run")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    build = parser.parse_args().build.resolve()
    if not sandbox.is_possible() or not shutil.which("ip") or not Path("/usr/sbin/sshd").exists():
        print("skipped: needs root, openssh-server and iproute2")
        return 77
    folder = Path(tempfile.mkdtemp(prefix="incipit_mpijob_"))
    rehearsal = Rehearsal(build, folder)
    try:
        rehearsal.main()
    except BaseException:
        print(f"see {rehearsal.log.name}")
        raise
    finally:
        rehearsal.network.stop()
        rehearsal.image.remove()
    shutil.rmtree(folder)
    Path(rehearsal.log.name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
