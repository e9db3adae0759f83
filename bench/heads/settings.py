"""The tasks and methods that are compared, and the settings of each run."""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import run_records  # noqa: E402

CONFIG = ROOT / "bench/heads/heads.yaml"
CHOICE_SEED = 0  # chooses the learning rate, and nothing else
SEEDS = (1, 2, 3, 4, 5)

TASKS = {"entities": "entity_f1", "questions": "text_f1"}  # and their metrics

# A head is trained with each of them, by the same optimizer at the same learning rate.
METHODS = {
    "linear probe": {"rates": (0.001, 0.003, 0.01, 0.03), "set": {"method.kind": "linear_probe"}},
    "prompt tuning": {"rates": (0.003, 0.01, 0.03, 0.1),
                      "set": {"method.kind": "prompt_tuning", "method.num_virtual_tokens": 20,
                              "method.init.kind": "sampled_vocab"}},
    "deep prompt": {"rates": (0.001, 0.003, 0.01, 0.03),
                    "set": {"method.kind": "prefix_tuning", "method.num_virtual_tokens": 20}},
    "LoRA": {"rates": (2e-4, 5e-4, 1e-3, 2e-3),
             "set": {"method.kind": "lora", "method.r": 8, "method.alpha": 16}},
}


def data_of(task):
    return ROOT / f"configs/tasks/town_hall_{task}"


def records_of(task):
    data = data_of(task)
    return run_records.Records(ROOT / "bench/results/heads" / task,
                               [CONFIG, data.with_suffix(".yaml"), data / "train.jsonl",
                                data / "test.jsonl"])


def settings_of(task, method, rate):
    return {"task.name": f"town_hall_{task}", "task.validation": 0.2, "train.optimizer.lr": rate,
            **METHODS[method]["set"]}
