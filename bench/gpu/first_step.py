"""Measures how long `incipit train` takes from its start to the numbers of its first step."""
import json
import random
import subprocess
import time

from sides import LAUNCH, ROOT

STEPS = 4
DEADLINE = 120  # seconds

TASK = """train: train.jsonl
template: "{text} is"
verbalizer: {blue: " blue", green: " green"}
"""

CONFIG = """run: {{name: first_step, output_dir: "{folder}/run"}}
model: {{path: "{model}", dtype: bfloat16, device: {device}}}
method: {{kind: prompt_tuning, num_virtual_tokens: 100, init: {{kind: sampled_vocab}}}}
task: {{name: "{folder}/colours.yaml", data_dir: "{folder}", validation: 0}}
train: {{steps: {steps}, batch_size: 32, eval_every: 0, checkpoint_every: 0}}
log: {{profile: true}}
"""


def write_task(folder, records=160):
    draw = random.Random(5)
    things = {"sky": "blue", "grass": "green", "sea": "blue", "moss": "green"}
    with (folder / "train.jsonl").open("w", encoding="utf8") as file:
        for index in range(records):
            thing = draw.choice(sorted(things))
            text = f"the {thing} of day {index}" + " and of the day after it" * draw.randrange(12)
            file.write(json.dumps({"idx": index, "text": text, "label": things[thing]}) + "\n")
    (folder / "colours.yaml").write_text(TASK)


def measure(model, shape, parent, device):
    """Returns the seconds from the start of the program until the first step is logged."""
    folder = parent / "first_step"
    folder.mkdir()
    write_task(folder)
    config = folder / "run.yaml"
    config.write_text(CONFIG.format(folder=folder, model=model, device=device, steps=STEPS))
    log = folder / "run" / "metrics.jsonl"
    output = folder / "output.log"
    start = time.monotonic()
    with output.open("w") as file:
        program = subprocess.Popen([*LAUNCH, str(ROOT / "bin" / "incipit"), "train", str(config)],
                                   stdout=file, stderr=subprocess.STDOUT)
    while not (log.exists() and log.stat().st_size > 0):
        if program.poll() is not None or time.monotonic() - start > DEADLINE:
            break
        time.sleep(0.02)
    seconds = time.monotonic() - start
    try:
        code = program.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        program.kill()
        code = program.wait()
    if code != 0:
        raise RuntimeError(f"incipit train ended with {code}: {output.read_text()[-1000:]}")
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    profile = json.loads((folder / "run" / "profile" / "phases.json").read_text())
    return {"shape": shape, "seconds": seconds, "whole_run_seconds": time.monotonic() - start,
            "phases": profile["phases"],
            "step_seconds": [step["seconds"] for step in steps if "loss" in step]}
