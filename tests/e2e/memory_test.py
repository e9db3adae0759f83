#!/usr/bin/env python3
"""Memory of ranks by their ledgers against the prediction of `incipit plan`, on every kind of mesh.

    memory_test.py INCIPIT MPIRUN MODEL_DIR

A small random model on all of them, and the model in MODEL_DIR on one of each kind. Texts are
equally long and begin differently, as `plan` assumes. The ledger counts every tensor.
"""
import json
import random
import sys
from pathlib import Path

import program
import tiny

WEIGHTS_WITHIN = 0.02
PEAK_WITHIN = 0.15
LETTERS = "abcdefghijklmnopqrstuvwxyz"

# Ranks and settings.
MESHES = {
    "one rank": (0, []),
    "one rank, micro-batches": (0, ["train.micro_batch_tokens=200"]),
    "one rank, bfloat16": (0, ["model.dtype=bfloat16"]),
    "data 2": (2, ["parallel.data=2"]),
    "tensor 2": (2, ["parallel.tensor=2"]),
    "tensor 3": (3, ["parallel.tensor=3"]),
    "tensor 2, bfloat16": (2, ["parallel.tensor=2", "model.dtype=bfloat16"]),
    "pipeline 2": (2, ["parallel.pipeline=2"]),
    "pipeline 3": (3, ["parallel.pipeline=3"]),
    "fsdp 2": (2, ["parallel.fsdp=2"]),
    "fsdp 3": (3, ["parallel.fsdp=3"]),
    "data 2 x tensor 2": (4, ["parallel.data=2", "parallel.tensor=2"]),
    "data 2 x pipeline 2": (4, ["parallel.data=2", "parallel.pipeline=2"]),
    "pipeline 2 x tensor 2": (4, ["parallel.pipeline=2", "parallel.tensor=2"]),
    "data 2 x fsdp 2": (4, ["parallel.data=2", "parallel.fsdp=2"]),
}
MODEL_MESHES = ("one rank", "tensor 2", "tensor 3", "pipeline 2", "fsdp 2")

MIXED = """run: {{name: mixed}}
method: {{kind: prompt_tuning}}
tasks:
  first: {{name: "{folder}/levels.yaml", data_dir: "{folder}"}}
  second: {{name: "{folder}/levels.yaml", data_dir: "{folder}"}}
mixture: {{sampling: even}}
"""
MIXED_PROMPT_ROWS = 60  # so that forgetting one of the two is seen

TASK = """train: train.jsonl
template: "{text}"
verbalizer: {high: " 1", low: " 0"}
"""
PROMPT_ROWS = 6


def write_records(path, words):
    draw = random.Random(7)
    with path.open("w", encoding="utf8") as file:
        for index in range(24):
            file.write(json.dumps({"idx": index, "text": " ".join(words(draw, index)),
                                   "label": draw.choice(["high", "low"])}) + "\n")


def norm_bytes(config):
    """Bytes of all norms in float32, which every FSDP rank keeps whole."""
    return 4 * (2 * config["num_hidden_layers"] + 1) * config["hidden_size"]


def layer_bytes(config):
    """Of a layer's weights in float32, from config.json."""
    hidden, heads, keys = (config[key] for key in ("hidden_size", "num_attention_heads",
                                                   "num_key_value_heads"))
    head = config.get("head_dim") or hidden // heads
    return 4 * (2 * hidden * head * (heads + keys) + 3 * hidden * config["intermediate_size"]
                + 2 * hidden)


class Memory(program.ProgramTest):
    MODEL = Path()

    @classmethod
    def setUpClass(cls):
        tiny.HIDDEN, tiny.LAYERS, tiny.HEADS, tiny.KV_HEADS, tiny.HEAD_DIM, tiny.MLP = \
            96, 8, 6, 3, 16, 256
        super().setUpClass()
        (cls.folder / "levels.yaml").write_text(TASK)

    def measure(self, name, model, batch):
        """(the ranks' reports, the plan of the run's mesh)"""
        ranks, sets = MESHES[name]
        sets = [f"task.name={self.folder}/levels.yaml", "task.validation=0",
                f"method.num_virtual_tokens={PROMPT_ROWS}", *sets]
        run = f"{'model' if model == self.MODEL else 'tiny'}, {name}"
        return self.run_and_plan(self.config, run, model, batch, ranks, sets, PROMPT_ROWS)

    def run_and_plan(self, config, run, model, batch, ranks, sets, prompt_rows):
        sets = [f"model.path={model}", f"train.batch_size={batch}", "train.steps=2",
                "train.eval_every=0", "train.checkpoint_every=0", f"run.output_dir={run}", *sets]
        words = [word for setting in sets for word in ("--set", setting)]
        self.incipit("train", config, *words, ranks=ranks, OMP_NUM_THREADS="1")
        run = self.folder / run
        step = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
        rows = round((step["tokens"] - self.copies(run) * prompt_rows) / batch)
        plan = json.loads(self.incipit("plan", config, *words, "--json", "--tokens",
                                       str(rows)).stdout)
        return json.loads((run / "memory.json").read_text())["ranks"], plan["meshes"][0]["bytes"]

    @staticmethod
    def copies(run):
        mesh = json.loads((run / "manifest.json").read_text())["mesh"]
        return mesh["data"] * mesh["fsdp"]

    def compare(self, meshes, model, batch):
        held = {}
        for name in meshes:
            held[name] = self.assert_as_predicted(f"{model.name}, {name}",
                                                  *self.measure(name, model, batch))
        return held

    def assert_as_predicted(self, name, reports, planned):
        """Returns the bytes of the fullest rank's weights."""
        weights = max(rank["host_tensors"]["weights"]["bytes"] for rank in reports)
        peak = max(rank["host_tensors"]["all"]["peak_bytes"] for rank in reports)
        off = [planned["weights"] / weights - 1, planned["all"] / peak - 1]
        print(f"{name}: weights {weights:,}, predicted {100 * off[0]:+.1f} %; "
              f"peak {peak:,}, predicted {100 * off[1]:+.1f} %")
        with self.subTest(name):
            self.assertLess(abs(off[0]), WEIGHTS_WITHIN)
            self.assertLess(abs(off[1]), PEAK_WITHIN)
        return weights

    def shares(self, held, config):
        """Every rank has only its part of the weights."""
        total = held["one rank"]
        for name, weights in held.items():
            ranks = MESHES[name][0]
            with self.subTest(name):
                if name in ("tensor 2", "tensor 3"):
                    self.assertLessEqual(weights, 1.02 * total / ranks)
                if name in ("fsdp 2", "fsdp 3"):
                    self.assertLessEqual(weights, total / ranks + 2 * layer_bytes(config)
                                         + norm_bytes(config))

    def write_letters(self):
        write_records(self.folder / "train.jsonl",
                      lambda draw, index: (LETTERS[index] + "".join(draw.choices(LETTERS, k=4))
                                           for _ in range(10)))

    def test_of_two_prompts_is_as_predicted(self):
        self.write_letters()
        config = self.folder / "mixed.yaml"
        config.write_text(MIXED.format(folder=self.folder))
        for name in ("one rank", "one rank, micro-batches", "data 2"):
            ranks, sets = MESHES[name]
            sets = [f"method.num_virtual_tokens={MIXED_PROMPT_ROWS}", "tasks.first.validation=0",
                    "tasks.second.validation=0", *sets]
            self.assert_as_predicted(f"two prompts, {name}", *self.run_and_plan(
                config, f"mixed, {name}", self.folder / "model", 12, ranks, sets,
                2 * MIXED_PROMPT_ROWS))

    def test_of_a_prefix_is_as_predicted(self):
        self.write_letters()
        for name in ("one rank", "one rank, micro-batches", "data 2", "tensor 2", "pipeline 2",
                     "fsdp 2"):
            ranks, sets = MESHES[name]
            sets = [f"task.name={self.folder}/levels.yaml", "task.validation=0",
                    "method.kind=prefix_tuning", "method.init.kind=auto",
                    f"method.num_virtual_tokens={PROMPT_ROWS}", *sets]
            self.assert_as_predicted(f"prefix, {name}", *self.run_and_plan(
                self.config, f"prefix, {name}", self.folder / "model", 12, ranks, sets, 0))

    def test_of_a_small_model_is_as_predicted_on_every_mesh(self):
        self.write_letters()
        held = self.compare(MESHES, self.folder / "model", 12)
        self.shares(held, json.loads((self.folder / "model/config.json").read_text()))

    def test_of_the_default_model_is_as_predicted_on_each_kind_of_mesh(self):
        # Common words: a token each.
        common = ("time year people way day man thing woman life child world school state family "
                  "student group country problem hand part place case week company").split()
        write_records(self.folder / "train.jsonl",
                      lambda draw, index: [common[index], *draw.choices(common, k=60)])
        held = self.compare(MODEL_MESHES, self.MODEL, 4)
        with open(self.MODEL / "config.json", encoding="utf8") as file:
            self.shares(held, json.load(file))


if __name__ == "__main__":
    Memory.MODEL = Path(sys.argv[3])
    program.main()
