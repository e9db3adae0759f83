#!/usr/bin/env python3
"""The files that SuperGLUE's server reads, read back.  submission_test.py INCIPIT MPIRUN"""
import json
import unittest
import zipfile

import program
import tiny

# Made-up test files in the official layout. ReCoRD's entities are (start, end), the end included.
STORY = "Ada Lind rowed to Wren Isle.\n@highlight\nThe ferry was late"
RECORDS = {
    "BoolQ": [{"question": "is moss a plant", "passage": "Moss is a small plant.", "idx": 0},
              {"question": "is fog dry", "passage": "Fog is wet air — \u201cwet\u201d.", "idx": 1},
              {"question": "do eels fly", "passage": "Eels swim.", "idx": 2}],
    "CB": [{"premise": "I doubt that it rained.", "hypothesis": "it rained", "idx": 0},
           {"premise": "She knows it is late.", "hypothesis": "it is late", "idx": 1}],
    "COPA": [{"premise": "The lamp went out.", "choice1": "The oil was used up.",
              "choice2": "The wind was warm.", "question": "cause", "idx": 0},
             {"premise": "The bridge fell.", "choice1": "Carts took the ford.",
              "choice2": "The river froze.", "question": "effect", "idx": 1}],
    "MultiRC": [{"idx": 4, "passage": {"text": "<b>Sent 1: </b>Ola mends nets.<br>", "questions": [
                    {"idx": 11, "question": "Who mends nets?", "answers": [
                        {"idx": 30, "text": "Ola"}, {"idx": 31, "text": "Nobody"}]},
                    {"idx": 12, "question": "What is mended?", "answers": [
                        {"idx": 32, "text": "Nets"}, {"idx": 33, "text": "A roof"},
                        {"idx": 34, "text": "A boat"}]}]}},
                {"idx": 5, "passage": {"text": "It snowed.", "questions": [
                    {"idx": 13, "question": "Did it rain?", "answers": [
                        {"idx": 35, "text": "No"}]}]}}],
    "ReCoRD": [{"idx": 2, "passage": {"text": STORY, "entities": [
                    {"start": 0, "end": 7}, {"start": 18, "end": 26}]},
                "qas": [{"idx": 21, "query": "At noon @placeholder came ashore."},
                        {"idx": 22, "query": "Boats to @placeholder were few."}]},
               {"idx": 3, "passage": {"text": "Köln won.", "entities": [{"start": 0, "end": 3}]},
                "qas": [{"idx": 23, "query": "@placeholder was glad."}]}],
    "RTE": [{"premise": "A cat slept.", "hypothesis": "An animal slept.", "idx": 0},
            {"premise": "A cat slept.", "hypothesis": "A dog ran.", "idx": 1},
            {"premise": "It is so.", "hypothesis": "It is not so.", "idx": 2}],
    "WiC": [{"word": "bank", "sentence1": "The bank was muddy.", "sentence2": "A bank lent it.",
             "idx": 0, "start1": 4, "end1": 8, "start2": 2, "end2": 6, "version": 1.1}],
    "WSC": [{"text": "The sack tore because it was old.", "idx": 0, "target": {
                "span1_index": 0, "span1_text": "The sack", "span2_index": 4, "span2_text": "it"}},
            {"text": "Ida thanked Per after he sang.", "idx": 1, "target": {
                "span1_index": 0, "span1_text": "Ida", "span2_index": 4, "span2_text": "he"}}],
    "AX-b": [{"sentence1": "All owls hoot.", "sentence2": "Some owl hoots.", "idx": 0,
              "logic": "Quantifiers"},
             {"sentence1": "It is cold.", "sentence2": "It is not cold.", "idx": 1}],
    "AX-g": [{"premise": "The smith paid the guest since he won.", "hypothesis": "The guest won.",
              "idx": 0, "pair_id": 400},
             {"premise": "The smith paid the guest since she won.", "hypothesis": "The guest won.",
              "idx": 1, "pair_id": 401}]}
TASKS = {name: name.lower().replace("-", "") for name in RECORDS}
LABELS = {"BoolQ": {"true", "false"}, "CB": {"entailment", "contradiction", "neutral"},
          "COPA": {0, 1}, "RTE": {"entailment", "not_entailment"}, "WiC": {"true", "false"},
          "WSC": {"True", "False"}, "AX-b": {"entailment", "not_entailment"},
          "AX-g": {"entailment", "not_entailment"}}
ENTITIES = {21: {"Ada Lind", "Wren Isle"}, 22: {"Ada Lind", "Wren Isle"}, 23: {"Köln"}}


class Submission(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        tiny.POSITIONS = 512
        super().setUpClass()
        for name, records in RECORDS.items():
            lines = [json.dumps(record, ensure_ascii=False) for record in records]
            cls().write(f"{name}.test.jsonl", "\n".join(lines))  # the last without its newline

    def task_config(self, name, task="", more=""):
        text = (f'run: {{name: x, output_dir: "{self.folder}/none"}}\n'
                f'model: {{path: "{self.folder}/model", dtype: float32}}\nmethod: {{kind: none}}\n'
                f'task: {{name: {task or TASKS[name]}, data_dir: "{self.folder}", '
                f'test: {name}.test.jsonl{more}}}\n')
        return self.write(f"{task or name}.yaml", text)

    def submit(self, name, folder, ranks=0, task="", more=""):
        return self.incipit("predict", self.task_config(name, task, more), "--submission",
                            self.folder / folder, ranks=ranks).stdout

    def read(self, folder, name):
        """The lines of a file of the archive, which are those of the file beside it."""
        with zipfile.ZipFile(self.folder / folder / "submission.zip") as archive:
            self.assertIsNone(archive.testzip())
            text = archive.read(f"{name}.jsonl")
        self.assertEqual(text, (self.folder / folder / f"{name}.jsonl").read_bytes())
        self.assertTrue(text.endswith(b"\n"))
        return [json.loads(line) for line in text.decode("utf8").splitlines()]

    def check(self, folder, name):
        lines, records = self.read(folder, name), RECORDS[name]
        if name == "MultiRC":
            self.check_nested(lines, records)
        elif name == "ReCoRD":
            asked = [qa["idx"] for record in records for qa in record["qas"]]
            self.assertEqual([line["idx"] for line in lines], asked)
            for line in lines:
                self.assertIn(line["label"], ENTITIES[line["idx"]])
        else:
            self.assertEqual([line["idx"] for line in lines], [each["idx"] for each in records])
            for line in lines:
                self.assertEqual(set(line), {"idx", "label"})
                self.assertIn(line["label"], LABELS[name])
                self.assertIs(type(line["label"]), type(next(iter(LABELS[name]))))

    def check_nested(self, lines, records):
        for line, record in zip(lines, records, strict=True):
            self.assertEqual(line["idx"], record["idx"])
            for ours, theirs in zip(line["passage"]["questions"], record["passage"]["questions"],
                                    strict=True):
                self.assertEqual(ours["idx"], theirs["idx"])
                self.assertEqual([each["idx"] for each in ours["answers"]],
                                 [each["idx"] for each in theirs["answers"]])
                for each in ours["answers"]:
                    self.assertIn(each["label"], (0, 1))
                    self.assertIs(type(each["label"]), int)

    def test_all_ten_files_and_the_archive(self):
        for done, name in enumerate(RECORDS):
            said = self.submit(name, "one")
            self.check("one", name)
            with zipfile.ZipFile(self.folder / "one" / "submission.zip") as archive:
                self.assertEqual(len(archive.namelist()), done + 1)
            for other in list(RECORDS)[done + 1:]:
                self.assertIn(f"{other}.jsonl", said)
        self.assertIn("the archive is complete", said)
        for name in RECORDS:
            self.submit(name, "two", ranks=2)
        for file in [f"{name}.jsonl" for name in RECORDS] + ["submission.zip"]:
            self.assertEqual((self.folder / "one" / file).read_bytes(),
                             (self.folder / "two" / file).read_bytes(), file)

    def test_what_is_handed_in_is_what_is_predicted(self):
        self.submit("MultiRC", "same")
        done = self.incipit("predict", self.task_config("MultiRC"), "--input", "MultiRC.test.jsonl")
        predicted = {tuple(line["idx"]): line for line in map(json.loads, done.stdout.splitlines())}
        self.assertEqual(len(predicted), 6)
        for passage in self.read("same", "MultiRC"):
            for question in passage["passage"]["questions"]:
                for answer in question["answers"]:
                    line = predicted[passage["idx"], question["idx"], answer["idx"]]
                    self.assertEqual(str(answer["label"]), line["prediction"])
                    self.assertEqual(set(line["probabilities"]), {"0", "1"})

    def test_candidates_of_a_record_have_probabilities(self):
        done = self.incipit("predict", self.task_config("ReCoRD"), "--input", "ReCoRD.test.jsonl")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line["idx"] for line in lines], [21, 22, 23])
        for line in lines:
            self.assertEqual(set(line["probabilities"]), ENTITIES[line["idx"]])
            self.assertAlmostEqual(sum(line["probabilities"].values()), 1, places=5)
            self.assertEqual(line["prediction"], max(line["probabilities"],
                                                     key=line["probabilities"].get))
        table = self.incipit("predict", self.task_config("ReCoRD"), "--input", "ReCoRD.test.jsonl",
                             "--format", "csv").stdout.splitlines()
        self.assertTrue(table[0].endswith(",prediction,probability"))

    def test_generated_answers_have_the_official_form(self):
        self.submit("WSC", "said", task="wsc_t5", more=", max_answer_tokens: 4")
        self.check("said", "WSC")
        # A random model's answer is no label: the first label is written, with a warning.
        done = self.incipit("predict", self.task_config("BoolQ", "boolq_t5", ", answer: generate, "
                            "max_answer_tokens: 3"), "--submission", self.folder / "said")
        self.assertIn("3 of 3 answers were none of the labels", done.stderr)
        self.assertEqual({line["label"] for line in self.read("said", "BoolQ")}, {"false"})
        self.submit("ReCoRD", "said", task="record_t5", more=", answer: generate, "
                                                             "max_answer_tokens: 3")
        lines = self.read("said", "ReCoRD")
        self.assertEqual([line["idx"] for line in lines], [21, 22, 23])
        self.assertTrue(all(isinstance(line["label"], str) for line in lines))

    def test_a_file_with_labels_is_not_the_one_to_answer(self):
        labelled = self.write("val.jsonl", json.dumps(RECORDS["RTE"][0] | {"label": "entailment"}))
        for path, warned in ((labelled, True), (self.folder / "RTE.test.jsonl", False)):
            done = self.incipit("predict", self.task_config("RTE"), "--submission",
                                self.folder / "val", "--input", path)
            self.assertEqual("has labels" in done.stderr, warned, done.stderr)

    def refuse(self, text, *options, ranks=0):
        path = self.write("bad.jsonl", text)
        message = self.refused(3, "predict", self.task_config("RTE"), "--submission",
                               self.folder / "refused", "--input", path, *options, ranks=ranks)
        self.assertFalse((self.folder / "refused").exists())
        return message

    def test_fewer_answers_than_examples_are_refused(self):
        good = json.dumps(RECORDS["RTE"][0])
        for ranks in (0, 2):
            message = self.refuse(good + '\n{"premise": "No hypothesis", "idx": 1}\n', "--set",
                                  "task.on_bad_record=skip", ranks=ranks)
            self.assertIn("bad.jsonl:2: the record has no field 'hypothesis'", message)
            self.assertIn("no submission was written", message)
        self.assertIn("bad.jsonl:2: an earlier example has the same id, 0",
                      self.refuse(good + "\n" + good))
        self.assertIn("bad.jsonl:1: the example has no id",
                      self.refuse('{"premise": "A", "hypothesis": "B"}\n'))
        self.assertIn("bad.jsonl:2", self.refuse(good + '\n{"premise": "cut o'))
        self.assertIn("no example", self.refuse("\n"))

    def test_what_cannot_be_handed_in_is_refused(self):
        config = self.task_config("RTE")
        self.assertIn("--output", self.refused(2, "predict", config, "--submission", "x",
                                               "--output", "y"))
        nowhere = self.task_config("RTE", "", ", submission: {file: ''}")
        self.assertIn("task.submission.file",
                      self.refused(2, "predict", nowhere, "--submission", "x"))
        for name, form, message in (("RTE", "integer", "labels as integers"),
                                    ("COPA", "nested", "three fields in id_field")):
            more = f", submission: {{file: A.jsonl, form: {form}}}"
            self.assertIn(message, self.refused(2, "predict", self.task_config(name, "", more),
                                                "--submission", "x"))


if __name__ == "__main__":
    program.main()
