"""The entities and questions of the town hall's messages: frozen, and every span is in its text."""
import hashlib
import json
import unittest
from pathlib import Path

TASKS = Path(__file__).resolve().parents[2] / "configs/tasks"
# Scores are comparable only on the same annotations: a change of them is a new task.
SHA256 = {"town_hall_entities": "be272dd14b5e16700c88086041ab1a490c919aac2bb5bb7468dc66e6eb2467f3",
          "town_hall_questions": "5999855f91c7af89851390321d6530caeaf6adf1c09e278af636dae712a0192c"}
MESSAGES = 300


def read(file):
    return [json.loads(line) for line in (TASKS / file).read_text(encoding="utf8").splitlines()]


def cuts_a_word(text, start, end):
    return any(0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()
               for at in (start, end))


class TownHallSpans(unittest.TestCase):
    def spans(self, record):
        """(start, end) of every annotated span, in the order of the file."""
        if "entities" in record:
            return [(entity["start"], entity["end"]) for entity in record["entities"]]
        return [(start, start + len(answer))
                for answer, start in zip(record["answers"], record["answer_start"], strict=True)]

    def test_the_test_splits_are_frozen(self):
        for task, expected in SHA256.items():
            content = (TASKS / task / "test.jsonl").read_bytes()
            self.assertEqual(hashlib.sha256(content).hexdigest(), expected, task)

    def test_messages_are_those_of_the_town_hall(self):
        fresh = [record["text"] for record in read("town_hall/fresh.jsonl")[:MESSAGES]]
        train = {record["text"] for record in read("town_hall/train.jsonl")}
        for task, text in (("town_hall_entities", "text"), ("town_hall_questions", "context")):
            self.assertEqual([record[text] for record in read(f"{task}/test.jsonl")], fresh)
            found = {record[text] for record in read(f"{task}/train.jsonl")}
            self.assertEqual(len(found), MESSAGES)
            self.assertLessEqual(found, train)

    def test_spans_are_whole_words_in_their_text(self):
        for task, text in (("town_hall_entities", "text"), ("town_hall_questions", "context")):
            for split in ("train", "test"):
                for number, record in enumerate(read(f"{task}/{split}.jsonl")):
                    self.assertEqual(record["idx"], number)
                    for start, end in self.spans(record):
                        self.assertTrue(0 <= start < end <= len(record[text]), record)
                        self.assertFalse(cuts_a_word(record[text], start, end), record)

    def test_entities_are_in_order_and_labelled(self):
        for split in ("train", "test"):
            for record in read(f"town_hall_entities/{split}.jsonl"):
                spans = self.spans(record)
                for (_, end), (start, _) in zip(spans, spans[1:]):
                    self.assertLessEqual(end, start, record)
                self.assertLessEqual({entity["label"] for entity in record["entities"]},
                                     {"place", "time", "thing"})

    def test_answers_are_the_text_at_their_start(self):
        for split in ("train", "test"):
            for record in read(f"town_hall_questions/{split}.jsonl"):
                self.assertTrue(record["answers"])
                for answer, start in zip(record["answers"], record["answer_start"], strict=True):
                    self.assertTrue(record["context"].startswith(answer, start), record)


if __name__ == "__main__":
    unittest.main()
