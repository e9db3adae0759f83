#!/usr/bin/env python3
"""Entities and answers in texts: what train, predict, show and report say of them, and that they are
learned.  heads_test.py INCIPIT MPIRUN"""
import json
import random

import program

CONFIG = """run: {{name: {name}, output_dir: "{folder}/{name}", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method: {{kind: lora, r: 8, alpha: 32, target_modules: [all-linear]}}
task:
  data_dir: "{folder}"
  train: {train}
  validation: 0.2
  test: {name}_test.jsonl
  on_overlap: warn
{task}
train:
  steps: 90
  batch_size: 16
  eval_every: 30
  optimizer: {{kind: adamw, lr: 0.004}}
"""
TASKS = {"entities": """  kind: token_classification
  labels: [thing, day]
  template: "{text}"
""", "questions": """  kind: extractive_question
  template: "{question} {context}"
"""}
THINGS = ["sky", "sea", "moss", "old mill"]


def messages(seed, count):
    """(text, thing, day): "The old mill on day 7." A day is two words, a thing one or two."""
    draw = random.Random(seed)
    for _ in range(count):
        thing, day = draw.choice(THINGS), f"day {draw.randrange(100)}"
        yield f"The {thing} on {day}.", thing, day


def entity(text, part, label):
    start = text.index(part)
    return {"start": start, "end": start + len(part), "label": label, "text": part}


def write_entities(path, seed, count):
    lines = [{"text": text, "entities": [entity(text, thing, "thing"), entity(text, day, "day")]}
             for text, thing, day in messages(seed, count)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_conll(path, seed, count):
    """The same messages as words and tags; the full stop is a word."""
    blocks = []
    for text, thing, day in messages(seed, count):
        tags = []
        for part, label in ((thing, "thing"), (day, "day")):
            tags += ["O"] + [f"{'I' if i else 'B'}-{label}" for i in range(len(part.split()))]
        words = text.replace(".", " .").split()
        blocks.append("".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags + ["O"], strict=True)))
    path.write_text("\n".join(blocks))


def write_questions(path, seed, count):
    lines = []
    for i, (text, thing, day) in enumerate(messages(seed, count)):
        answer = day if i % 2 else thing
        lines.append({"context": text, "question": "When?" if i % 2 else "What?", "answers": [answer],
                      "answer_start": [text.index(answer)]})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


class Heads(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_conll(cls.folder / "entities.conll", 1, 160)
        write_entities(cls.folder / "entities_test.jsonl", 2, 40)
        write_questions(cls.folder / "questions.jsonl", 3, 160)
        write_questions(cls.folder / "questions_test.jsonl", 4, 40)
        for name, train in (("entities", "entities.conll"), ("questions", "questions.jsonl")):
            (cls.folder / f"{name}.yaml").write_text(CONFIG.format(
                name=name, folder=cls.folder, train=train, task=TASKS[name]))

    def train(self, name):
        run = self.folder / name
        if not run.exists():
            self.incipit("train", self.folder / f"{name}.yaml", OMP_NUM_THREADS="1")
        return run, json.loads((run / "scores.json").read_text())["test"]

    def test_entities_are_learned_and_written_with_their_places(self):
        run, scores = self.train("entities")
        self.assertGreater(scores["entity_f1"], 0.8)
        low, high = scores["entity_f1_95"]
        self.assertTrue(low <= scores["entity_f1"] <= high)
        right = given = both = 0
        records = lines_of((self.folder / "entities_test.jsonl").read_text())
        lines = lines_of((run / "predictions" / "test.jsonl").read_text())
        for record, line in zip(records, lines, strict=True):
            self.assertEqual(line["references"], [record["entities"]])
            for found in line["prediction"]:
                self.assertEqual(record["text"][found["start"]:found["end"]], found["text"])
            right += len(record["entities"])
            given += len(line["prediction"])
            both += sum(found in record["entities"] for found in line["prediction"])
        self.assertAlmostEqual(scores["entity_f1"], 2 * both / (right + given), places=12)

    def test_entities_are_predicted_in_lines_and_columns(self):
        run, _ = self.train("entities")
        text = "The sea on day 57."
        expected = [entity(text, "sea", "thing"), entity(text, "day 57", "day")]
        plain = self.write("new.txt", text + "\n")
        self.assertEqual(lines_of(self.incipit("predict", run, "--input", plain).stdout),
                         [{"idx": 0, "prediction": expected}])
        words = self.write("new.conll", "".join(f"{word}\n" for word in text[:-1].split()))
        self.assertEqual(lines_of(self.incipit("predict", run, "--input", words).stdout),
                         [{"idx": 0, "prediction": expected}])
        table = self.incipit("predict", run, "--input", plain, "--format", "csv").stdout
        self.assertIn('""label"":""thing""', table)

    def test_answers_are_learned_and_scored_as_squads(self):
        run, scores = self.train("questions")
        self.assertGreater(scores["text_exact_match"], 0.8)
        self.assertGreaterEqual(scores["text_f1"], scores["text_exact_match"])
        new = self.write("new.jsonl", json.dumps({"context": "The moss on day 8.",
                                                  "question": "When?"}) + "\n")
        self.assertEqual(lines_of(self.incipit("predict", run, "--input", new).stdout),
                         [{"idx": 0, "prediction": "day 8"}])

    def test_a_soft_prompt_starts_from_the_labels_if_there_are_some(self):
        for name in TASKS:
            self.incipit("train", self.folder / f"{name}.yaml", "--set", "method.kind=prompt_tuning",
                         "--set", "train.steps=1", "--set", f"run.output_dir={self.folder}/{name}-soft")

    def test_a_run_is_shown_and_reported(self):
        for name in TASKS:
            run, _ = self.train(name)
            self.incipit("report", run, "--output", self.folder / f"{name}.html")
            self.assertIn("day", (self.folder / f"{name}.html").read_text(encoding="utf8"))
            self.assertIn("day", self.incipit("show", self.folder / f"{name}.yaml").stdout)
            self.assertIn("outputs of the head",
                          self.incipit("validate", self.folder / f"{name}.yaml").stdout)
            self.assertIn("outputs", self.incipit("inspect", run / "adapter" / "best").stdout)

    def test_what_does_not_fit_is_refused(self):
        run, _ = self.train("entities")
        message = self.refused(2, "eval", self.folder / "questions.yaml", "--adapter",
                               run / "adapter" / "best")
        self.assertIn("a head of another kind of task", message)
        message = self.refused(2, "train", self.folder / "entities.yaml", "--set",
                               "train.loss=candidates")
        self.assertIn("train.loss", message)
        message = self.refused(2, "train", self.folder / "questions.yaml", "--set",
                               "method.kind=prompt_tuning", "--set", "method.init.kind=class_labels")
        self.assertIn("method.init.kind", message)
        self.assertIn("task.kind", self.refused(2, "generate", run, "--prompt", "The sky"))
        self.assertIn("task.kind", self.refused(2, "explain", run))
        self.assertIn("trained head", self.refused(2, "merge", run, "--output", self.folder / "x"))
        bad = self.write("bad.jsonl", '{"text": "ab", "entities": [{"start": 0, "end": 1, '
                                      '"label": "day"}]}\n')
        message = self.refused(3, "train", self.folder / "entities.yaml", "--set",
                               f"task.train={bad}")
        self.assertIn("bad.jsonl:1: entities.0", message)


if __name__ == "__main__":
    program.main()
