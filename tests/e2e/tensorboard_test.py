#!/usr/bin/env python3
"""TensorBoard's own reader shows what metrics.jsonl says.  tensorboard_test.py INCIPIT MPIRUN"""
import importlib.util
import json
import re
import shutil
import struct
import sys

import program


def scalars(folder):
    """Returns {tag: {step: value}} of a run's event files. Fails if a step is there twice."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    found = {}
    for tag in events.Tags()["scalars"]:
        points = [(point.step, point.value) for point in events.Scalars(tag)]
        found[tag] = dict(points)
        assert len(found[tag]) == len(points), (tag, points)
    return found


def as_float(value):
    """The value as a 32-bit float has it."""
    return struct.unpack("f", struct.pack("f", value))[0]


class EventFiles(program.ProgramTest):
    def train(self, name, *settings):
        run = self.folder / name
        self.incipit("train", self.config, "--set", f"run.output_dir={run}", "--set",
                     "log.tensorboard=true", "--set", "train.checkpoint_every=2", "--set",
                     "train.keep_checkpoints=3", *settings)
        return run

    def expect_same(self, run):
        """Every number of metrics.jsonl that is drawn is there, and no other step."""
        shown = scalars(run / "tensorboard")
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        expected = {}
        for line in lines:
            prefix = line.get("split", "train")
            for key, value in line.items():
                if key in ("loss", "learning_rate", "grad_norm") or ("split" in line and key not in
                                                                     ("step", "split")):
                    expected.setdefault(f"{prefix}/{key}", {})[line["step"]] = as_float(value)
        self.assertGreater(len(expected), 4)
        for tag, points in expected.items():
            self.assertEqual(shown[tag], points, tag)
        self.assertEqual(set(shown) - set(expected), {"train/seconds", "train/tokens_per_second"})

    def test_shows_what_the_log_says(self):
        run = self.train("whole")
        self.expect_same(run)

    def test_a_resumed_run_has_no_step_twice(self):
        run = self.train("resumed")
        manifest = run / "manifest.json"
        manifest.write_text(re.sub(r'"finished": "[^"]*"', '"finished": null', manifest.read_text()))
        shutil.rmtree(run / "checkpoints" / "step-6")
        self.assertEqual(self.train("resumed"), run)
        self.assertEqual(len(list((run / "tensorboard").iterdir())), 2)
        self.expect_same(run)

    def test_a_fresh_run_removes_old_points(self):
        run = self.train("fresh")
        first = list((run / "tensorboard").iterdir())
        self.train("fresh", "--fresh")
        second = list((run / "tensorboard").iterdir())
        self.assertEqual((len(first), len(second)), (1, 1))
        self.assertNotEqual(first, second)
        self.expect_same(run)

    def test_there_is_none_unless_asked_for(self):
        run = self.folder / "without"
        self.incipit("train", self.config, "--set", f"run.output_dir={run}")
        self.assertFalse((run / "tensorboard").exists())


if __name__ == "__main__":
    if importlib.util.find_spec("tensorboard") is None:
        print("skipped: tensorboard is not installed (requirements-test.txt)")
        sys.exit(77)
    program.main()
