"""A training run under signals that the kernel ignores unless somebody handles them."""
import ctypes
import os
import platform
import signal
import time

import runs

HARMLESS = (signal.SIGURG, signal.SIGWINCH, signal.SIGCONT, signal.SIGCHLD)
TGKILL = {"x86_64": 234, "aarch64": 131}[platform.machine()]
LIBC = ctypes.CDLL(None, use_errno=True)


def send(pid, thread, signum):
    """To a thread, or to the process with None; whether it is still there."""
    try:
        if thread is None:
            os.kill(pid, signum)
            return True
        return LIBC.syscall(TGKILL, pid, thread, int(signum)) == 0
    except ProcessLookupError:
        return False


def send_for(process, seconds):
    """One signal a millisecond to the process and its threads in turn; how many were sent."""
    sent = 0
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and process.poll() is None:
        threads = [int(thread) for thread in os.listdir(f"/proc/{process.pid}/task")]
        for thread in (None, *threads):
            sent += send(process.pid, thread, HARMLESS[sent % len(HARMLESS)])
            time.sleep(max(0.0, sent / 1000 - (time.monotonic() - begin)))
    return sent


def compare(job, seconds, warm_up):
    """Losses under the signals and without them: steps compared, signals sent, first difference.

    The signals begin `warm_up` seconds after the start.
    """
    process = job.start("storm", "train.steps=1000000")
    time.sleep(warm_up)
    sent = send_for(process, seconds)
    process.send_signal(signal.SIGTERM)
    code, said = job.wait(process, "storm")
    if code != 75:
        raise AssertionError(f"exit code {code}:\n{said}")
    stormy = runs.losses(job.folder / "storm")
    calm = job.start("calm", "train.steps=1000000")
    log = job.folder / "calm" / "metrics.jsonl"
    last = max(stormy)
    while calm.poll() is None and not (log.exists() and f'{{"step":{last},' in log.read_text()):
        time.sleep(0.2)
    calm.send_signal(signal.SIGTERM)
    job.wait(calm, "calm")
    calm_losses = runs.losses(job.folder / "calm")
    different = [step for step in stormy if stormy[step] != calm_losses.get(step)]
    return len(stormy), sent, min(different, default=None)
