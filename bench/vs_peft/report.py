"""Shows progress on a terminal, and writes the results as a table and as files."""
import json
import os
import platform
import re
import subprocess
import sys
import time
from importlib import metadata


class Progress:
    """A progress bar on standard error; if that is no terminal, one plain line per title."""

    def __init__(self, total):
        self._total, self._done, self._title = total, 0, ""
        self._start = time.monotonic()
        self._live = sys.stderr.isatty()

    def title(self, text):
        self._title = text
        self._draw(new_title=True)

    def advance(self, steps):
        self._done += steps
        self._draw()

    def _draw(self, new_title=False):
        seconds = time.monotonic() - self._start
        if self._live:
            width = 24
            full = width * self._done // max(1, self._total)
            print(f"\r[{'#' * full}{'.' * (width - full)}] {self._done}/{self._total} steps, "
                  f"{seconds:.0f} s  {self._title}\033[K", end="", file=sys.stderr, flush=True)
        elif new_title:
            print(f"{seconds:6.0f} s  {self._done}/{self._total} steps  {self._title}",
                  file=sys.stderr, flush=True)

    def close(self):
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def processor():
    with open("/proc/cpuinfo") as file:
        names = re.findall(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    return names[0] if names else platform.machine()


def short_name(machine):
    """Returns the processor's name in a form for file names."""
    return re.sub(r"[^a-z0-9]+", "-", machine["processor"].lower()).strip("-")


def machine(repository):
    """Returns processor, commit and library versions, to be stored with the figures."""
    commit = subprocess.run(["git", "-C", str(repository), "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True).stdout.strip()
    flags = open("/proc/cpuinfo").read()
    return {"processor": processor(), "cores": os.cpu_count(), "commit": commit,
            "bfloat16_instructions": [f for f in ("avx512_bf16", "amx_bf16") if f in flags],
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("torch", "transformers", "peft")}}


def table(document):
    """Returns the results as a Markdown table."""
    m, s = document["machine"], document["settings"]
    lines = [
        f"{m['processor']}, {m['cores']} cores, {s['threads']} threads; torch {m['torch']}, "
        f"transformers {m['transformers']}, PEFT {m['peft']}; Incipit at {m['commit']}; batch "
        f"{s['batch']}, {s['pairs']} pairs of {s['steps']} steps; {document['date']}.", "",
        "| type | P | PEFT | PEFT ex/s | Incipit ex/s | speed | PEFT extra MiB | Incipit extra MiB "
        "| memory | losses differ by |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|"]
    for r in document["results"]:
        speed, extra = r["examples_per_second"], r["extra_bytes"]
        options = r["peft_options"].get("attention", "")
        if r["peft_options"].get("compiled"):
            options += ", compiled"
        memory = "–" if r["memory_ratio"] is None else f"{r['memory_ratio']:.2f}"
        lines.append(
            f"| {r['dtype']} | {r['virtual_tokens']} | {r['way']}{f' ({options})' if options else ''} "
            f"| {speed['peft']:.2f} | {speed['incipit']:.2f} | **{r['speed_ratio']:.2f}×** "
            f"| {extra['peft'] / 2**20:.0f} | {extra['incipit'] / 2**20:.0f} | {memory} "
            f"| {r['disagreement']:.1e}{'' if r['agrees'] else ' (too much)'} |")
    return "\n".join(lines)


def write(document, folder):
    """Writes the JSON and Markdown files and returns their paths."""
    name = short_name(document["machine"])
    folder.mkdir(parents=True, exist_ok=True)
    method = document["settings"]["method"]
    kind = "" if method == "prompt_tuning" else f"-{method}"
    stem = folder / f"vs_peft{kind}-{document['date']}-{name}"
    paths = [stem.with_suffix(".json"), stem.with_suffix(".md")]
    paths[0].write_text(json.dumps(document, indent=1) + "\n", encoding="utf8")
    paths[1].write_text(f"# {method}: Incipit beside PEFT\n\nMade by `bench/vs_peft/vs_peft.py`; "
                        "`bench/vs_peft/README.md` explains the columns.\n\n"
                        + table(document) + "\n", encoding="utf8")
    return paths
