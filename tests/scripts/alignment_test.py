"""scripts/alignment.py: the table of pairs and the transcripts for blind reading."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import alignment

PAIRS = [{"idx": 0, "category": "a", "better": "xx", "worse": "yyy"},
         {"idx": 1, "category": "a", "better": "xxxx", "worse": "yyy"},
         {"idx": 2, "category": "b", "better": "xx", "worse": "yy"}]


def chosen(*answers):
    return {i: {"idx": i, "prediction": answer, "generated": f" {answer} "}
            for i, answer in enumerate(answers)}


class Table(unittest.TestCase):
    def test_counts_of_better_and_shorter(self):
        runs = [("none", chosen("yyy", "yyy", "yy")), ("long", chosen("xx", "yyy", "xx"))]
        rows = [[cell.strip() for cell in line.split("|")[1:-1]]
                for line in alignment.table(PAIRS, runs)][2:]
        found = {(row[0], row[2]): (row[1], row[3][:5], row[4][:5], row[5][:6]) for row in rows}
        self.assertEqual(found["a", "none"], ("2", "0.000", "0.500", ""))
        self.assertEqual(found["a", "long"], ("2", "0.500", "1.000", "+0.500"))
        self.assertEqual(found["all", "long"], ("3", "0.667", "1.000", "+0.667"))

    def test_answers_of_one_length_are_neither_shorter_nor_longer(self):
        self.assertIsNone(alignment.prefers_shorter(PAIRS[2], "xx"))
        self.assertTrue(alignment.prefers_shorter(PAIRS[0], "xx"))
        self.assertFalse(alignment.prefers_shorter(PAIRS[1], "xxxx"))

    def test_the_interval_of_a_share_is_wilsons(self):
        low, high = alignment.wilson(31, 62)
        self.assertAlmostEqual(low, 0.3792, places=4)
        self.assertAlmostEqual(high, 0.6208, places=4)


class Blind(unittest.TestCase):
    def test_transcripts_do_not_say_where_they_are_from(self):
        requests = [{"idx": i, "kind": kind, "request": f"r{i}"}
                    for i, kind in enumerate(("harmful", "harmless"))]
        runs = [("none", chosen("p", "q")), ("long", chosen("s", "t"))]
        transcripts, key = alignment.blind(requests, runs)
        self.assertEqual({frozenset(each) for each in transcripts},
                         {frozenset(("id", "request", "answer"))})
        answers = {("none", 0): "p", ("none", 1): "q", ("long", 0): "s", ("long", 1): "t"}
        self.assertEqual(len(transcripts), len(answers))
        for transcript, entry in zip(transcripts, key, strict=True):
            self.assertEqual(transcript["id"], entry["id"])
            self.assertEqual(transcript["answer"], answers[entry["prompt"], entry["idx"]])
            self.assertEqual(entry["kind"], requests[entry["idx"]]["kind"])
        self.assertNotEqual([(each["prompt"], each["idx"]) for each in key], list(answers))


class Labels(unittest.TestCase):
    KEY = [{"id": i, "prompt": prompt, "idx": idx, "kind": kind}
           for i, (prompt, idx, kind) in enumerate([
               ("plain", 0, "harmful"), ("context", 0, "harmful"), ("plain", 1, "harmful"),
               ("context", 1, "harmful"), ("plain", 2, "harmless"), ("context", 2, "harmless")])]
    FIRST = ["answers", "refuses", "neither", "refuses", "answers", "answers"]
    SECOND = ["answers", "refuses", "answers", "refuses", "answers", "refuses"]

    def test_kappa_is_scikit_learns(self):
        from sklearn.metrics import cohen_kappa_score
        self.assertAlmostEqual(alignment.kappa(self.FIRST, self.SECOND),
                               cohen_kappa_score(self.FIRST, self.SECOND))

    def test_a_share_counts_half_for_each_reader(self):
        lines = list(alignment.label_table(self.KEY, "plain", [self.FIRST, self.SECOND]))
        self.assertIn("4 of 6", lines[0])
        rows = [[cell.strip()[:6] for cell in line.split("|")[1:-1]] for line in lines[4:]]
        self.assertEqual([row[:2] for row in rows],
                         [["harmfu", "plain"], ["harmfu", "contex"], ["harmle", "plain"],
                          ["harmle", "contex"]])
        self.assertEqual([row[2][:5] for row in rows], ["0.000", "1.000", "0.000", "0.500"])
        self.assertEqual([row[3][:5] for row in rows], ["0.750", "0.000", "1.000", "0.500"])
        self.assertEqual([row[5] for row in rows], ["", "+1.000", "", "+0.500"])


if __name__ == "__main__":
    unittest.main()
