#!/usr/bin/env python3
"""Generates sums and differences for configs/recipes/arithmetic.yaml.

    arithmetic.py FOLDER [--problems 2000] [--seed 1]

Writes FOLDER/validation.jsonl and FOLDER/test.jsonl with that many problems each, all different. Both
numbers and the result are between 0 and 1,998. A line has the problem and four possible results, each
in figures, with the digits apart, and in words:

    {"idx": 0, "figures": "417 + 38", "apart": "4 1 7 + 3 8", "words": "four hundred and seventeen
     plus thirty-eight", "result": "455", "results": [{"figures": "455", "apart": ..., "words": ...}, ...]}

The wrong results are near misses: 1, 10 or 100 away, or two digits swapped. The same seed writes the
same files.
"""
import argparse
import json
import random
from pathlib import Path

SMALL = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
         "sixteen seventeen eighteen nineteen").split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number):
    """Returns a number below 2,000 in words: "one thousand and five", "thirty-eight"."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        return TENS[number // 10] + (f"-{SMALL[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = number % 100
        return f"{SMALL[number // 100]} hundred" + (f" and {in_words(rest)}" if rest else "")
    rest = number % 1000
    joined = " and " if rest < 100 else " "
    return "one thousand" + (joined + in_words(rest) if rest else "")


def apart(number):
    return " ".join(str(number))


def forms(number):
    return {"figures": str(number), "apart": apart(number), "words": in_words(number)}


def near_misses(result):
    """Returns the numbers that a careless reckoner could take for the result."""
    near = {result + step for step in (-100, -10, -1, 1, 10, 100)}
    digits = str(result)
    for place in range(len(digits) - 1):
        swapped = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2:]
        if swapped[0] != "0":
            near.add(int(swapped))
    return sorted(number for number in near if 0 <= number < 2000 and number != result)


def problem(draw):
    """Returns the two numbers and the sign; the numbers have one to three digits."""
    a, b = (draw.randrange(10 ** draw.randint(1, 3)) for _ in range(2))
    return (a, b, "+") if draw.random() < 0.5 else (max(a, b), min(a, b), "-")


def record(index, a, b, sign, draw):
    result = a + b if sign == "+" else a - b
    results = [result, *draw.sample(near_misses(result), 3)]
    draw.shuffle(results)
    word = "plus" if sign == "+" else "minus"
    return {"idx": index, "figures": f"{a} {sign} {b}", "apart": f"{apart(a)} {sign} {apart(b)}",
            "words": f"{in_words(a)} {word} {in_words(b)}", "result": str(result),
            "results": [forms(each) for each in results]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    drawn = {}  # in the order of the draws, each once
    while len(drawn) < 2 * arguments.problems:
        drawn[problem(draw)] = None
    problems = list(drawn)
    draw.shuffle(problems)  # there are few short problems, and most of them are drawn early
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for number, split in enumerate(("validation", "test")):
        part = problems[number * arguments.problems:(number + 1) * arguments.problems]
        lines = [json.dumps(record(index, *each, draw)) for index, each in enumerate(part)]
        (arguments.folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
