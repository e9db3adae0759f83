#!/usr/bin/env python3
"""Adds a table of the injected faults to the output of ctest.

    ctest ... --output-junit RESULTS | scripts/fault_table.py RESULTS

Copies standard input to standard output. Before ctest's summary it prints, for each row of
docs/faults.md, how many faults the tests of the row injected, how many the product survived as the
row says, and how many it did not. A test reports its number of faults in a line
"faults injected N"; otherwise each of its cases counts as one. Rows without a test in this run are
left out.
"""
import re
import sys
import xml.etree.ElementTree as tree
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
SUMMARY = re.compile(r"\d+% tests passed, ")


def rows(page):
    """Returns (fault, expressions of its tests) of each row."""
    for fault, last in re.findall(r"^\| (.*?) \|.*\| (.*) \|$", page, re.M):
        if tests := re.findall(r"`([\w.]+)`", last):
            yield fault, tests


def faults(case):
    """Returns how many faults a test injected."""
    output = case.findtext("system-out") or ""
    stated = re.findall(r"faults injected (\d+)", output)
    if stated:
        return sum(map(int, stated))
    ran = re.findall(r"^Ran (\d+) tests? in ", output, re.M)
    return int(ran[-1]) if ran else 1


def results(path):
    """Returns {test: (faults, passed)} of the tests that ran."""
    if not path.exists():
        return {}
    return {case.get("name"): (faults(case), case.find("failure") is None)
            for case in tree.parse(path).iter("testcase") if case.get("status") in ("run", "fail")}


def table(page, tests):
    """Returns the lines of the table; none if no row has a test that ran."""
    lines = []
    counted = {}
    for fault, expressions in rows(page):
        found = {name: result for name, result in tests.items()
                 if any(re.search(each, name) for each in expressions)}
        if not found:
            continue
        counted |= found
        lines.append(line(fault, found.values()))
    if not lines:
        return []
    return ["", f"{'Faults (docs/faults.md)':<66} injected  survived  lost", *lines,
            line("in all (a test may serve several rows)", counted.values()), ""]


def line(fault, found):
    injected = sum(count for count, _ in found)
    lost = sum(count for count, passed in found if not passed)
    if len(fault) > 66:
        fault = fault[:63] + "..."
    return f"{fault:<66} {injected:8}  {injected - lost:8}  {lost:4}"


def main():
    held = []
    for text in sys.stdin:
        if held or SUMMARY.match(text):
            held.append(text)
            continue
        sys.stdout.write(text)
        sys.stdout.flush()
    # ctest has ended, and so written its results.
    for text in table(PAGE.read_text(encoding="utf8"), results(Path(sys.argv[1]))):
        print(text)
    sys.stdout.write("".join(held))


if __name__ == "__main__":
    main()
