#!/usr/bin/env python3
"""Commands on a model that is split over ranks.  split_model_test.py INCIPIT MPIRUN"""
import json

import program

def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


class SplitModel(program.ProgramTest):
    def tensor(self, ranks):
        return ("--set", f"parallel.tensor={ranks}")

    def test_hold_their_shares_and_score_as_one_rank(self):
        self.incipit("train", self.config, "--set", "run.output_dir=whole")
        self.incipit("train", self.config, "--set", "run.output_dir=split", *self.tensor(2), ranks=2)
        whole, split = (json.loads((self.folder / run / "memory.json").read_text())["ranks"]
                        for run in ("whole", "split"))
        self.assertEqual([len(whole), len(split)], [1, 2])
        for rank in split:
            self.assertLess(rank["weight_bytes"], 1.02 * whole[0]["weight_bytes"] / 2)
            held = rank["host_tensors"]["weights"]["bytes"]
            self.assertAlmostEqual(held / rank["weight_bytes"], 1, delta=0.01)
        adapter = ("--adapter", self.folder / "whole" / "adapter" / "last")
        self.incipit("eval", self.config, *adapter, "--set", "run.output_dir=scored")
        self.incipit("eval", self.config, *adapter, "--set", "run.output_dir=scored_split",
                     *self.tensor(3), ranks=3)
        one, many = (read_lines(self.folder / run / "predictions" / "test.jsonl")
                     for run in ("scored", "scored_split"))
        for a, b in zip(one, many, strict=True):
            for label, score in a["scores"].items():
                self.assertAlmostEqual(b["scores"][label], score, delta=1e-4)

    def test_more_of_them_than_heads_are_refused_with_what_works(self):
        message = self.refused(2, "eval", self.config, "--set", "method.kind=none",
                               *self.tensor(5), ranks=5)
        self.assertIn("parallel.tensor: 5 ranks, but the model has 4 attention heads to split; "
                      "the nearest mesh of 5 ranks is data 5", message)

    def test_stages_and_fsdp_layers_score_as_one_rank(self):
        self.incipit("eval", self.config, "--set", "method.kind=none",
                     "--set", "run.output_dir=alone")
        for setting, ranks in (("pipeline=2", 2), ("fsdp=true", 3)):
            run = f"scored_{setting}"
            self.incipit("eval", self.config, "--set", "method.kind=none", "--set",
                         f"parallel.{setting}", "--set", f"run.output_dir={run}", ranks=ranks)
            one, many = (read_lines(self.folder / each / "predictions" / "test.jsonl")
                         for each in ("alone", run))
            for a, b in zip(one, many, strict=True):
                for label, score in a["scores"].items():
                    self.assertAlmostEqual(b["scores"][label], score, delta=1e-4)

    def test_more_stages_than_layers_are_refused_with_what_works(self):
        message = self.refused(2, "eval", self.config, "--set", "method.kind=none",
                               "--set", "parallel.pipeline=4", ranks=4)
        self.assertIn("parallel.pipeline: 4 ranks, but the model has 2 layers to split; "
                      "the nearest mesh of 4 ranks is data 2 x pipeline 2", message)


if __name__ == "__main__":
    program.main()
