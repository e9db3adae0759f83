"""Runs the bundle's test programs that need a GPU."""
import json
import subprocess
import tempfile
import time
from pathlib import Path

from sides import LAUNCH


# Tests of this name need a machine without a GPU.
OTHERS = "*WithoutGpu*"


def run(folder, filters, device):
    """Returns what each test program in `folder` did. `filters`: by name; `device` cpu: tests skip."""
    return [_run(folder / name, filters[name], device) for name in sorted(filters)]


def _run(program, filter, device):
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        done = subprocess.run([*LAUNCH, str(program), f"--gtest_filter={filter}-{OTHERS}",
                               f"--gtest_output=json:{results}"], capture_output=True, text=True)
        cases = [case for suite in json.loads(results.read_text())["testsuites"]
                 for case in suite["testsuite"]] if results.exists() else []
    skipped = [case["name"] for case in cases if case["result"] == "SKIPPED"]
    failed = [case["name"] for case in cases if case.get("failures")]
    return {"program": program.name, "exit_code": done.returncode, "tests": len(cases),
            "skipped": skipped, "failed": failed, "seconds": time.monotonic() - start,
            "skips_are_expected": device == "cpu",
            "output": (done.stdout + done.stderr)[-2000:] if done.returncode or failed else ""}


def problems(results):
    """Returns a line for each program that failed, or that skipped tests on a GPU."""
    lines = [f"{each['program']}: exit code {each['exit_code']}, failed {each['failed']}"
             for each in results if each["exit_code"] or not each["tests"]]
    return lines + [f"{each['program']}: skipped {each['skipped']}" for each in results
                    if each["skipped"] and not each["skips_are_expected"]]
