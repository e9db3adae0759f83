#!/usr/bin/env python3
"""incipit predict and generate.  predict_test.py INCIPIT MPIRUN"""
import csv
import io
import json
import math
import os
import pty
import subprocess
import unittest

import program

LABELS = ["blue", "green"]


def lines_of(text):
    """str.splitlines() would break within texts that the model writes."""
    return [json.loads(line) for line in text.encode().splitlines()]


class WithARun(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().incipit("train", cls.config)
        cls.run_dir = cls.folder / "run"
        cls.tests = lines_of((cls.folder / "test.jsonl").read_text())

    def table(self, name, delimiter, rows):
        path = self.folder / name
        with path.open("w", newline="", encoding="utf8") as file:
            csv.writer(file, delimiter=delimiter).writerows(rows)
        return path

    def piped(self, text, *arguments, code=0):
        done = subprocess.run([program.INCIPIT, *map(str, arguments)], input=text.encode(),
                              capture_output=True, timeout=100, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return done.stdout.decode()


class Predict(WithARun):
    def test_says_what_eval_says(self):
        self.incipit("eval", self.config, "--split", "test")
        scored = lines_of((self.run_dir / "predictions" / "test.jsonl").read_text())
        found = lines_of(self.incipit("predict", self.run_dir, "--input", "test.jsonl").stdout)
        self.assertEqual([line["idx"] for line in found], [line["idx"] for line in scored])
        self.assertEqual([line["prediction"] for line in found],
                         [line["prediction"] for line in scored])
        for line, score in zip(found, scored):
            self.assertEqual(sorted(line["probabilities"]), LABELS)
            self.assertAlmostEqual(sum(line["probabilities"].values()), 1, places=5)
            best = max(line["probabilities"], key=line["probabilities"].get)
            self.assertEqual(best, line["prediction"])
            # p(blue) / p(green) is the exponential of the difference of the scores.

            ratio = math.exp(score["scores"]["blue"] - score["scores"]["green"])
            self.assertAlmostEqual(line["probabilities"]["blue"], ratio / (1 + ratio), places=5)

    def test_ranks_share_the_examples(self):
        arguments = ["predict", self.run_dir, "--input", "test.jsonl", "--output"]
        self.incipit(*arguments, "one.jsonl")
        self.incipit(*arguments, "two.jsonl", ranks=2)
        one, two = (lines_of((self.folder / name).read_text())
                    for name in ("one.jsonl", "two.jsonl"))
        self.assertEqual([line["idx"] for line in one], [line["idx"] for line in two])
        for a, b in zip(one, two):
            self.assertEqual(a["prediction"], b["prediction"])
            for label in LABELS:
                self.assertAlmostEqual(a["probabilities"][label], b["probabilities"][label],
                                       places=5)
        self.assertFalse((self.folder / "one.jsonl.part").exists())

    def test_tables_keep_their_columns(self):
        path = self.table("in.csv", ";", [["no", "text", "note"], ["a", 'the "sky"\nof; day 3', ""],
                                          ["b", "the moss of day 4", "x"]])
        self.incipit("predict", self.run_dir, "--input", path, "--output", "out.csv")
        with (self.folder / "out.csv").open(newline="", encoding="utf8") as file:
            header, *rows = csv.reader(file)
        self.assertEqual(header, ["no", "text", "note", "prediction", "probability_blue",
                                  "probability_green"])
        self.assertEqual([row[:3] for row in rows],
                         [["a", 'the "sky"\nof; day 3', ""], ["b", "the moss of day 4", "x"]])
        for row in rows:
            self.assertIn(row[3], LABELS)
            self.assertAlmostEqual(float(row[4]) + float(row[5]), 1, places=5)
        message = self.refused(2, "predict", self.run_dir, "--input", "out.csv", "--format", "csv")
        self.assertIn("has a column 'prediction' already", message)

    def test_standard_input_in_every_format(self):
        texts = ["the sky of day 1", "the leaf of day 2"]
        table = io.StringIO(newline="")
        csv.writer(table).writerows([["label", "text"], *(["unheard of", text] for text in texts)])
        expected = [line | {"idx": None} for line in
                    lines_of(self.piped("\n".join(texts), "predict", self.run_dir))]
        self.assertEqual(len(expected), 2)
        for given in ("".join(json.dumps({"text": text}) + "\n" for text in texts),
                      table.getvalue(), "\r\n\r\n".join(texts) + "\r\n"):
            found = lines_of(self.piped(given, "predict", self.run_dir))
            self.assertEqual([line["idx"] for line in found], [0, 1])
            self.assertEqual([line | {"idx": None} for line in found], expected)
        braces = lines_of(self.piped("{not json}\n", "predict", self.run_dir, "--input-format",
                                     "text"))
        self.assertEqual(len(braces), 1)
        self.assertEqual(self.piped("", "predict", self.run_dir), "")

    def test_more_records_than_are_held_at_a_time(self):
        texts = [f"the sea of day {i}" for i in range(1500)]
        found = lines_of(self.piped("\n".join(texts), "predict", self.run_dir))
        self.assertEqual([line["idx"] for line in found], list(range(1500)))

    def test_bad_records_end_it_or_keep_their_line(self):
        path = self.write("bad.jsonl", '{"text": "the ice"}\n{"txt": "x"}\n{"text": \n'
                                       '{"idx": "d", "text": "the sea"}\n')
        message = self.refused(3, "predict", self.run_dir, "--input", path)
        self.assertIn("bad.jsonl:2: the record has no field 'text'", message)
        skip = ["predict", self.run_dir, "--input", path, "--set", "task.on_bad_record=skip"]
        found = lines_of(self.incipit(*skip).stdout)
        self.assertEqual([line["idx"] for line in found], [0, 1, 2, "d"])
        self.assertEqual([line["prediction"] is None for line in found],
                         [False, True, True, False])
        self.assertIn("bad.jsonl:3", found[2]["error"])
        rows = list(csv.reader(io.StringIO(self.incipit(*skip, "--format", "csv").stdout)))
        self.assertEqual(rows[0][:2], ["idx", "text"])
        self.assertEqual(rows[0][-1], "error")
        self.assertIn("bad.jsonl:2", rows[2][-1])
        self.assertIn("task.max_bad_records", self.refused(3, *skip, "--set",
                                                           "task.max_bad_records=1"))

    def test_a_broken_input_ends_all_ranks_with_one_message(self):
        path = self.write("open.csv", 'text\n"never closed\n')
        message = self.refused(3, "predict", self.run_dir, "--input", path, ranks=2)
        self.assertIn("open.csv:2: a double quote opens a field", message)
        self.assertIn("nowhere.csv", self.refused(3, "predict", self.run_dir, "--input",
                                                  "nowhere.csv", ranks=2))

    def test_without_a_prompt_and_with_another(self):
        plain = lines_of(self.piped("the sky", "predict", self.config, "--set",
                                    "method.kind=none"))
        tuned = lines_of(self.piped("the sky", "predict", self.config))
        last = lines_of(self.piped("the sky", "predict", self.config, "--adapter",
                                   self.run_dir / "adapter" / "last"))
        self.assertNotEqual(plain, tuned)
        self.assertEqual(len(last), 1)
        moved = self.folder / "moved"
        if not moved.exists():
            os.symlink(self.run_dir, moved)
        self.assertEqual(lines_of(self.piped("the sky", "predict", moved)), tuned)

    def test_texts_cannot_fill_two_fields(self):
        message = self.piped_refusal("x", "predict", self.config, "--set", "method.kind=none",
                                     "--set", "task.template='{text} {more}'")
        self.assertIn("lines of text can fill one field, and the template has 2 (text, more)",
                      message)

    def piped_refusal(self, text, *arguments):
        done = subprocess.run([program.INCIPIT, *map(str, arguments)], input=text.encode(),
                              capture_output=True, timeout=100, cwd=self.folder)
        self.assertEqual(done.returncode, 2, done.stderr.decode())
        return done.stderr.decode()

    def test_a_task_with_targets_is_answered(self):
        task = self.variant("answers.yaml", 'name: "', 'verbalizer: {}\n  target: " {label}"\n'
                                                       '  template: "{text} is"\n  name_: "')
        task.write_text(task.read_text().replace('  name_: "', '  # "'))
        arguments = ["predict", task, "--set", "method.kind=none", "--input", "test.jsonl",
                     "--max-tokens", "5"]
        found = lines_of(self.incipit(*arguments).stdout)
        self.assertEqual(len(found), len(self.tests))
        self.assertTrue(all(isinstance(line["prediction"], str) for line in found))
        self.assertTrue(any(line["prediction"] for line in found))
        self.assertNotIn("probabilities", found[0])
        for ranks in 1, 2:
            self.assertEqual(lines_of(self.incipit(*arguments, ranks=ranks).stdout), found)

    def test_answers_are_sampled_by_the_seed(self):
        task = self.write("sampled.yaml", self.config.read_text().replace(
            'name: "', 'verbalizer: {}\n  target: " {label}"\n  template: "{text} is"\n  # "'))

        def said(seed, *settings, temperature=1.5, ranks=0):
            return self.incipit("predict", task, "--set", "method.kind=none", *settings, "--input",
                                "test.jsonl", "--max-tokens", "12", "--temperature", temperature,
                                "--seed", seed, ranks=ranks).stdout

        def share_of(found):
            here, there = lines_of(said(1)), lines_of(found)
            return sum(a == b for a, b in zip(here, there, strict=True)) / len(here)
        self.assertEqual(said(1), said(1))
        self.assertLess(share_of(said(2)), 0.1)
        # As far as rounding, which may change a draw, lets them:
        self.assertGreater(share_of(said(1, "--set", "eval.batch_tokens=64")), 0.9)
        self.assertGreater(share_of(said(1, ranks=2)), 0.9)
        self.assertEqual(said(1, temperature=0), said(2, temperature=0))
        self.assertIn("--temperature: the task scores its labels", self.refused(
            2, "predict", self.run_dir, "--input", "test.jsonl", "--temperature", "1"))

    def test_columns_on_a_terminal(self):
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "wb") as out:
            subprocess.run([program.INCIPIT, "predict", str(self.run_dir), "--input",
                            "test.jsonl"], stdout=out, stderr=subprocess.DEVNULL, check=True,
                           timeout=100, cwd=self.folder, env=os.environ | {"NO_COLOR": "1"})
            text = os.read(ours, 65536).decode()
        os.close(ours)
        header, first, *_ = text.splitlines()
        self.assertEqual(header.split(), ["idx", "prediction", "probability", "text"])
        self.assertRegex(first, r"^0 +(blue|green) +\d+\.\d %  the \w+ of day \d+$")
        self.assertEqual(first.index("the"), header.index("text"))


class Generate(WithARun):
    def generate(self, *arguments, text="", code=0):
        return self.piped(text, "generate", *arguments, code=code)

    def test_a_model_continues_text(self):
        model = self.folder / "model"
        said = self.generate(model, "--prompt", "the sky", "--max-tokens", "8")
        self.assertEqual(said.count("\n"), said[:-1].count("\n") + 1)
        self.assertEqual(self.generate(model, "--max-tokens", "8", text="the sky\n"), said)
        self.assertNotEqual(self.generate(model, "--max-tokens", "8", "--prompt", "the sky",
                                          "--adapter", self.run_dir / "adapter" / "best"), "")

    def test_a_run_fills_its_template(self):
        said = self.generate(self.run_dir, "--prompt", "the sky of day 5", "--max-tokens", "6")
        raw = self.generate(self.folder / "model", "--adapter", self.run_dir / "adapter" / "best",
                            "--prompt", "the sky of day 5 is", "--max-tokens", "6")
        self.assertEqual(said, raw)

    def test_sampling_follows_the_seed(self):
        def said(seed):
            return self.generate(self.folder / "model", "--prompt", "a", "--max-tokens", "30",
                                 "--temperature", "1.5", "--top-p", "0.95", "--seed", seed)
        self.assertEqual(said("1"), said("1"))
        self.assertNotEqual(said("1"), said("2"))

    def test_a_stop_text_ends_it(self):
        arguments = [self.folder / "model", "--prompt", "the sky", "--max-tokens", "40"]
        free = self.generate(*arguments)[:-1]
        stop = free[3:5]
        stopped = self.generate(*arguments, "--stop", stop)[:-1]
        self.assertEqual(stopped, free[:free.index(stop)])

    def test_chat_needs_a_chat_format(self):
        self.write("model/incipit_chat.json", json.dumps(
            {"format": 1, "begin": "", "user": {"before": "<s>u ", "after": "</s>"},
             "system": {"before": "<s>s ", "after": "</s>"},
             "user_after_system": {"before": "<s>u ", "after": "</s>"},
             "assistant": {"before": "<s>a ", "after": "</s>"}, "generation_prompt": "<s>a "}))
        try:
            model = self.folder / "model"
            chat = self.generate(model, "--prompt", "hi", "--max-tokens", "6")
            by_hand = self.generate(model, "--raw", "--prompt", "<s>u hi</s><s>a ",
                                    "--max-tokens", "6")
            self.assertEqual(chat, by_hand)
            with_system = self.generate(model, "--system", "be brief", "--prompt", "hi",
                                        "--max-tokens", "6")
            self.assertEqual(with_system, self.generate(
                model, "--raw", "--prompt", "<s>s be brief</s><s>u hi</s><s>a ",
                "--max-tokens", "6"))
            self.assertIn("--raw", self.refused(2, "generate", model, "--raw", "--chat"))
            self.assertIn("add --chat", self.refused(2, "generate", model, "--raw", "--system",
                                                     "x", "--prompt", "y"))
        finally:
            (self.folder / "model" / "incipit_chat.json").unlink()

    def test_a_terminal_is_talked_with(self):
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "rb+", buffering=0) as terminal:
            process = subprocess.Popen(
                [program.INCIPIT, "generate", str(self.run_dir), "--max-tokens", "4"],
                stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
            os.write(ours, b"the sky\nthe sea\n\n")
            out, err = process.communicate(timeout=100)
        os.close(ours)
        self.assertEqual(process.returncode, 0, err.decode())
        expected = "".join(self.generate(self.run_dir, "--max-tokens", "4", "--prompt", text)
                           for text in ("the sky", "the sea"))
        self.assertEqual(out.decode(), expected)

    def test_what_cannot_be_is_refused(self):
        self.assertIn("nomodel", self.refused(3, "generate", "nomodel", "--prompt", "x"))
        self.assertIn("--temperature", self.refused(2, "generate", self.config, "--temperature",
                                                    "-1"))
        self.assertIn("on one rank", self.refused(2, "generate", self.config, "--prompt", "x",
                                                  ranks=2))
        self.assertIn("is empty", self.refused(3, "generate", self.folder / "model", "--prompt",
                                               ""))


if __name__ == "__main__":
    program.main()
