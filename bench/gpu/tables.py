"""Writes the results as JSON and as Markdown."""
import json

NAMES = {"documented": "PEFT documented", "targets": "PEFT, logits at targets only",
         "incipit": "Incipit", "graphs": "Incipit with CUDA graphs"}


def title(result):
    return (f"{result['shape']} {result['dtype']}, {result['work']}, batch {result['batch']}, "
            f"P = {result['virtual_tokens']}")


def _gib(number):
    return f"{number / 2**30:.1f}"


def _row(result):
    ms, extra, speed = result["milliseconds"], result["extra_bytes"], result["speed_over_peft"]
    over, tflops = result["over_matmuls"], result["tflops"]
    with_graphs = "graphs" in ms
    graphs = [f"{ms['graphs']:.1f} ({100 * result['replayed']:.0f} %)",
              f"**{over['graphs']:.2f}**"] if with_graphs else ["–", "–"]
    return " | ".join([
        f"| {title(result)}", f"{ms['documented']:.1f}",
        f"{ms['targets']:.1f} ({result['peft_attention']['targets']})", f"{ms['incipit']:.1f}",
        graphs[0], f"{ms['matmuls']:.1f}", f"**{over['incipit']:.2f}**", graphs[1],
        f"**{speed['documented']:.1f}×**", f"{speed['targets']:.1f}×",
        f"{tflops['incipit']:.0f} of {tflops['matmuls']:.0f}",
        " / ".join(_gib(extra[name]) for name in NAMES if name in extra),
        f"{max(result['disagreement'].values()):.0e}{'' if result['agrees'] else ' (too much)'} |"])


def _results(results):
    head = ("| work | PEFT documented, ms | PEFT, logits at targets only, ms | Incipit, ms "
            "| with CUDA graphs, ms (replayed) | matmuls alone, ms | Incipit ÷ matmuls "
            "| with graphs | over PEFT documented | over targets only "
            "| TFLOP/s of matmuls | extra GiB | differ by |")
    lines = [head, "|---|" + "---:|" * (head.count("|") - 2), *map(_row, results)]
    alone = [title(result) for result in results if not result["alternating"]]
    if alone:
        lines += ["", "The model fits the card only once, so the sides ran one after the other: "
                  + "; ".join(alone) + "."]
    return lines


def _phases(phases):
    lines = ["Phases of its steps (`log.profile`; docs/metrics.md):", "",
             "| phase | ms | host ms | GFLOP |", "|---|---:|---:|---:|"]
    for each in phases:
        lines.append(f"| {'&nbsp;' * 4 * each['depth']}{each['name']} | {1e3 * each['seconds']:.2f} "
                     f"| {1e3 * each['host_seconds']:.2f} | {each['flops'] / 1e9:.1f} |")
    return lines


def _tests(tests):
    lines = ["| test program | tests | skipped | failed | s |", "|---|---:|---:|---:|---:|"]
    for each in tests:
        failed = len(each["failed"]) or (f"exit code {each['exit_code']}" if each["exit_code"]
                                         else 0)
        lines.append(f"| {each['program']} | {each['tests']} | {len(each['skipped'])} | {failed} "
                     f"| {each['seconds']:.1f} |")
    return lines


def markdown(document):
    m = document["machine"]
    card = m["device"] + (f", driver {m['driver']}, CUDA {m['cuda']}" if "driver" in m else "")
    lines = [f"{card}; {m['processor']}, {m['cores']} cores; torch {m['torch']}, transformers "
             f"{m['transformers']}, PEFT {m['peft']}; Incipit at {m['commit']}; {document['date']}; "
             f"{document.get('seconds', 0):.0f} s in all.", ""]
    if document["results"]:
        lines += [*_results(document["results"]), ""]
    if document["first_step"]:
        first = document["first_step"]
        lines += [f"`incipit train` on the {first['shape']} model, files cached: "
                  f"{first['seconds']:.1f} s from its start to the numbers of the first step.", "",
                  *_phases(first["phases"]), ""]
    lines += _tests(document["tests"])
    for key, text in (("left_out", "Left out for lack of time"), ("problems", "Problems")):
        if document[key]:
            lines += ["", f"{text}: " + "; ".join(document[key]) + "."]
    return "\n".join(lines)


def write(document, stem):
    """Writes stem.json and stem.md."""
    stem.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf8")
    stem.with_suffix(".md").write_text("# Incipit on a GPU\n\nMade by `bench/gpu/gpu_bench.py`; "
                                       "`bench/gpu/README.md` explains the columns.\n\n"
                                       + markdown(document) + "\n", encoding="utf8")
