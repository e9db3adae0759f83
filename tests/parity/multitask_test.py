#!/usr/bin/env python3
"""Multi-task prompt tuning, compared with PEFT's MULTITASK_PROMPT_TUNING and torch.optim.AdamW.

    multitask_test.py INCIPIT

Trains the prompts of two tasks on a tiny Llama for 20 steps, from the initial values that Incipit
draws: the losses of PEFT, its parameters, and adapters that each loads from the other, with equal
log-likelihoods. A run that stops and resumes ends in the same bytes, and one may start from another.
The texts are invented here.
"""
import json
import subprocess
import sys

import torch
from peft import MultitaskPromptTuningConfig, PeftModel, TaskType, get_peft_model
from safetensors.torch import load_file

from training import (BATCH, LOSSES_WITHIN, RATE, SCORES_WITHIN, STEPS, TRAIN, WEIGHTS_WITHIN,
                      Checks, apart, largest_difference, load_model, log_likelihood, losses,
                      new_folder, read_lines, relative_change, train, write_config)

TOKENS, RANKS = 5, 2
# Words after the text, and the answers.
TASKS = {"colours": (" is", {"blue": " blue", "green": " grn"}),
         "warmth": (" seems", {"blue": " cold", "green": " mild"})}
NAMES = {"prompt_embeddings": "embedding.weight"}  # of parameters whose name PEFT stores is another

TASK = """
train: train.jsonl
test: test.jsonl
validation: 0
on_overlap: warn
template: "{{text}}{words}"
verbalizer: {answers}
bos: none
"""

MIXED = """
run: {{name: mixed, output_dir: "{folder}/whole", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method: {{kind: multitask_prompt_tuning, num_virtual_tokens: {tokens}, num_ranks: {ranks}}}
tasks:
  colours: {{name: "{folder}/colours.yaml", data_dir: "{folder}"}}
  warmth: {{name: "{folder}/warmth.yaml", data_dir: "{folder}"}}
mixture: {{sampling: even, prompts: shared}}
""" + TRAIN

checks = Checks()


class Incipit:
    def __init__(self, program, folder):
        self.program, self.folder, self.config = program, folder, folder / "mixed.yaml"
        for task, (words, answers) in TASKS.items():
            (folder / f"{task}.yaml").write_text(TASK.format(words=words, answers=json.dumps(answers)))
        self.config.write_text(MIXED.format(folder=folder, tokens=TOKENS, ranks=RANKS, steps=STEPS,
                                            batch=BATCH, rate=RATE))

    def start(self, command, name, *words, config=None):
        return subprocess.run([self.program, command, config or self.config, "--set",
                               f"run.output_dir={self.folder / name}", *words],
                              capture_output=True, text=True, check=False)

    def run(self, command, name, *words, config=None):
        done = self.start(command, name, *words, config=config)
        if done.returncode != 0:
            raise SystemExit(f"{command} {name}: {done.stderr}")
        return self.folder / name

    def train(self, name, *settings, config=None):
        words = [word for setting in settings for word in ("--set", setting)]
        return self.run("train", name, *words, config=config)

    def scores(self, name, adapters):
        """By task."""
        words = [word for task, adapter in adapters.items()
                 for word in ("--adapter", f"{task}={adapter}")]
        folder = self.run("eval", name, *words)
        return {task: [line["scores"] for line in read_lines(folder / f"predictions/{task}/test.jsonl")]
                for task in TASKS}

    def refuses(self, what, command, status, message, *words):
        done = self.start(command, "refused", *words)
        checks.holds(f"{what} is refused", done.returncode == status and message in done.stderr)


def parameters(run, step):
    """What is trained, in a checkpoint, with PEFT's names."""
    state = load_file(run / f"checkpoints/step-{step}/state.safetensors")
    found = {name.removeprefix("prompt."): tensor for name, tensor in state.items()
             if name.startswith("prompt.")}
    return {NAMES.get(name, name): tensor for name, tensor in found.items()}


def peft_model(folder, start):
    config = MultitaskPromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=TOKENS,
                                         num_tasks=len(TASKS), num_ranks=RANKS)
    model = get_peft_model(load_model(folder / "model"), config)
    model.prompt_encoder["default"].load_state_dict(start, strict=True)
    return model


def task_input(number):
    return {"task_ids": torch.tensor([number])}


def batches(records):
    """The examples in the order of Incipit: each batch has as many of each task, in file order."""
    each, examples = BATCH // len(TASKS), []
    for step in range(STEPS):
        for number, (words, answers) in enumerate(TASKS.values()):
            for record in records[step * each:(step + 1) * each]:
                examples.append((record["text"] + words, answers[record["label"]], task_input(number)))
    return examples


@torch.no_grad()
def scores(model, task, records, inputs=None):
    words, answers = TASKS[task]
    return [{label: log_likelihood(model, record["text"] + words, answer, inputs)[0].item()
             for label, answer in answers.items()} for record in records]


def expect_equal_scores(what, incipit, adapters, models):
    """`models` has for each task a model and its further inputs."""
    records = read_lines(incipit.folder / "test.jsonl")
    ours = incipit.scores(f"scored by {what}", adapters)
    for task, (model, inputs) in models.items():
        checks.within(f"{what}, log-likelihoods of {task}",
                      largest_difference(ours[task], scores(model, task, records, inputs)),
                      SCORES_WITHIN)


def compare(incipit):
    """Returns the run."""
    folder = incipit.folder
    first = incipit.train("first", "train.steps=1", "train.optimizer.lr=1e-30")
    start = parameters(first, 1)  # at this learning rate they did not move
    for name in ("prefix_task_cols", "prefix_task_rows"):
        checks.within(f"deviation of {name}", abs(float(start[name].std()) / 0.02 - 1), 0.5)
    model = peft_model(folder, start)
    run = incipit.train("whole")
    expected = train(model, model.prompt_encoder.parameters(),
                     batches(read_lines(folder / "train.jsonl")))
    print(f"the loss goes from {expected[0]:.3f} to {expected[-1]:.3f}")
    checks.within("losses, relative", apart(losses(run), expected), LOSSES_WITHIN)
    trained = model.prompt_encoder["default"].state_dict()
    checks.within("change of the parameters, relative",
                  relative_change(parameters(run, STEPS), trained, start), WEIGHTS_WITHIN)

    model.save_pretrained(folder / "peft")
    last, peft = run / "adapter/last", folder / "peft"
    configs = [json.loads((each / "adapter_config.json").read_text()) for each in (last, peft)]
    for config in configs:
        del config["base_model_name_or_path"]
    checks.holds("adapter_config.json is equal", configs[0] == configs[1])
    own = {task: last / task for task in TASKS}
    whole = PeftModel.from_pretrained(load_model(folder / "model"), last)
    expect_equal_scores("our adapter", incipit, own,
                        {task: (whole, task_input(i)) for i, task in enumerate(TASKS)})
    expect_equal_scores("our adapters of the tasks", incipit, own,
                        {task: (PeftModel.from_pretrained(load_model(folder / "model"), own[task]), {})
                         for task in TASKS})
    theirs = PeftModel.from_pretrained(load_model(folder / "model"), peft)
    expect_equal_scores("PEFT's adapter", incipit,
                        {task: peft / str(i) for i, task in enumerate(TASKS)},
                        {task: (theirs, task_input(i)) for i, task in enumerate(TASKS)})
    return run


def resume(incipit, run):
    resumed = incipit.train("resumed", f"train.steps={STEPS // 2}")
    incipit.train("resumed")
    files = [f"adapter/last/{task}{name}" for task in ("", "colours/", "warmth/")
             for name in ("adapter_model.safetensors", "adapter_config.json")]
    for name in [*files, f"checkpoints/step-{STEPS}/state.safetensors"]:
        checks.holds(f"resumed, {name} is equal",
                     (run / name).read_bytes() == (resumed / name).read_bytes())


def start_from(incipit, run):
    """A task starts from that of its name, and a new one from the mean."""
    trained = parameters(run, STEPS)
    settings = ("method.init.kind=file", f"method.init.path={run / 'adapter/last'}", "train.steps=1",
                "train.optimizer.lr=1e-30")
    again = parameters(incipit.train("again", *settings), 1)
    checks.holds("a run starts from an adapter",
                 all(torch.equal(again[name], trained[name]) for name in trained))
    config = incipit.folder / "single.yaml"
    write_config(config, incipit.folder, {"kind": "multitask_prompt_tuning",
                                          "num_virtual_tokens": TOKENS, "num_ranks": RANKS})
    single = parameters(incipit.train("single", *settings, config=config), 1)
    for name in ("prefix_task_cols", "prefix_task_rows"):
        checks.within(f"{name} of a new task",
                      float((single[name] - trained[name].mean(0, keepdim=True)).abs().max()), 1e-7)
    checks.holds("what tasks have in common stays",
                 torch.equal(single["embedding.weight"], trained["embedding.weight"]))


def refuse(incipit, run):
    last = run / "adapter/last"
    incipit.refuses("an adapter of two tasks for one", "eval", 3, "has the prompts of 2 tasks",
                    "--adapter", f"colours={last}", "--adapter", f"warmth={last}/warmth")
    incipit.refuses("a task that is not there", "eval", 3, "expected one of colours, warmth",
                    "--adapter", f"colours={last}/tones", "--adapter", f"warmth={last}/warmth")
    incipit.refuses("a separate prompt for each task", "train", 2, "mixture.prompts",
                    "--set", "mixture.prompts=per_task")
    incipit.refuses("rank 0", "train", 2, "num_ranks", "--set", "method.num_ranks=0")


def main():
    with new_folder() as folder:
        incipit = Incipit(sys.argv[1], folder)
        run = compare(incipit)
        resume(incipit, run)
        start_from(incipit, run)
        refuse(incipit, run)
    checks.end()


if __name__ == "__main__":
    main()
