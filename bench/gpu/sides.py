"""The sides of the comparison: PEFT in two ways, Incipit, and the matmuls without other work."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]  # of the bundle
sys.path.insert(0, str(HERE.parent / "vs_peft"))
from worker_process import WorkerProcess  # noqa: E402

LAUNCH = ["env", f"PYTHON={sys.executable}", "sh", str(HERE / "launch.sh")]
ATTENTIONS = ("eager", "sdpa")  # tried for PEFT with logits at targets only
DEFAULT_ATTENTION = "sdpa"


class Worker:
    """A worker process that has loaded a model. Use it in a `with` block."""

    def __init__(self, command, folder, device, threads, **load):
        self.device = device
        self._process = WorkerProcess(command, folder / "workers.log", threads)
        self._process.ask("load", device=device, threads=threads, **load)
        self.loaded_bytes = self.memory()["bytes"]

    def ask(self, command, **arguments):
        return self._process.ask(command, **arguments)

    def memory(self):
        """Returns the memory on the device, its peak since the last call, and how often memory was
        taken from the driver (on a GPU)."""
        if self.device != "cpu":
            return self.ask("memory")
        used = {"bytes": self._process.resident_bytes(),
                "peak_bytes": self._process.peak_bytes(), "allocations": 0}
        self._process.reset_peak()
        return used

    def run(self, work, batches):
        """Returns seconds and the losses (train) or scores (evaluate)."""
        command, keys, values = (("train", ("source", "target"), "losses") if work == "train" else
                                 ("score", ("source", "candidates"), "scores"))
        answer = self.ask(command, batches=[[{key: row[key] for key in keys} for row in batch]
                                            for batch in batches])
        return answer["seconds"], answer[values]

    def __enter__(self):
        self._process.__enter__()
        return self

    def __exit__(self, *arguments):
        self._process.__exit__(*arguments)


class Peft(Worker):
    def __init__(self, *arguments, **load):
        super().__init__([sys.executable, str(HERE.parent / "vs_peft" / "peft_worker.py")],
                         *arguments, way="documented", attention=DEFAULT_ATTENTION, **load)

    def choose(self, way, attention=DEFAULT_ATTENTION):
        self.ask("way", way=way, attention=attention)

    def fastest_attention(self, work, batches):
        """Returns the attention that runs the batches in the least time, after a warm-up."""
        seconds = {}
        for attention in ATTENTIONS:
            self.choose("tuned", attention)
            self.run(work, batches)
            seconds[attention], _ = self.run(work, batches)
        return min(seconds, key=seconds.get)


class Incipit(Worker):
    def __init__(self, *arguments, **load):
        super().__init__([*LAUNCH, str(ROOT / "bin" / "incipit_bench_worker")], *arguments, **load)

    def use_graphs(self, use):
        """Returns how many passes there were with CUDA graphs, and how many of them were replayed."""
        answer = self.ask("graphs", use=use)
        return answer.get("passes", 0), answer.get("replayed", 0)


class Matmuls:
    def __init__(self, folder, device, threads, shape, dtype):
        command = [sys.executable, str(HERE / "matmul_worker.py")]
        self._process = WorkerProcess(command, folder / "workers.log", threads)
        self._process.ask("load", device=device, shape=shape, dtype=dtype)

    def seconds(self, rows, backward):
        return self._process.ask("matmuls", rows=rows, backward=backward)["seconds"]

    def __enter__(self):
        self._process.__enter__()
        return self

    def __exit__(self, *arguments):
        self._process.__exit__(*arguments)
