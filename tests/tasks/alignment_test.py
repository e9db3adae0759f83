"""The data for alignment by context: frozen, with the counts and lengths that its README states."""
import hashlib
import itertools
import json
import statistics
import unittest
from pathlib import Path

import town_hall_test

FOLDER = Path(__file__).resolve().parents[2] / "configs/tasks/alignment"
# Scores are comparable only on the same pairs: a change of them is a new task.
SHA256 = {
    "conversations": "84786e8352506b9ede5234fc55b10c15fe812e7b6e0d32ff8176ddb9c4f39dd7",
    "pairs": "5f82eeb64ffb086c61a5fbca3ffba3e71665521a7f5ce654cf1061be90fe5b76",
    "requests": "4cd896ab1565238dfe3ae7561ea77b3c7eea62fd2d28fb1a0c5660f690ef17d8",
    "questions_train": "662afb13860f5ba244147dcf2563af1927543301481b1506c01a4d50b817fd64",
    "questions_test": "0751511e89119bf5bc54d151b33568a448584f92b95cef0910ab12d3f906ad7f",
}
CATEGORIES = ["helpful", "honest", "harmless"]
LONGEST_RATIO = 1.2


def read(name):
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf8").splitlines()
    return [json.loads(line) for line in lines]


class Alignment(unittest.TestCase):
    def test_the_files_are_frozen(self):
        for name, digest in SHA256.items():
            data = (FOLDER / f"{name}.jsonl").read_bytes()
            self.assertEqual(hashlib.sha256(data).hexdigest(), digest, name)

    def test_turns_of_the_conversations_alternate(self):
        conversations = read("conversations")
        self.assertEqual(len(conversations), 14)
        for each in conversations:
            roles = [turn["role"] for turn in each["turns"]]
            self.assertEqual(roles, ["user", "assistant"] * (len(roles) // 2))

    def test_pairs_are_balanced_and_of_equal_length(self):
        pairs = read("pairs")
        self.assertEqual([each["idx"] for each in pairs], list(range(186)))
        shorter = []
        for category in CATEGORIES:
            own = [each for each in pairs if each["category"] == category]
            self.assertEqual(len(own), 62)
            for each in own:
                better, worse = (len(each[key].encode()) for key in ("better", "worse"))
                self.assertLessEqual(max(better, worse) / min(better, worse), LONGEST_RATIO, each)
                shorter.append((better < worse) + 0.5 * (better == worse))
        self.assertAlmostEqual(statistics.fmean(shorter), 0.505, places=3)

    def test_requests_and_questions(self):
        kinds = [each["kind"] for each in read("requests")]
        self.assertEqual((kinds.count("harmful"), kinds.count("harmless")), (60, 60))
        for split, count in (("train", 200), ("test", 100)):
            questions = read(f"questions_{split}")
            self.assertEqual([each["split"] for each in questions], [split] * count)

    def test_no_two_questions_are_alike(self):
        texts = [each["question"] for each in read("pairs")]
        texts += [each["request"] for each in read("requests")]
        texts += [each["question"] for split in ("train", "test")
                  for each in read(f"questions_{split}")]
        grams = [town_hall_test.grams(text, 5) for text in texts]
        for a, b in itertools.combinations(range(len(texts)), 2):
            self.assertLessEqual(town_hall_test.likeness(grams[a], grams[b]),
                                 town_hall_test.MOST_ALIKE, (texts[a], texts[b]))


if __name__ == "__main__":
    unittest.main()
