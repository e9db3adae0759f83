"""The tasks for comparing templates: frozen translations, and arithmetic that is right in every form."""
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRANSLATION = ROOT / "configs/tasks/translation"
# Scores are comparable only on the same sentences: a change of them is a new task.
SHA256 = "6420614dcb24c6dd84d075887722b7e33e246fc483c35d2f193e4fc1fa0c0189"
UNITS = {word: value for value, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen".split())}
TENS = {word: 10 * value for value, word in enumerate(
    "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def number_of(words):
    """Reads a number below 2,000 in words."""
    total = 0
    for scale, word in (1000, "thousand"), (100, "hundred"):
        head, found, rest = words.partition(f" {word}")
        if found:
            total += scale * UNITS[head]
            words = rest.removeprefix(" and").strip()
    return total + sum(UNITS[each] if each in UNITS else TENS[each]
                       for each in re.findall(r"[a-z]+", words))


class Translation(unittest.TestCase):
    def test_the_test_split_is_frozen_and_apart_from_validation(self):
        content = (TRANSLATION / "test.jsonl").read_bytes()
        self.assertEqual(hashlib.sha256(content).hexdigest(), SHA256)
        test, validation = read(TRANSLATION / "test.jsonl"), read(TRANSLATION / "validation.jsonl")
        self.assertEqual((len(test), len(validation)), (80, 40))
        for language in ("english", "german"):
            self.assertEqual(len({each[language] for each in test + validation}), 120)


class Arithmetic(unittest.TestCase):
    def generate(self, folder, *options):
        subprocess.run([sys.executable, ROOT / "scripts/arithmetic.py", folder, *options], check=True)
        return [read(Path(folder) / f"{split}.jsonl") for split in ("validation", "test")]

    def test_every_form_of_a_problem_says_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            splits = self.generate(folder)
        self.assertEqual([len(split) for split in splits], [2000, 2000])
        problems = [record["figures"] for split in splits for record in split]
        self.assertEqual(len(set(problems)), 4000)
        for record in splits[0] + splits[1]:
            a, sign, b = record["figures"].split(" ")
            result = int(a) + int(b) if sign == "+" else int(a) - int(b)
            self.assertEqual(record["result"], str(result))
            self.assertEqual(record["apart"], f"{' '.join(a)} {sign} {' '.join(b)}")
            left, right = record["words"].split(" plus " if sign == "+" else " minus ")
            self.assertEqual((number_of(left), number_of(right)), (int(a), int(b)))
            figures = [each["figures"] for each in record["results"]]
            self.assertEqual(len(set(figures)), 4)
            self.assertEqual(figures.count(record["result"]), 1)
            for each in record["results"]:
                self.assertEqual(str(number_of(each["words"])), each["figures"])
                self.assertEqual(each["apart"].replace(" ", ""), each["figures"])

    def test_both_splits_have_as_many_short_problems(self):
        with tempfile.TemporaryDirectory() as folder:
            splits = self.generate(folder)
        short = [sum(len(record["figures"]) <= 6 for record in split) for split in splits]
        self.assertGreater(min(short), 400)
        self.assertAlmostEqual(short[0] / short[1], 1, delta=0.15)

    def test_the_right_result_is_in_no_favoured_place(self):
        with tempfile.TemporaryDirectory() as folder:
            records = self.generate(folder)[0]
        places = [[each["figures"] for each in record["results"]].index(record["result"])
                  for record in records]
        for place in range(4):
            self.assertAlmostEqual(places.count(place) / len(places), 0.25, delta=0.05)

    def test_a_seed_decides(self):
        with tempfile.TemporaryDirectory() as folder:
            first = self.generate(folder, "--problems", "20", "--seed", "3")
            self.assertEqual(self.generate(folder, "--problems", "20", "--seed", "3"), first)
            self.assertNotEqual(self.generate(folder, "--problems", "20", "--seed", "4"), first)


if __name__ == "__main__":
    unittest.main()
