"""Looking at processes through /proc."""
import time
from pathlib import Path

STOP_SIGNALS = {"SIGTERM": 15, "SIGUSR1": 10, "SIGINT": 2}


def status(path):
    """The fields of a status file of /proc; signal sets are sets of numbers."""
    fields = {}
    for line in Path(path).read_text().splitlines():
        name, value = line.split(":", 1)
        fields[name] = value.strip()
        if name in ("SigBlk", "SigCgt", "SigIgn"):
            mask = int(value, 16)
            fields[name] = {number + 1 for number in range(64) if mask >> number & 1}
    return fields


def threads(pid):
    """The status of every thread."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found.append(status(task / "status"))
        except (FileNotFoundError, ProcessLookupError):  # gone in the meantime
            pass
    return found


def descendants(pid, name):
    """The processes below `pid` whose name begins so, in the order of their numbers."""
    children = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, after = path.read_text().rsplit(")", 1)
        except OSError:  # gone in the meantime
            continue
        children.setdefault(int(after.split()[1]), []).append(
            (int(path.parent.name), before.split("(", 1)[1]))
    found, parents = [], [pid]
    while parents:
        for child, called in children.get(parents.pop(), []):
            parents.append(child)
            if called.startswith(name):
                found.append(child)
    return sorted(found)


def is_running(pid):
    """Whether there is such a process, other than one that ended and was not waited for."""
    try:
        return status(f"/proc/{pid}/status")["State"][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def remaining(pids, seconds=10):
    """Those of the processes that still run after at most so many seconds: a process that was killed
    takes a moment to end."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def is_armed(pid):
    """Whether the process blocks or catches all stop signals.

    Before, in the first milliseconds after exec, they end it as they end any program.
    """
    try:
        seen = status(f"/proc/{pid}/status")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return set(STOP_SIGNALS.values()) <= seen["SigBlk"] | seen["SigCgt"]
