#!/usr/bin/env python3
"""Says what a model does when it is asked to translate (configs/recipes/translation.yaml).

    translation_answers.py RUN...

RUN is the folder of an `incipit eval` or `incipit compare` of the task. The first line of every answer
to the test split is

    a copy   if it begins with the English sentence,
    German   if it has more common German words than English ones,
    English  if it has more common English words,
    other    if neither, and
    empty    if it has no text.

Prints the shares and, of the whole answers, chrF.
"""
import json
import re
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "configs" / "tasks" / "translation"
GERMAN = set("""der die das den dem des ein eine einen einem einer ist sind war hat haben habe wird und
                nicht kein keine ich du er sie es wir ihr mir mich uns mein meine sein seine unser im in
                am an auf aus bei mit nach von vor zu zum zur für wie wo wer was heute bitte noch""".split())
ENGLISH = set("""the a an is are was were has have had will and not no i you he she it we they me my his
                 her our your in on at of to from with for by this that there what where how who do
                 does can""".split())
BOTH = GERMAN & ENGLISH
KINDS = ["copy", "German", "English", "other", "empty"]


def words(text):
    return re.findall(r"\w+", text.casefold())


def kind(answer, english):
    lines = [line for line in answer.splitlines() if words(line)]
    if not lines:
        return "empty"
    said = words(lines[0])
    if said[:len(words(english))] == words(english):
        return "copy"
    german = sum(word in GERMAN - BOTH for word in said)
    british = sum(word in ENGLISH - BOTH for word in said)
    return "other" if german == british else "German" if german > british else "English"


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def main():
    sources = {record["idx"]: record["english"] for record in read(DATA / "test.jsonl")}
    print(f"{'run':<36}" + "".join(f"{name:>9}" for name in [*KINDS, "chrF"]))
    for run in map(Path, sys.argv[1:]):
        answers = read(run / "predictions" / "test.jsonl")
        kinds = [kind(each["generated"], sources[each["idx"]]) for each in answers]
        chrf = json.loads((run / "scores.json").read_text(encoding="utf8"))["test"]["chrf"]
        shares = [f"{100 * kinds.count(name) / len(kinds):8.0f}%" for name in KINDS]
        print(f"{run.name:<36}" + "".join(shares) + f"{100 * chrf:9.1f}")


if __name__ == "__main__":
    main() if len(sys.argv) > 1 else sys.exit(__doc__)
