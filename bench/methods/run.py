#!/usr/bin/env python3
"""Runs the methods of settings.py, continuing from the runs that are finished.

    .venv/bin/python bench/methods/run.py [--minutes 60] [--only METHOD ...] [--ranks 1]

Every finished run is a file in bench/results/methods; table.py makes tables from them. README.md
describes the comparison.
"""
import argparse
import time

import baselines
import messages
from messages import RECORDS, run_records
from settings import CHOICE_SEED, CONFIG, LEARNED, ROOT, SCORED, SEEDS, SHOTS, SPLITS

NO_TRAINING = {"method.kind": "none"}
assignments = run_records.assignments


class Methods(run_records.Runner):
    def evaluate(self, what, output, which):
        """The log-likelihoods that a run or a configuration gives the messages of SPLITS[which]."""
        split = "validation" if which == "validation" else "test"
        test = assignments({"task.test": SPLITS[which]}) if split == "test" else []
        self.incipit("eval", *what, *test, "--split", split, "--name", which)
        return messages.read_scores(output / f"evaluations/{which}/predictions/{split}.jsonl")

    def scored(self, what, output, chosen):
        """The figures of a run; only one with chosen settings is scored on more than validation."""
        validation = self.evaluate(what, output, "validation")
        figures = {"validation": messages.cross_entropy(validation, "validation")}
        for which in SCORED if chosen else ():
            figures[which] = self.evaluate(what, output, which)
        return {**figures, **run_records.made_with(output / "evaluations/validation")}

    def learned(self, method, rate, seed):
        settings = {**LEARNED[method]["set"], "train.optimizer.lr": rate}

        def run(output):
            self.incipit("train", CONFIG, *assignments(
                {**settings, "run.seed": seed, "run.output_dir": output}))
            return {**self.scored([output], output, seed != CHOICE_SEED),
                    **run_records.trained(output)}

        return self.record(method, seed, settings, run)

    def best_rate(self, method):
        """The learning rate with the lowest cross-entropy on the validation split."""
        return run_records.best_rate(LEARNED[method]["rates"], lambda rate: self.learned(
            method, rate, CHOICE_SEED)["validation"])

    def few_shot(self, seed):
        settings = {**NO_TRAINING, "task.shots": SHOTS}

        def run(output):
            what = [CONFIG, *assignments({**settings, "run.seed": seed, "run.output_dir": output})]
            return self.scored(what, output, chosen=True)

        self.record("few-shot", seed, settings, run)

    def best_template(self):
        def run(output):
            self.incipit("compare", CONFIG, "--templates", "configs/templates/town_hall.yaml",
                         "--output", output,
                         *assignments({**NO_TRAINING, "task.test": SPLITS["fresh"]}))
            return self.scored([output], output, chosen=True)

        self.record("best template", 1, NO_TRAINING, run)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no run after these")
    parser.add_argument("--only", nargs="+", default=list(LEARNED), choices=list(LEARNED),
                        metavar="METHOD", help="learned methods to run")
    parser.add_argument("--ranks", type=int, default=1)
    arguments = parser.parse_args()
    runner = Methods(RECORDS, ROOT / "runs/methods", time.monotonic() + 60 * arguments.minutes,
                     arguments.ranks)
    try:
        for method, run in baselines.METHODS.items():
            runner.record(method, 1, {}, lambda output, run=run: run())
        runner.best_template()
        for seed in SEEDS:
            runner.few_shot(seed)
        rates = {method: runner.best_rate(method) for method in arguments.only}
        for seed in SEEDS:
            for method, rate in rates.items():
                runner.learned(method, rate, seed)
    except TimeoutError:
        print(f"stopped after {arguments.minutes:g} minutes; start again to continue")


if __name__ == "__main__":
    main()
