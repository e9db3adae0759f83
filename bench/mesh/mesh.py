#!/usr/bin/env python3
"""Cost of each mesh: 2 ranks x 1 thread compared with 1 rank x 2 threads, on the same global batch.

    .venv/bin/python bench/mesh/mesh.py [--steps 12] [--rounds 3] [--out bench/results/mesh-NAME]
                                        [--recipe rte] [--meshes "data 2"]

Trains the default model in float32 on the town_hall task, or that of another recipe: B=32, P=20 for
every mesh, and B=8, P=100 for data parallelism, where both ranks compute the soft prompt. Runs take
turns for --rounds rounds. A run counts with its median step, without the first two steps. Prints a
table of examples/s, the ratio to one rank, and the share of a step that rank 0 spends in communication,
including waits for the other rank. --out writes the table to NAME.md and NAME.json. The machine should
do nothing else.
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCIPIT = ROOT / "build/release/launcher/incipit"
MPIRUN = ROOT / "scripts/mpirun.sh"
RECIPES = ROOT / "configs/recipes"

ONE = "1 rank x 2 threads"
# (batch size, rows of the prompt): the meshes.
CASES = {
    (32, 20): {"data 2": ["data=2"], "tensor 2": ["tensor=2"], "pipeline 2": ["pipeline=2"],
               "fsdp 2": ["fsdp=2"]},
    (8, 100): {"data 2": ["data=2"]},
}
UNCOUNTED_STEPS = 2


def run(recipe, batch, rows, parallel, steps):
    """Returns (median seconds per step, share of the time in communication) of rank 0."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ["model.dtype=float32", f"train.batch_size={batch}",
                    f"method.num_virtual_tokens={rows}", f"train.steps={steps}",
                    "train.loss=target_tokens", "train.optimizer.lr=0.001", "train.eval_every=0",
                    "train.checkpoint_every=0", 'task.test=""', f"run.output_dir={folder}/run"]
        settings += [f"parallel.{setting}" for setting in parallel]
        command = [str(INCIPIT), "train", str(RECIPES / f"{recipe}.yaml")]
        for setting in settings:
            command += ["--set", setting]
        environment = dict(os.environ, OMP_NUM_THREADS="1" if parallel else "2")
        if parallel:
            command = [str(MPIRUN), "-n", "2", *command]
        subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        lines = map(json.loads, (Path(folder) / "run/metrics.jsonl").read_text().splitlines())
        counted = [line for line in lines if "loss" in line][UNCOUNTED_STEPS:]
        seconds = [step["seconds"] for step in counted]
        return (statistics.median(seconds),
                sum(step["comm_seconds"] for step in counted) / sum(seconds))


def measure(recipe, case, meshes, steps, rounds):
    seen = {name: [] for name in (ONE, *meshes)}
    for _ in range(rounds):
        for name in seen:
            seen[name].append(run(recipe, *case, meshes.get(name, []), steps))
    return {name: {"batch_size": case[0], "prompt_rows": case[1],
                   "seconds": statistics.median(seconds for seconds, _ in runs),
                   "communication": statistics.median(share for _, share in runs)}
            for name, runs in seen.items()}


def table(results):
    lines = ["| B | P | mesh | s/step | examples/s | beside one rank | in communication |",
             "| ---: | ---: | --- | ---: | ---: | ---: | ---: |"]
    for result in results:
        for name, r in result.items():
            lines.append(f"| {r['batch_size']} | {r['prompt_rows']} | {name} | {r['seconds']:.3f} "
                         f"| {r['batch_size'] / r['seconds']:.1f} "
                         f"| {result[ONE]['seconds'] / r['seconds']:.2f}x "
                         f"| {100 * r['communication']:.0f} % |")
    return "\n".join(lines)


def machine():
    """Returns processor and number of cores of this machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines
                 if line.startswith("model name")), "unknown")
    return f"{name}, {os.cpu_count()} cores"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recipe", default="town_hall")
    parser.add_argument("--meshes", nargs="+", help='only these, like "data 2"')
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    results = []
    for case, meshes in CASES.items():
        wanted = {name: mesh for name, mesh in meshes.items()
                  if not arguments.meshes or name in arguments.meshes}
        results.append(measure(arguments.recipe, case, wanted, arguments.steps, arguments.rounds))
    text = table(results)
    print(text)
    if load > 0.5:
        print(f"\nThe machine was busy before (load {load:.1f}): these figures mean little.")
    if arguments.out:
        facts = {"date": datetime.date.today().isoformat(), "machine": machine(),
                 "recipe": arguments.recipe,
                 "steps": arguments.steps, "rounds": arguments.rounds, "load_before": load}
        arguments.out.with_suffix(".md").write_text(
            f"`bench/mesh/mesh.py --recipe {arguments.recipe} --steps {arguments.steps} "
            f"--rounds {arguments.rounds}` on "
            f"{facts['machine']}, {facts['date']}\n\n{text}\n")
        arguments.out.with_suffix(".json").write_text(
            json.dumps(facts | {"results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
