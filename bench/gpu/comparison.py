"""Compares the sides on one model: one after the other, block by block, on the same batches."""
import statistics
from typing import NamedTuple

import shapes
from agreement import disagreement, flatten
from sides import DEFAULT_ATTENTION, Incipit, Matmuls, Peft

LEARNING_RATE = 0.001  # low, so that rounding is not amplified
WAYS = {"documented": "documented", "targets": "tuned"}  # of PEFT: name, that of its worker
GRAPH_ROWS = 2048  # of the batches that Incipit runs with CUDA graphs (model.cuda_graphs: auto)
TOLERANCE = {"float32": 2e-4, "bfloat16": 3e-3}  # relative, of every loss; of the mean score


class Steps(NamedTuple):
    checked: int = 3  # batches that all sides run first, from the same prompt
    pairs: int = 2    # of blocks
    peft: int = 4     # steps per block
    incipit: int = 12
    met: int = 48    # batches before those with CUDA graphs, which are captured when sizes repeat


class Case(NamedTuple):
    work: str   # train, evaluate
    batch: int  # examples
    virtual_tokens: int = 100

    def rows_factor(self):
        """Returns the FLOPs per weight and row: forward, and the gradient of activations."""
        return 4 if self.work == "train" else 2


class Group(NamedTuple):
    """Cases of one model, for which the sides load it once."""
    shape: str
    dtype: str
    cases: tuple
    seconds: float           # about what it takes
    peft_extra_gib: float = 0  # PEFT's memory beyond the model, as measured once
    steps: Steps = Steps()

    def fits_together(self, device_gib):
        """Whether PEFT and Incipit can have the model at once."""
        weights = shapes.SHAPES[self.shape].weight_bytes(self.dtype) / 2**30
        return device_gib is None or 2 * weights + self.peft_extra_gib + 6 < device_gib


class Blocks:
    """What a side did in a case."""

    def __init__(self):
        self.checked, self.milliseconds, self.extra_bytes = None, [], 0
        self.allocations = []  # of memory from the driver, per block

    def run_checked(self, worker, work, batches):
        if work == "train":
            worker.ask("reset")
        _, values = worker.run(work, batches)
        self.checked = list(flatten(values))

    def run_block(self, worker, work, batches):
        before = worker.memory()  # starts the peak again
        seconds, _ = worker.run(work, batches)
        self.milliseconds.append(1e3 * seconds / len(batches))
        after = worker.memory()
        self.extra_bytes = max(self.extra_bytes, after["peak_bytes"] - worker.loaded_bytes)
        self.allocations.append(after["allocations"] - before["allocations"])


class CaseRun:
    def __init__(self, group, case, lengths, device):
        self.group, self.case, self.steps = group, case, group.steps
        count = self.steps.checked + self.steps.pairs * self.steps.incipit
        drawn = shapes.batches(case.work, count, case.batch, seed=7, lengths=lengths)
        self.checked, self.timed = drawn[:self.steps.checked], drawn[self.steps.checked:]
        self.met = shapes.batches(case.work, self.steps.met, case.batch, seed=8, lengths=lengths)
        self.prompt = case.virtual_tokens if case.work == "train" else 0
        self.rows = [shapes.forest_rows(batch, self.prompt) for batch in self.timed]
        small = device != "cpu" and max(self.rows) <= GRAPH_ROWS
        self.incipit = ("incipit", "graphs") if small else ("incipit",)
        self.blocks = {name: Blocks() for name in (*WAYS, *self.incipit)}
        self.passes = self.replayed = 0  # of the timed blocks with graphs
        self.attention = {"documented": DEFAULT_ATTENTION}

    def prepare_peft(self, peft):
        self.attention["targets"] = peft.fastest_attention(self.case.work, self.checked[:1])
        for name, way in WAYS.items():
            peft.choose(way, self.attention[name])
            self.blocks[name].run_checked(peft, self.case.work, self.checked)

    def block(self, pair, steps):
        first = pair * self.steps.incipit
        return self.timed[first:first + steps]

    def peft_block(self, peft, pair):
        for name, way in WAYS.items():
            peft.choose(way, self.attention[name])
            self.blocks[name].run_block(peft, self.case.work, self.block(pair, self.steps.peft))

    def prepare_incipit(self, incipit):
        for name in self.incipit:
            if name == "graphs":
                incipit.use_graphs(True)
                incipit.run(self.case.work, self.met)
            self.blocks[name].run_checked(incipit, self.case.work, self.checked)
        if "graphs" in self.incipit:
            incipit.use_graphs(False)

    def incipit_block(self, incipit, pair):
        for name in self.incipit:
            if name == "graphs":
                before = incipit.use_graphs(True)
            self.blocks[name].run_block(incipit, self.case.work,
                                        self.block(pair, self.steps.incipit))
            if name == "graphs":
                passes, replayed = incipit.use_graphs(False)
                self.passes += passes - before[0]
                self.replayed += replayed - before[1]

    def result(self, matmuls, alternating):
        group, case = self.group, self.case
        rows = self.rows
        times = matmuls.seconds(rows, backward=case.work == "train")
        ms = {name: statistics.median(blocks.milliseconds)
              for name, blocks in self.blocks.items()}
        ms["matmuls"] = 1e3 * statistics.fmean(times)
        flops = (case.rows_factor() * shapes.SHAPES[group.shape].layer_parameters()
                 * statistics.fmean(rows))
        fastest = min(ms[name] for name in self.incipit)
        # A score is a log-likelihood of one example; a loss is already a mean over a batch.
        kind = "float32" if case.work == "train" else group.dtype
        differs = {f"{peft}, {name}": disagreement(self.blocks[peft].checked,
                                                   self.blocks[name].checked, kind)
                   for peft in WAYS for name in self.incipit}
        return {"shape": group.shape, "dtype": group.dtype, "work": case.work, "batch": case.batch,
                "virtual_tokens": self.prompt, "alternating": alternating, "milliseconds": ms,
                "milliseconds_of_blocks": {name: blocks.milliseconds
                                           for name, blocks in self.blocks.items()},
                "tflops": {name: flops / ms[name] / 1e9 for name in (*self.incipit, "matmuls")},
                "over_matmuls": {name: ms[name] / ms["matmuls"] for name in self.incipit},
                "speed_over_peft": {name: ms[name] / fastest for name in WAYS},
                "replayed": self.replayed / self.passes if self.passes else None,
                "extra_bytes": {name: blocks.extra_bytes for name, blocks in self.blocks.items()},
                "driver_allocations": {name: blocks.allocations
                                       for name, blocks in self.blocks.items()},
                "peft_attention": self.attention, "disagreement": differs,
                "agrees": max(differs.values()) <= TOLERANCE[group.dtype],
                "checked": {name: blocks.checked for name, blocks in self.blocks.items()}}


def run_in_turns(runs, start_peft, start_incipit):
    """Loads each side once, so that blocks alternate."""
    with start_peft() as peft, start_incipit() as incipit:
        for run in runs:
            run.prepare_peft(peft)
            run.prepare_incipit(incipit)
            for pair in range(run.steps.pairs):
                first, second = (run.peft_block, peft), (run.incipit_block, incipit)
                for block, worker in (first, second) if pair % 2 == 0 else (second, first):
                    block(worker, pair)


def run_one_by_one(runs, start_peft, start_incipit):
    """For a model that fits the device only once."""
    with start_peft() as peft:
        for run in runs:
            run.prepare_peft(peft)
            for pair in range(run.steps.pairs):
                run.peft_block(peft, pair)
    with start_incipit() as incipit:
        for run in runs:
            run.prepare_incipit(incipit)
            for pair in range(run.steps.pairs):
                run.incipit_block(incipit, pair)


def compare(group, model, folder, device, device_gib, threads, lengths=None):
    """Returns the results of a group's cases."""
    hidden = shapes.SHAPES[group.shape].hidden
    together = group.fits_together(device_gib)
    all_runs = []
    for work in dict.fromkeys(case.work for case in group.cases):
        runs = [CaseRun(group, case, lengths if work == "train" else None, device)
                for case in group.cases if case.work == work]
        prompt = (shapes.write_prompt(runs[0].case.virtual_tokens, hidden, folder)
                  if work == "train" else None)
        common = {"model": str(model), "dtype": group.dtype, "prompt": prompt,
                  "learning_rate": LEARNING_RATE}
        (run_in_turns if together else run_one_by_one)(
            runs, lambda: Peft(folder, device, threads, **common),
            lambda: Incipit(folder, device, threads, **common))
        all_runs += runs
    with Matmuls(folder, device, threads, group.shape, group.dtype) as matmuls:
        return [run.result(matmuls, together) for run in all_runs]
