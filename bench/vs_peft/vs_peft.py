#!/usr/bin/env python3
"""Compares training a prompt, a prefix or LoRA with PEFT and with Incipit. README.md in this folder describes the measurement.

    .venv/bin/python bench/vs_peft/vs_peft.py [--quick] [--dtype bfloat16] [--virtual-tokens 100]
"""
import argparse
import datetime
import json
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path.insert(0, str(HERE))
import report  # noqa: E402
import rte  # noqa: E402
from agreement import disagreement, flatten  # noqa: E402
from worker_process import WorkerError, WorkerProcess  # noqa: E402

WAYS = ("documented", "tuned")
TOLERANCE = {"float32": 2e-4, "bfloat16": 2e-2}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--dtype", nargs="+", default=list(TOLERANCE), choices=list(TOLERANCE))
    parser.add_argument("--method", default="prompt_tuning",
                        choices=["prompt_tuning", "prefix_tuning", "lora"])
    parser.add_argument("--virtual-tokens", nargs="+", type=int, default=[0, 20, 100], metavar="P",
                        help="0: evaluation, forward only; with --method lora the rank")
    parser.add_argument("--way", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--batch", type=int, default=8, help="examples per step")
    parser.add_argument("--steps", type=int, default=2, help="steps per block")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of blocks")
    parser.add_argument("--quick", action="store_true", help="2 pairs of 1 step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--compile", action="store_true", help="try torch.compile in the tuned way")
    parser.add_argument("--model", type=Path,
                        default=REPOSITORY / "models" / "smollm2-135m-instruct")
    parser.add_argument("--worker", type=Path, help="Incipit's worker", default=REPOSITORY /
                        "build" / "release" / "bench" / "vs_peft" / "incipit_bench_worker")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench" / "results",
                        help="folder of the results")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.pairs, arguments.steps = 2, 1
    if not arguments.worker.exists():
        parser.error(f"{arguments.worker} does not exist: run scripts/setup.sh first")
    return arguments


def initial_prompt(model, rows, folder, seed=0):
    """Writes the embeddings of `rows` sampled tokens to a .npy file for both sides; returns its path."""
    import numpy as np
    from safetensors import safe_open

    with safe_open(model / "model.safetensors", framework="np") as weights:
        table = weights.get_slice("model.embed_tokens.weight")
        ids = random.Random(seed).sample(range(1000, 20000), rows)
        values = np.stack([table[i:i + 1][0] for i in ids]).astype(np.float32)
    path = folder / f"prompt_{rows}.npy"
    np.save(path, values)
    return str(path)


def initial_prefix(model, rows, folder, seed=0):
    """Writes a random prefix as an adapter folder for both sides; returns its path."""
    import numpy as np
    from safetensors.numpy import save_file

    config = json.loads((model / "config.json").read_text())
    heads = config["num_key_value_heads"]
    width = heads * config["hidden_size"] // config["num_attention_heads"]
    layers = config["num_hidden_layers"]
    path = folder / f"prefix_{rows}"
    path.mkdir()
    values = 0.1 * np.random.default_rng(seed).standard_normal((rows, 2 * layers * width))
    save_file({"prompt_embeddings": values.astype(np.float32)}, path / "adapter_model.safetensors")
    (path / "adapter_config.json").write_text(json.dumps({
        "peft_type": "PREFIX_TUNING", "num_virtual_tokens": rows, "num_layers": layers,
        "num_attention_heads": heads, "token_dim": width, "prefix_projection": False}))
    return str(path)


def initial_lora(model, rank, folder, seed=0):
    """Writes random additions to queries and values as an adapter folder for both sides."""
    import numpy as np
    from safetensors.numpy import save_file

    config = json.loads((model / "config.json").read_text())
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    draw = np.random.default_rng(seed)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for module, outputs in (("q_proj", hidden),
                                ("v_proj", config["num_key_value_heads"] * hidden // heads)):
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            for part, shape in (("lora_A", (rank, hidden)), ("lora_B", (outputs, rank))):
                tensors[f"{name}.{part}.weight"] = (
                    0.01 * draw.standard_normal(shape)).astype(np.float32)
    path = folder / f"lora_{rank}"
    path.mkdir()
    save_file(tensors, path / "adapter_model.safetensors")
    (path / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank,
        "target_modules": ["q_proj", "v_proj"]}))
    return str(path)


class Comparison:
    """Comparison for one dtype, one P and one way of PEFT."""

    def __init__(self, arguments, dtype, virtual_tokens, way, rows, folder, progress):
        self.arguments, self.dtype, self.virtual_tokens, self.way = (arguments, dtype,
                                                                     virtual_tokens, way)
        self.progress = progress
        order = rte.in_file_order if way == "documented" else rte.by_length
        self.batches = order(rows, arguments.batch)
        start = {"prompt_tuning": initial_prompt, "prefix_tuning": initial_prefix,
                 "lora": initial_lora}
        self.prompt = (start[arguments.method](arguments.model, virtual_tokens,
                                               Path(tempfile.mkdtemp(dir=folder)))
                       if virtual_tokens else None)
        self.log = folder / "workers.log"
        self.key = "losses" if virtual_tokens else "scores"

    def load(self, command, **more):
        worker = WorkerProcess(command, self.log, self.arguments.threads)
        worker.ask("load", model=str(self.arguments.model), dtype=self.dtype, prompt=self.prompt,
                   threads=self.arguments.threads, learning_rate=self.arguments.learning_rate,
                   **more)
        return worker

    def load_peft(self, attention="sdpa", compiled=False):
        return self.load([sys.executable, str(HERE / "peft_worker.py")], way=self.way,
                         attention=attention, compile=compiled)

    def block(self, worker, batches):
        keys = ("source", "target") if self.virtual_tokens else ("source", "candidates")
        answer = worker.ask("train" if self.virtual_tokens else "score", batches=[
            [{key: row[key] for key in keys} for row in batch] for batch in batches])
        self.progress.advance(len(batches))
        return answer

    def fastest_peft(self):
        """Returns the options of the tuned way that ran a batch in the least time, after a warm-up."""
        if self.way == "documented":
            return {}
        best, tried = None, [{"attention": "eager"}, {"attention": "sdpa"}]
        if self.arguments.compile:
            tried += [dict(options, compiled=True) for options in tried]
        for options in tried:
            with self.load_peft(**options) as worker:
                self.block(worker, self.batches[:1])
                seconds = self.block(worker, self.batches[:1])["seconds"]
            if best is None or seconds < best[0]:
                best = (seconds, options)
        return best[1]

    def run(self):
        a = self.arguments
        options = self.fastest_peft()
        with self.load_peft(**options) as peft, self.load([str(a.worker)]) as ours:
            sides = {"peft": peft, "incipit": ours}
            loaded = {name: worker.resident_bytes() for name, worker in sides.items()}
            for worker in sides.values():
                self.block(worker, self.batches[-1:])  # warm-up
                worker.ask("reset")
                worker.reset_peak()
            answers = {name: [] for name in sides}
            for pair in range(a.pairs):
                batches = self.batches[pair * a.steps:(pair + 1) * a.steps]
                for name in sorted(sides, reverse=pair % 2 == 0):
                    answers[name].append(self.block(sides[name], batches))
            peaks = {name: worker.peak_bytes() for name, worker in sides.items()}
        return self.result(options, answers, loaded, peaks)

    def result(self, options, answers, loaded, peaks):
        a = self.arguments
        seconds = {name: [answer["seconds"] for answer in blocks]
                   for name, blocks in answers.items()}
        values = {name: [flat for answer in blocks for flat in flatten(answer[self.key])]
                  for name, blocks in answers.items()}
        difference = disagreement(values["peft"], values["incipit"], self.dtype)
        extra = {name: max(0, peaks[name] - loaded[name]) for name in peaks}
        return {
            "dtype": self.dtype, "virtual_tokens": self.virtual_tokens, "way": self.way,
            "peft_options": options,
            "examples_per_second": {name: a.batch * a.steps / statistics.median(times)
                                    for name, times in seconds.items()},
            "speed_ratio": statistics.median(
                p / i for p, i in zip(seconds["peft"], seconds["incipit"])),
            "extra_bytes": extra, "loaded_bytes": loaded,
            "memory_ratio": extra["incipit"] / extra["peft"] if extra["peft"] else None,
            "disagreement": difference, "agrees": difference <= TOLERANCE[self.dtype],
            "seconds": seconds, self.key: values,
        }


def main():
    arguments = parse_arguments()
    from transformers import AutoTokenizer

    try:
        path = rte.data_path(REPOSITORY)
    except FileNotFoundError as error:
        sys.exit(f"vs_peft: {error}")
    # Enough examples for one group of similar lengths, and for all blocks and the warm-up.
    count = arguments.batch * max(rte.MEGA_BATCHES, arguments.pairs * arguments.steps + 1)
    rows = rte.examples(AutoTokenizer.from_pretrained(arguments.model), path, count)
    cases = [(dtype, tokens, way) for dtype in arguments.dtype
             for tokens in arguments.virtual_tokens for way in arguments.way]
    blocks = 2 * (arguments.pairs * arguments.steps + 1)
    tries = 2 * (4 if arguments.compile else 2)
    progress = report.Progress(sum(blocks + (tries if way == "tuned" else 0)
                                   for _, _, way in cases))
    results = []
    with tempfile.TemporaryDirectory(prefix="vs_peft-") as folder:
        for dtype, tokens, way in cases:
            progress.title(f"{dtype} P={tokens} {way}")
            comparison = Comparison(arguments, dtype, tokens, way, rows, Path(folder), progress)
            try:
                results.append(comparison.run())
            except WorkerError as error:
                progress.close()
                print(comparison.log.read_text()[-3000:], file=sys.stderr)
                sys.exit(f"vs_peft: {error}")
    progress.close()
    settings = {key: getattr(arguments, key)
                for key in ("method", "batch", "steps", "pairs", "threads", "learning_rate", "compile")}
    document = {"date": datetime.date.today().isoformat(), "machine": report.machine(REPOSITORY),
                "settings": settings, "results": results}
    print(report.table(document))
    print("\nwritten:", *report.write(document, arguments.out))
    if not all(result["agrees"] for result in results):
        sys.exit("vs_peft: the two sides disagree by more than the tolerance")


if __name__ == "__main__":
    main()
