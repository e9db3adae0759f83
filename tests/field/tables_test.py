#!/usr/bin/env python3
"""Tables as people have them, through init, validate and predict.  tables_test.py INCIPIT MPIRUN"""
import csv
import gzip
import io
import json
import pickle
import sys
import tarfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import program  # noqa: E402

ROWS = [(f"{word} number {i}", label) for i in range(12)
        for word, label in (("lamp", "roads"), ("bin", "waste"), ("drain", "water"))]


def table(rows=ROWS, header=("text", "label"), **options):
    text = io.StringIO()
    writer = csv.writer(text, **{"lineterminator": "\n", **options})
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def tar(text):
    """The bytes of a tar.gz file with the text."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("rows.csv")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


class Tables(program.ProgramTest):
    def init(self, name, content, text="text", code=0, **options):
        """Runs init on a file with this content; returns the texts and labels of its splits."""
        path = self.folder / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        folder = self.folder / "out" / name
        label = options.pop("label", "label")
        done = self.incipit("init", "--data", path, "--text", text, "--label", label, "--output",
                            folder, "--name", "run", "--model", self.folder / "model", code=code)
        if code:
            return done.stderr
        self.incipit("validate", folder / "run.yaml")
        records = [json.loads(line) for split in folder.glob("*.jsonl")
                   for line in split.read_text(encoding="utf8").split("\n") if line]
        return sorted((r[text], r[options.get("field", "label")]) for r in records)

    def test_tables_that_are_read_as_the_plain_one(self):
        plain = table()
        records = [{"text": t, "label": label} for t, label in ROWS]
        files = {
            "pandas.csv": table([(i, *row) for i, row in enumerate(ROWS)], ("", "text", "label")),
            "r.csv": table([(str(i), *row) for i, row in enumerate(ROWS, 1)],
                           ("", "text", "label"), quoting=csv.QUOTE_ALL),
            "row_names.tsv": table([(i, *row) for i, row in enumerate(ROWS, 1)], delimiter="\t"),
            "columns.csv": table([(*row, "", "") for row in ROWS], ("text", "label", "", ""),
                                 delimiter=";"),
            "ends.csv": table([(*row, "", "") for row in ROWS], delimiter=";"),
            "sep.csv": "sep=;\r\n" + table(delimiter=";", lineterminator="\r\n"),
            "dos.csv": plain + "\x1a",
            "packed.csv.gz": gzip.compress(plain.encode()),
            "packed.csv": gzip.compress(plain[:100].encode()) + gzip.compress(plain[100:].encode()),
            "pipes.csv": table(delimiter="|"),
            "quoted.csv": "\ufeff" + table(quoting=csv.QUOTE_ALL, lineterminator="\r\n"),
            "blank.csv": "\n" + table() + "\n\n",
            "spaces.csv": "  \n" + table() + "   \n \t\n",
            "spaces.tsv": "  \n" + table(delimiter="\t") + "   \n",
            "mark.jsonl": "\ufeff" + "\r\n".join(map(json.dumps, records)) + "\r\n",
            "array.json.gz": gzip.compress(json.dumps(records, indent=1).encode()),
            "array.json": json.dumps(records),
            "indented.json": json.dumps(records, indent=2),
            "objects.jsonl": "".join(json.dumps(r, indent=1) + "\n" for r in records),
            "packed.jsonl.gz": gzip.compress("\n".join(map(json.dumps, records)).encode())}
        for name, content in files.items():
            with self.subTest(name):
                self.assertEqual(self.init(name, content), sorted(ROWS))

    def test_files_that_are_no_tables_are_named_for_what_they_are(self):
        workbook = io.BytesIO()
        with zipfile.ZipFile(workbook, "w") as archive:
            archive.writestr("[Content_Types].xml", "<x/>")
            archive.writestr("xl/workbook.xml", "<x/>")
        files = {
            "book.xlsx": (workbook.getvalue(), "Excel workbook", "read_excel"),
            "book.csv": (workbook.getvalue(), "Excel workbook", "read_excel"),
            "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel workbook",
                        "read_excel"),
            "table.parquet": (b"PAR1" + bytes(90) + b"PAR1", "Parquet file", "read_parquet"),
            "unicode.csv": (("\ufeff" + table(delimiter="\t")).encode("utf-16-le"),
                            "text in UTF-16", "iconv -f UTF-16"),
            "other.csv": (b"\xfe\xff" + table().encode("utf-16-be"), "text in UTF-16", "iconv"),
            "data.db": (b"SQLite format 3\0" + bytes(90), "SQLite database", "sqlite3"),
            "cut.csv.gz": (gzip.compress(table().encode())[:-20], "damaged or incomplete gzip",
                           ""),
            "latin.csv": (table().replace("lamp", "l\u00e4mp").encode("cp1252"), "not UTF-8",
                          "UTF-8"),
            "page.csv": ("\n<!DOCTYPE html>\n<html><title>Sign in</title></html>\n", "web page", ""),
            "page.jsonl": ("<HTML><body>404</body></HTML>", "web page", ""),
            "rows.csv.gz": (tar(table()), "tar archive", "tar -xf"),
            "twice.csv.gz": (gzip.compress(gzip.compress(b"x")), "gzip file within", ""),
            "rows.pickle.csv": (pickle.dumps(ROWS), "Python pickle", ""),
            "array.csv": (b"\x93NUMPY\x01\0" + bytes(90), "NumPy array", "numpy"),
            "table.orc.csv": (b"ORC\x0a\x03\0" + bytes(90), "ORC file", ""),
            "model.jsonl": (b"GGUF\x03\0\0\0" + bytes(90), "GGUF model", ""),
            "paper.csv": (b"%PDF-1.7\n", "PDF document", ""),
            "little.csv": (table().encode("utf-16-le"), "text in UTF-16", "iconv -f UTF-16LE"),
            "big.csv": (table().encode("utf-16-be"), "text in UTF-16", "iconv -f UTF-16BE"),
            "cut.json": (json.dumps([{"text": "a", "label": "b"}])[:-6], "cut off", "")}
        for name, (content, what, command) in files.items():
            with self.subTest(name):
                message = self.init(name, content, code=3)
                self.assertIn(what, message)
                self.assertIn(command, message)
                self.assertIn(name, message)
                self.assertEqual(len(message.strip().splitlines()), 1, message)

    def test_marks_within_texts_are_kept(self):
        rows = [(text + mark, label) for (text, label), mark in
                zip(ROWS, ['5" pipe', "it's", "a;b", "a|b", "=1+1", "\u2028x", "#", " '"] * 9)]
        for name, options in {"inch.tsv": dict(delimiter="\t", quoting=csv.QUOTE_NONE,
                                               quotechar=None), "inch.csv": {}}.items():
            with self.subTest(name):
                self.assertEqual(self.init(name, table(rows, **options)), sorted(rows))

    def test_records_within_a_list(self):
        records = [{"text": t, "label": label} for t, label in ROWS]
        for name, indent in (("wrapped.json", None), ("wrapped2.json", 2)):
            message = self.init(name, json.dumps({"version": 1, "data": records}, indent=indent),
                                code=3)
            self.assertIn("the records are in the list 'data'", message)
            self.assertIn("jq -c '.data[]'", message)

    def test_lists_without_the_column_are_not_taken_for_the_records(self):
        tasks = [{"data": {"text": t}, "annotations": [{"id": 1}]} for t, _ in ROWS]
        message = self.init("tasks.json", json.dumps(tasks), code=2)
        self.assertIn("there is no column 'text', only annotations, data", message)
        indexed = {str(i): {"text": t, "label": label} for i, (t, label) in enumerate(ROWS)}
        message = self.init("indexed.json", json.dumps(indexed), code=2)
        self.assertIn("and 16 more", message)

    def test_whole_numbers_beyond_64_bits_are_kept(self):
        names = {"roads": 10 ** 30, "waste": 10 ** 30 + 1, "water": 2 ** 63}
        lines = "".join(json.dumps({"text": t, "label": names[label]}) + "\n"
                        for t, label in ROWS)
        self.assertEqual([(t, str(label)) for t, label in self.init("huge.jsonl", lines)],
                         sorted((t, str(names[label])) for t, label in ROWS))

    def test_columns_without_a_name_are_noted(self):
        path = self.write("noted.csv", table([(i, *row) for i, row in enumerate(ROWS)],
                                             ("", "text", "label")))
        done = self.incipit("init", "--data", path, "--text", "text", "--label", "label",
                            "--output", self.folder / "noted", "--model", self.folder / "model")
        self.assertIn("columns without a name in the first row are called 'Unnamed: 0'",
                      done.stderr)

    def test_several_labels_for_a_text(self):
        records = [{"text": t, "label": [label]} for t, label in ROWS]
        lines = "\n".join(map(json.dumps, records))
        self.assertIn("several labels for a text are not supported",
                      self.init("lists.jsonl", lines, code=3))
        message = self.refused(3, "train", self.config, "--set", "task.train=lists.jsonl")
        self.assertIn("several labels for a text are not supported", message)

    def test_labels_that_yaml_reads_as_something_else(self):
        for number, labels in enumerate([["no", "on", "off"], ["null", "~", "NA"],
                                         ["1", "1.0", "010"], ["1e3", "0x1F", ".5"],
                                         ["2026-01-01", "12:30", "1_000"], ["a: b", "# x", "- y"],
                                         ["{text}", "}", "&a"], ["true", "True", "yes"]]):
            with self.subTest(labels=labels):
                names = dict(zip(("roads", "waste", "water"), labels))
                rows = [(text, names[label]) for text, label in ROWS]
                folder = self.folder / "out" / f"yaml{number}.csv"
                self.assertEqual(self.init(f"yaml{number}.csv", table(rows)), sorted(rows))
                line = json.loads(self.incipit("predict", folder / "run.yaml", "--set",
                                               "method.kind=none", "--input",
                                               folder / "test.jsonl").stdout.splitlines()[0])
                self.assertEqual(sorted(line["probabilities"]), sorted(labels))

    def test_columns_with_odd_names_work_with_the_users_own_file(self):
        for i, name in enumerate(["label", "idx", "ticket.text", "text:", "two words", "a,b", "0",
                                  "candidate", "текст", 'a"b', "#"]):
            with self.subTest(name):
                path = self.folder / f"odd{i}.csv"
                path.write_text(table(header=(name, "team")), encoding="utf8")
                folder = self.folder / f"odd{i}"
                self.incipit("init", "--data", path, "--text", name, "--label", "team", "--output",
                             folder, "--name", "run", "--model", self.folder / "model")
                self.incipit("validate", folder / "run.yaml")
                self.write("three.csv", table(ROWS[:3], (name, "team")))
                done = self.incipit("predict", folder / "run.yaml", "--set", "method.kind=none",
                                    "--input", "three.csv")
                self.assertEqual(len(done.stdout.splitlines()), 3)

    def test_columns_that_a_template_cannot_name_are_refused_by_init(self):
        for name in ["Subject|Body", "{text}", "x}y"]:
            path = self.write("pipes.csv", table(header=(name, "team")))
            message = self.refused(2, "init", "--data", path, "--text", name, "--label", "team",
                                   "--output", self.folder / "pipes", "--model",
                                   self.folder / "model")
            self.assertIn(f"'{name}'", message)
            self.assertIn("rename the column", message)
            self.assertFalse((self.folder / "pipes").exists())

    def test_inits_own_names_do_not_collide(self):
        for name in ["task", "Task", "train", "test", "validation"]:
            with self.subTest(name):
                path = self.folder / "in" / f"{name}.csv"
                path.parent.mkdir(exist_ok=True)
                path.write_text(table())
                folder = self.folder / "names" / name
                self.incipit("init", "--data", path, "--text", "text", "--label", "label",
                             "--output", folder, "--model", self.folder / "model")
                self.incipit("validate", folder / f"{name}.yaml")

    def test_init_does_not_overwrite_the_examples(self):
        folder = self.folder / "own"
        folder.mkdir()
        path = folder / "train.jsonl"
        path.write_text("".join(json.dumps({"text": t, "label": label}) + "\n"
                                for t, label in ROWS))
        before = path.read_text()
        message = self.refused(2, "init", "--data", path, "--text", "text", "--label", "label",
                               "--output", folder, "--force", "--model", self.folder / "model")
        self.assertIn("would overwrite the examples", message)
        self.assertEqual(path.read_text(), before)


if __name__ == "__main__":
    program.main()
