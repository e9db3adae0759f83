#!/usr/bin/env python3
"""Orders of few-shot examples, against plain Python.  order_test.py INCIPIT MPIRUN

The journal has the log-likelihoods of every input after every order. Calibration, entropies (Lu et al.
2021), picks and correlations are computed here from them; `incipit eval` scores some orders by itself.
"""
import json
import math
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import program

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import html_check  # noqa: E402

QUERIES, HELD_BACK, BEST = 12, 10, 2
SETTINGS = [f"--set={each}" for each in (
    "task.shots=3", "order.probes_per_order=12", "order.max_probe_tokens=20",
    "order.min_probe_words=1", f"order.best={BEST}")]
LABELS = ["blue", "green"]


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def softmax(row):
    weights = [math.exp(value - max(row)) for value in row]
    return [weight / sum(weights) for weight in weights]


def entropy(shares):
    return -sum(share * math.log(share) for share in shares if share > 0)


def global_entropy(rows):
    answers = [row.index(max(row)) for row in rows]
    return entropy([answers.count(label) / len(rows) for label in range(len(LABELS))])


def local_entropy(rows):
    return sum(entropy(softmax(row)) for row in rows) / len(rows)


def calibrated(rows, free):
    mean = [statistics.fmean(each) for each in zip(*map(softmax, free))]
    return [[math.log(p / m) for p, m in zip(softmax(row), mean)] for row in rows]


def best(values):
    return sorted(range(len(values)), key=lambda order: -values[order])[:BEST]


def ranks(values):
    return [sum(other < value for other in values) + (values.count(value) + 1) / 2
            for value in values]


def spearman(a, b):
    """With the interval of Bonett and Wright (2000)."""
    if len(set(a)) == 1 or len(set(b)) == 1:
        return None
    r = statistics.correlation(ranks(a), ranks(b))
    reach = statistics.NormalDist().inv_cdf(0.975) * math.sqrt((1 + r * r / 2) / (len(a) - 3))
    ends = [1.0 if abs(r) >= 1 else math.tanh(math.atanh(r) + d) for d in (-reach, reach)]
    return r, ends


class OrderSearch(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = cls().order("whole")
        cls.stdout = done.stdout
        cls.run_dir = cls.folder / "whole"
        cls.results = json.loads((cls.run_dir / "order.json").read_text(encoding="utf8"))

    def order(self, output, *options, **how):
        return self.incipit("order", self.config, *SETTINGS, "--output", output, *options, **how)

    def journal(self, key):
        entries = [each for each in read_lines(self.run_dir / "order.jsonl") if key in each]
        self.assertEqual([each["order"] for each in entries], list(range(6)))
        return [each[key] for each in entries]

    def labels(self, split):
        """The right answers to a split, as an evaluation lists them."""
        self.incipit("eval", self.config, "--split", split, "--set", "method.kind=none", "--set",
                     "task.shots=3", "--set", f"run.output_dir=labels_{split}")
        lines = read_lines(self.folder / f"labels_{split}" / "predictions" / f"{split}.jsonl")
        return [LABELS.index(each["label"]) for each in lines]

    def test_entropies_and_picks_equal_plain_python(self):
        right = {"queries": self.labels("test"), "held_back": self.labels("validation")}
        by_order = self.journal("likelihoods")
        probes = self.results["probes"]["valid"]
        self.assertEqual(len(by_order[0]), QUERIES + HELD_BACK + probes + 3)
        self.assertEqual([each["scores"] for each in self.results["figures"]],
                         ["raw", "calibrated"])
        for figures in self.results["figures"]:
            expected = {"queries": [], "held_back": [], "global_entropy": [], "local_entropy": []}
            for rows in by_order:
                rows, free = rows[:-3], rows[-3:]
                if figures["scores"] == "calibrated":
                    rows = calibrated(rows, free)
                parts = {"queries": rows[:QUERIES], "held_back": rows[QUERIES:QUERIES + HELD_BACK]}
                for name, part in parts.items():
                    hits = [row.index(max(row)) == label for row, label in zip(part, right[name])]
                    expected[name].append(sum(hits) / len(hits))
                expected["global_entropy"].append(global_entropy(rows[QUERIES + HELD_BACK:]))
                expected["local_entropy"].append(local_entropy(rows[QUERIES + HELD_BACK:]))
            for name, values in expected.items():
                for found, value in zip(figures[name], values, strict=True):
                    self.assertAlmostEqual(found, value, places=9, msg=name)
            constant = sum(
                len({row.index(max(row)) for row in (calibrated(rows[:-3], rows[-3:]) if
                     figures["scores"] == "calibrated" else rows[:-3])[:QUERIES]}) == 1
                for rows in by_order)
            self.assertEqual(figures["constant_orders"], constant)
            self.compare_summary(figures)
        counts = [right["queries"].count(label) for label in range(len(LABELS))]
        self.assertAlmostEqual(self.results["majority"], max(counts) / QUERIES)

    def compare_summary(self, figures):
        scores = figures["queries"]
        spread = figures["spread"]
        self.assertAlmostEqual(spread["mean"], statistics.fmean(scores))
        self.assertAlmostEqual(spread["sd"], statistics.stdev(scores))
        self.assertEqual((spread["worst"], spread["best"]), (min(scores), max(scores)))
        for name in ("global_entropy", "local_entropy", "held_back"):
            pick = figures["picks"][name]
            self.assertEqual(pick["orders"], best(figures[name]), name)
            self.assertAlmostEqual(pick["score"],
                                   statistics.fmean(scores[order] for order in pick["orders"]))
        random = figures["picks"]["random"]
        self.assertAlmostEqual(random["score"], statistics.fmean(scores))
        pairs = sorted((scores[a] + scores[b]) / 2 for a in range(6) for b in range(a))
        for end in random["score_95"]:
            self.assertTrue(pairs[0] - 1e-9 <= end <= pairs[-1] + 1e-9)
        for name in ("global_entropy", "local_entropy"):
            found = figures["correlation"][name]
            expected = spearman(figures[name], scores)
            self.assertEqual(found is None, expected is None)
            if expected:
                self.assertAlmostEqual(found["spearman"], expected[0])
                for a, b in zip(found["spearman_95"], expected[1]):
                    self.assertAlmostEqual(a, b)

    def test_every_order_scores_as_in_an_evaluation_of_its_own(self):
        lines = [each["line"] for each in self.results["examples"]]
        for order in (0, 4):
            given = ",".join(lines[index] for index in self.results["orders"][order])
            for figures, score in zip(self.results["figures"], ("sum", "calibrated")):
                done = self.incipit("eval", self.config, "--set", "method.kind=none", "--set",
                                    "task.shots=3", "--set", f"task.shot_lines=[{given}]", "--set",
                                    f"eval.score={score}", "--set", "run.output_dir=alone", "--json")
                shutil.rmtree(self.folder / "alone")
                self.assertAlmostEqual(json.loads(done.stdout)["scores"]["test"]["accuracy"],
                                       figures["queries"][order])

    def test_probes_are_the_distinct_generated_inputs(self):
        texts = [json.loads(record)["text"] for each in self.journal("probes") for record in each]
        self.assertEqual(self.results["probes"]["generated"], len(texts))
        self.assertEqual(len(texts), 6 * 12)
        worded = {text for text in texts if re.search(r"[^ \t\n\v\f\r]", text)}
        self.assertEqual(self.results["probes"]["valid"], len(worded))
        self.assertNotIn("\n", "".join(texts))
        first = self.results["probes"]["first"]
        self.assertEqual(len(first), 5)
        pooled = [text for text in dict.fromkeys(texts) if text in worded]
        for shown, text in zip(first, pooled):
            self.assertIn(text, shown)

    def test_the_output_says_whether_the_search_helped(self):
        raw = self.results["figures"][0]
        low, high = raw["picks"]["random"]["score_95"]
        for criterion, name in (("GlobalE", "global_entropy"), ("LocalE", "local_entropy")):
            score = raw["picks"][name]["score"]
            place = "better orders than chance does" if score > high else \
                "worse orders than chance does" if score < low else "no better orders than chance may"
            self.assertIn(f"{criterion} keeps {place}", self.stdout)
        drawn = self.results["orders"].index([0, 1, 2])
        self.assertRegex(self.stdout, rf"as drawn, abc +{raw['queries'][drawn]:.4f}")
        chosen = self.results["chosen"]["order"]
        letters = "".join("abc"[index] for index in self.results["orders"][chosen])
        self.assertRegex(self.stdout, rf"chosen, {letters} +{raw['queries'][chosen]:.4f}")

    def test_orders_share_their_prefixes(self):
        rows = self.results["rows"]
        sizes = [len(each["text"].encode()) + 2 for each in self.results["examples"]]  # a blank line
        self.assertEqual(rows["without_sharing"], 6 * sum(sizes))
        # A trie of bytes: examples that begin alike share that beginning, too.
        self.assertLessEqual(rows["computed"], 5 * sum(sizes))
        self.assertIn(f"{rows['computed']:,} rows of few-shot examples computed", self.stdout)

    def test_the_chosen_order_is_the_run(self):
        chosen = self.results["chosen"]
        raw = self.results["figures"][0]
        self.assertEqual(chosen["order"], raw["picks"]["global_entropy"]["orders"][0])
        done = self.incipit("eval", self.run_dir, "--json")
        self.assertAlmostEqual(json.loads(done.stdout)["scores"]["test"]["accuracy"],
                               raw["queries"][chosen["order"]])
        lines = (self.run_dir / "shot_lines.txt").read_text().split()
        self.assertEqual(chosen["shot_lines"], f"[{', '.join(lines)}]")
        self.assertIn(f"task.shot_lines={chosen['shot_lines']}", self.stdout)

    def test_a_stopped_search_continues(self):
        journal = (self.run_dir / "order.jsonl").read_text(encoding="utf8").splitlines(True)
        again = self.folder / "again"
        shutil.copytree(self.run_dir, again)
        (again / "order.json").unlink()
        kept = "".join(journal[:9]) + journal[9][:40]  # the identity, 6 + 2 entries, a cut one
        (again / "order.jsonl").write_text(kept, encoding="utf8")
        done = self.order("again")
        self.assertIn("8 steps of the search are there already", done.stderr)
        self.assertEqual((again / "order.json").read_text(encoding="utf8"),
                         (self.run_dir / "order.json").read_text(encoding="utf8"))
        self.order("again", "--set", "run.seed=6")
        self.assertTrue((self.folder / "again.1" / "order.json").exists(), "another search")

    def test_a_signal_stops_it_and_nothing_is_lost(self):
        longer = ["--set", "task.shots=4", "--set", "order.probes_per_order=40"]
        self.order("undisturbed", *longer)
        for name, sent, ranks, mesh in (("alone", signal.SIGTERM, 1, []),
                                        ("tensor", signal.SIGUSR1, 2, ["parallel.tensor=2"])):
            for kind in ("probes", "likelihoods"):  # in both halves of the search
                self.stop_at_first(kind, name, sent, ranks, [*longer, *self.sets(mesh)])
            done = self.order(name, *longer, *self.sets(mesh), ranks=ranks)
            self.assertIn("steps of the search are there already", done.stderr)
            for file in ("order.json", "order.jsonl") if ranks == 1 else ():
                self.assertEqual((self.folder / name / file).read_bytes(),
                                 (self.folder / "undisturbed" / file).read_bytes())
            found, whole = (json.loads((self.folder / each / "order.json").read_text())
                            for each in (name, "undisturbed"))
            self.assertEqual(found["chosen"], whole["chosen"])
            self.assertEqual(found["figures"][0]["queries"], whole["figures"][0]["queries"])

    @staticmethod
    def sets(settings):
        return [part for setting in settings for part in ("--set", setting)]

    def stop_at_first(self, kind, name, sent, ranks, options):
        """Sends a signal when the search has noted something and the journal has this kind."""
        command = [program.INCIPIT, "order", self.config, *SETTINGS, "--output", name, *options]
        if ranks > 1:
            command = [program.MPIRUN, "-n", str(ranks), *command]
        journal = self.folder / name / "order.jsonl"

        def noted():  # as bytes: what is written so far may end within a character
            return journal.read_bytes() if journal.exists() else b""
        known = max(noted().count(b"\n"), 1)  # the first line names the search
        with subprocess.Popen(list(map(str, command)), cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            while process.poll() is None and not (noted().count(b"\n") > known
                                                   and kind.encode() in noted()):
                time.sleep(0.001)
            before = noted()
            process.send_signal(sent)
            said = process.communicate(timeout=100)[1]
        self.assertEqual(process.returncode, 75, said)
        self.assertTrue(noted().startswith(before))
        self.assertFalse((self.folder / name / "order.json").exists())

    def test_two_ranks_find_the_same(self):
        self.order("two", ranks=2)
        two = json.loads((self.folder / "two" / "order.json").read_text(encoding="utf8"))
        for key in ("examples", "orders", "probes", "rows", "chosen"):
            self.assertEqual(two[key], self.results[key], key)
        for a, b in zip(two["figures"], self.results["figures"]):
            self.assertEqual(a["queries"], b["queries"])
            for found, value in zip(a["local_entropy"], b["local_entropy"], strict=True):
                self.assertAlmostEqual(found, value, places=5)

    def test_the_page_shows_every_order(self):
        page = (self.run_dir / "report.html").read_text(encoding="utf8")
        html_check.check(page)
        if any(value % 1 for value in self.results["figures"][0]["global_entropy"]):
            self.assertRegex(page, r"raw, GlobalE, nats \d\.\d\d: ")
        for order in self.results["orders"]:
            self.assertIn("".join("abc"[index] for index in order), page)
        self.incipit("report", self.run_dir, "--output", "again.html")
        self.assertEqual((self.folder / "again.html").read_text(encoding="utf8"), page)

    def test_what_it_cannot_do_without(self):
        message = self.refused(2, "order", self.config)
        self.assertIn("task.shots: is 0; orders need at least 2", message)
        message = self.order("few", "--set", "order.probes_per_order=2", code=2).stderr
        self.assertIn("order.probes_per_order: 2 after each of 6 orders are at most 12 probes, and the "
                      "search needs 24", message)
        message = self.order("short", "--set", "order.min_probe_words=1000", code=2).stderr
        self.assertRegex(message, r"order.probes_per_order: 0 of \d+ generated probes are valid")

    def test_sensitivity_needs_no_probes(self):
        self.order("sensitivity", "--set", "order.probes_per_order=0", "--set", "order.orders=4")
        results = json.loads((self.folder / "sensitivity" / "order.json").read_text())
        self.assertEqual((len(results["orders"]), results["possible_orders"]), (4, 6))
        self.assertEqual(results["figures"][0]["global_entropy"], [])
        self.assertEqual(results["chosen"]["order"],
                         results["figures"][0]["picks"]["held_back"]["orders"][0])


if __name__ == "__main__":
    program.main()
