"""The messages of the built-in task: frozen, balanced, and no test message known from training."""
import collections
import hashlib
import itertools
import json
import os
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "configs/tasks/town_hall"
OFFICES = {"roads", "waste", "water", "parks", "housing", "noise"}
SIZES = {"train": 600, "validation": 150, "test": 300, "fresh": 700}
# Scores are comparable only on the same messages: a change of them is a new task.
SHA256 = {"test": "025aed0b2ff7d80e09b849b3b6e947335fbd08fa05bb1a7dc699a9af4547c58b",
          "fresh": "a70386dcab307c20d8634cc9788d561aae962ecf0df583b3f71da981354c0299"}
OTHER_TOWN = ROOT / "configs/tasks/town_hall_harbour/test.jsonl"
OTHER_TOWN_SHA256 = "2c53cc57ec129ee9ee76a6f0b7170a51c49ede0bd4edc7418207edd18919e06f"
MOST_ALIKE = 0.3


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def words(text):
    return re.findall(r"[^\W_]+", text.lower())


def grams(text, length):
    found = words(text)
    return {tuple(found[i:i + length]) for i in range(max(1, len(found) - length + 1))}


def likeness(a, b):
    return len(a & b) / len(a | b)


class TownHall(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.splits = {split: read(FOLDER / f"{split}.jsonl") for split in SIZES}

    def test_the_test_messages_are_frozen(self):
        for split, expected in SHA256.items():
            content = (FOLDER / f"{split}.jsonl").read_bytes()
            self.assertEqual(hashlib.sha256(content).hexdigest(), expected, split)

    def test_sizes_fields_and_balance(self):
        for split, records in self.splits.items():
            self.assertEqual([record["idx"] for record in records], list(range(SIZES[split])))
            for record in records:
                self.assertEqual(list(record), ["idx", "text", "office"])
                self.assertEqual(record["text"], " ".join(record["text"].split()))
            counts = collections.Counter(record["office"] for record in records)
            self.assertEqual(set(counts), OFFICES)
            self.assertLessEqual(max(counts.values()) - min(counts.values()), 1, split)

    def test_the_other_town_has_the_same_offices(self):
        self.assertEqual(hashlib.sha256(OTHER_TOWN.read_bytes()).hexdigest(), OTHER_TOWN_SHA256)
        counts = collections.Counter(record["office"] for record in read(OTHER_TOWN))
        self.assertEqual(counts, {office: 50 for office in OFFICES})

    def test_no_two_messages_are_alike(self):
        records = [*itertools.chain.from_iterable(self.splits.values()), *read(OTHER_TOWN)]
        all_grams = [grams(record["text"], 5) for record in records]
        holders = collections.defaultdict(list)
        for index, each in enumerate(all_grams):
            for gram in each:
                holders[gram].append(index)
        pairs = {pair for ids in holders.values() for pair in itertools.combinations(ids, 2)}
        for a, b in pairs:
            self.assertLessEqual(likeness(all_grams[a], all_grams[b]), MOST_ALIKE,
                                 (records[a]["text"], records[b]["text"]))

    def test_likeness_notices_a_copy(self):
        text = "The tree by the old bridge has fallen over"
        self.assertEqual(likeness(grams(text, 5), grams(text + "!", 5)), 1)
        self.assertGreater(likeness(grams(text, 5), grams(text + " again", 5)), MOST_ALIKE)

    def test_no_sentence_of_other_data(self):
        data = Path(os.environ.get("INCIPIT_SHARED", ROOT.parent / "shared")) / "data"
        if not data.is_dir():
            self.skipTest(f"no {data}")
        ours = {gram for records in self.splits.values() for record in records
                for gram in grams(record["text"], 8) if len(gram) == 8}
        for path in data.rglob("*.jsonl"):
            with path.open(encoding="utf8") as file:
                for line in file:
                    self.assertFalse(grams(line, 8) & ours, f"{path}: {line}")


if __name__ == "__main__":
    unittest.main()
