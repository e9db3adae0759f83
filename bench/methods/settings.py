"""The methods that are compared, and the settings of each run."""
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "bench/methods/town_hall.yaml"
DATA = ROOT / "configs/tasks/town_hall"
SPLITS = {"train": DATA / "train.jsonl", "validation": DATA / "validation.jsonl",
          "fresh": DATA / "fresh.jsonl",
          "other_town": ROOT / "configs/tasks/town_hall_harbour/test.jsonl"}
SCORED = {"fresh": "the town hall's fresh messages", "other_town": "the messages of another town"}
CHOICE_SEED = 0  # chooses the learning rate, and nothing else
SEEDS = (1, 2, 3, 4, 5)
SHOTS = 6

_ADAMW = {"train.optimizer.kind": "adamw", "train.optimizer.weight_decay": 0.0}

# Four learning rates around published ones: Lester et al. 2021 (prompt tuning: 0.3), Liu et al. 2021
# (P-tuning v2: 0.005 to 0.01), Liu et al. 2021 (P-tuning: 1e-4 to 1e-3), Hu et al. 2021 (LoRA of
# GPT-2: 2e-4), Devlin et al. 2019 (model tuning: 2e-5 to 5e-5).
LEARNED = {
    "prompt tuning": {
        "rates": (0.03, 0.1, 0.3, 1.0),
        "set": {"method.kind": "prompt_tuning", "method.num_virtual_tokens": 20,
                "method.init.kind": "class_labels", "train.optimizer.kind": "adafactor",
                "train.optimizer.weight_decay": 1e-5}},
    "deep prompt": {
        "rates": (0.001, 0.003, 0.01, 0.03),
        "set": {"method.kind": "prefix_tuning", "method.num_virtual_tokens": 20, **_ADAMW}},
    "P-tuning": {
        "rates": (1e-4, 3e-4, 1e-3, 3e-3),
        "set": {"method.kind": "p_tuning", "method.num_virtual_tokens": 20,
                "method.encoder_reparameterization_type": "LSTM", **_ADAMW}},
    "LoRA": {
        "rates": (1e-4, 2e-4, 5e-4, 1e-3),
        "set": {"method.kind": "lora", "method.r": 8, "method.alpha": 16, **_ADAMW}},
    "model tuning": {
        "rates": (1e-5, 2e-5, 5e-5, 1e-4),
        "set": {"method.kind": "model_tuning", "train.optimizer.kind": "adamw",
                "train.optimizer.weight_decay": 0.01}},
}
