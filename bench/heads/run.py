#!/usr/bin/env python3
"""Trains the methods of settings.py with heads, continuing from the runs that are finished.

    .venv/bin/python bench/heads/run.py [--minutes 60] [--only TASK ...]

Every finished run is a file in bench/results/heads; table.py makes tables from them. README.md
describes the comparison.
"""
import argparse
import json
import math
import sys
import time

import counts
from settings import CHOICE_SEED, CONFIG, METHODS, ROOT, SEEDS, TASKS, data_of, records_of, settings_of
from settings import run_records


class Heads(run_records.Runner):
    def __init__(self, task, deadline):
        super().__init__(records_of(task), ROOT / "runs/heads", deadline)
        self.task = task

    def learned(self, method, rate, seed):
        settings = settings_of(self.task, method, rate)

        def run(output):
            chosen = seed != CHOICE_SEED
            self.incipit("train", CONFIG, *run_records.assignments(
                {**settings, "task.data_dir": data_of(self.task), "run.seed": seed,
                 "run.output_dir": output, **({} if chosen else {"task.test": "''"})}))
            self.incipit("eval", output, "--split", "validation", "--name", "validation")
            figures = {"validation": self.score(output / "evaluations/validation", "validation")}
            if chosen:
                figures["test"] = self.counted(output)
            return {**figures, **run_records.made_with(output / "evaluations/validation"),
                    **run_records.trained(output)}

        return self.record(method, seed, settings, run)

    def score(self, folder, split):
        scores = json.loads((folder / "scores.json").read_text(encoding="utf8"))
        return scores[split][TASKS[self.task]]

    def counted(self, output):
        """The counts of the test answers, whose score must be Incipit's."""
        lines = (output / "predictions/test.jsonl").read_text(encoding="utf8").splitlines()
        found = [counts.COUNT[self.task](json.loads(line)) for line in lines]
        here, there = counts.score(self.task, found), self.score(output, "test")
        if not math.isclose(here, there, abs_tol=1e-9):
            sys.exit(f"{output}: the score counted here is {here}, Incipit's is {there}")
        return found

    def best_rate(self, method):
        """The learning rate with the highest score on the validation split."""
        return run_records.best_rate(METHODS[method]["rates"], lambda rate: -self.learned(
            method, rate, CHOICE_SEED)["validation"])

    def run_all(self):
        rates = {method: self.best_rate(method) for method in METHODS}
        for seed in SEEDS:
            for method, rate in rates.items():
                self.learned(method, rate, seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no run after these")
    parser.add_argument("--only", nargs="+", default=list(TASKS), choices=list(TASKS), metavar="TASK")
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60 * arguments.minutes
    try:
        for task in arguments.only:
            Heads(task, deadline).run_all()
    except TimeoutError:
        print(f"stopped after {arguments.minutes:g} minutes; start again to continue")


if __name__ == "__main__":
    main()
