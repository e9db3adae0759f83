"""Reading what a training run has written."""
import json

TIMES = {"seconds", "data_wait_seconds", "comm_seconds"}


def checkpoints(run):
    """The steps of the checkpoints that are there."""
    folder = run / "checkpoints"
    return [int(p.name[5:]) for p in folder.glob("step-*") if p.name[5:].isdigit()]


def metric_lines(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def losses(run):
    return {line["step"]: line["loss"] for line in metric_lines(run) if "loss" in line}


def outcome(run):
    """Every byte that the run leaves for its user, and metrics.jsonl but for its times."""
    files = [*(run / "adapter").rglob("*"), *(run / "predictions").rglob("*"),
             *(run / name for name in ("scores.json", "answers.jsonl", "distillation.json"))]
    content = {str(f.relative_to(run)): f.read_bytes() for f in files if f.is_file()}
    return content, metric_lines(run)
