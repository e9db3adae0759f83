#!/usr/bin/env python3
"""From a CSV to a prompt without editing a file.  init_test.py INCIPIT MPIRUN"""
import csv
import json
import random
import shutil

import program
import tiny

TEAMS = {"Road works": "pothole crossing asphalt", "Waste & recycling": "bin garbage rat",
         "Größe: \"Wasser\"": "tap pipe leak"}


def write_csv(path, count, seed, subject="subject, short"):
    """Mails with quotes, delimiters, line ends, braces, emoji, and once in a while no text."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["No", subject, "mail: body", "team"])
        for number in range(count):
            team = draw.choice(sorted(TEAMS))
            thing = draw.choice(TEAMS[team].split())
            body = (f'The "{thing}" is bad, since {draw.randrange(300)} days;\r\n'
                    f'{{please}} \N{CONSTRUCTION SIGN}\tü {draw.randrange(1000)}')
            table.writerow([number, f"{thing}?", body, team])
        table.writerow([count, "", "  ", "Road works"])
        table.writerow([count + 1, "who", "knows", ""])


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


class FromCsv(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.rmtree(cls.folder / "model")
        tiny.POSITIONS = 512
        tiny.write_model(cls.folder / "model")
        write_csv(cls.folder / "mails of may.csv", 60, seed=1)
        cls.shown = cls().init().stdout

    def init(self, *more, data="mails of may.csv", text="mail: body", label="team", **options):
        return self.incipit("init", "--data", data, "--text", text, "--label", label, "--model",
                            "model", *more, **options)

    def refusal(self, code, *more, **options):
        arguments = {"data": "mails of may.csv", "text": "mail: body", "label": "team"} | options
        words = [word for key, value in arguments.items() for word in (f"--{key}", value)]
        return self.refused(code, "init", *words, "--model", "model", "--output", "elsewhere",
                            *more)

    def test_tells_what_it_found_and_what_comes_next(self):
        self.assertIn("60 of mails of may.csv, text in 'mail: body', label in 'team'", self.shown)
        self.assertIn("1 record without a label was left out", self.shown)
        self.assertIn("1 record without a text was left out", self.shown)
        self.assertIn("A = Größe", self.shown)
        self.assertRegex(self.shown, r'Road works +\d+ +\d+ +\d+ +"B" +66 +stand-in')
        self.assertIn("  incipit validate mails_of_may/mails_of_may.yaml\n"
                      "  incipit train mails_of_may/mails_of_may.yaml", self.shown)

    def test_splits_hold_every_record_once_and_unchanged(self):
        with (self.folder / "mails of may.csv").open(encoding="utf8", newline="") as file:
            rows = list(csv.DictReader(file))
        seen = []
        for split in ("train", "validation", "test"):
            records = read_lines(self.folder / "mails_of_may" / f"{split}.jsonl")
            self.assertEqual({record["label"] for record in records}, set(TEAMS))
            for record in records:
                row = rows[record["idx"]]
                self.assertEqual(record["mail: body"], row["mail: body"])
                self.assertEqual(record["label"], row["team"])
                seen.append(record["idx"])
        self.assertEqual(sorted(seen), list(range(60)))

    def test_every_command_takes_it_as_it_is(self):
        config = "mails_of_may/mails_of_may.yaml"
        self.assertRegex(self.incipit("validate", config).stdout, r"\nok")
        self.assertIn("{please}", self.incipit("show", config).stdout)
        trained = self.incipit("train", config, "--set", "train.steps=4").stdout
        self.assertIn("warning: nothing is being learned", trained)
        self.assertIn("Try, in this order:", trained)
        run = self.folder / "runs" / "mails_of_may"
        diagnosis = json.loads((run / "diagnosis.json").read_text())
        self.assertEqual(diagnosis["verdict"], "not_learned")
        self.assertIn(diagnosis["advice"][0], trained)
        self.assertGreater(diagnosis["figures"]["prior_loss"], 0)
        self.incipit("report", run)
        self.assertIn("nothing is being learned", (run / "report.html").read_text("utf8"))
        write_csv(self.folder / "june.csv", 5, seed=2)
        self.incipit("predict", run, "--input", "june.csv", "--output", "june.jsonl")
        answers = read_lines(self.folder / "june.jsonl")
        self.assertEqual(len(answers), 7)
        for answer in answers:
            self.assertIn(answer["prediction"], TEAMS)

    def test_several_columns_and_where_it_goes(self):
        write_csv(self.folder / "may.csv", 60, seed=1, subject="sub,ject")
        self.incipit("init", "--data", "may.csv", "--text", "sub,ject", "--text", "mail: body",
                     "--label", "team", "--model", "model", "--output", "deep/er", "--name", "two")
        self.incipit("validate", "deep/er/two.yaml")
        self.assertIn("{sub,ject}", (self.folder / "deep" / "er" / "task.yaml").read_text())
        write_csv(self.folder / "june.csv", 60, seed=1, subject="{subject}")
        self.assertIn("'{subject}' cannot be named in a template",
                      self.refusal(2, data="june.csv", text="{subject}"))

    def test_existing_files_are_safe(self):
        message = self.refused(2, "init", "--data", "mails of may.csv", "--text", "mail: body",
                               "--label", "team", "--model", "model")
        self.assertIn("mails_of_may exists", message)
        before = (self.folder / "mails_of_may" / "train.jsonl").read_bytes()
        self.init("--force")
        self.assertEqual((self.folder / "mails_of_may" / "train.jsonl").read_bytes(), before)

    def test_mistakes_are_explained(self):
        self.assertIn("did you mean 'team'?", self.refusal(2, label="teams"))
        self.assertIn("that is a quantity", self.refusal(2, label="No"))
        self.assertIn("given as both text and label", self.refusal(2, text="team"))
        self.assertIn("nowhere.csv", self.refusal(3, data="nowhere.csv"))
        self.assertIn("leave none to train on", self.refusal(2, "--validation", "0.5", "--test", "0.5"))
        self.assertIn("--name", self.refusal(2, "--name", "a/b"))
        self.assertIn("needs --text", self.refused(2, "init", "--data", "mails of may.csv"))
        self.assertIn("give the file with --data", self.refused(2, "init", "--label", "team"))
        self.assertFalse((self.folder / "elsewhere").exists())


class FromARecipe(program.ProgramTest):
    def test_a_starter_that_reads_back(self):
        done = self.incipit("init", "--recipe", "rte", "--name", "mine", "--model", "model")
        self.assertIn("incipit train mine.yaml", done.stdout)
        self.incipit("validate", "mine.yaml", "--set", f"task.data_dir={self.folder}", "--set",
                     "task.test=test.jsonl", "--set", "task.template=\"{text}\"", "--set",
                     "task.truncate=none", "--set", "task.labels=[blue, green]", "--set",
                     "task.verbalizer={blue: \" b\", green: \" g\"}", "--set",
                     "task.max_source_tokens=100")
        self.assertIn("mine.yaml exists", self.refused(2, "init", "--recipe", "rte", "--name",
                                                       "mine"))
        self.assertIn("did you mean 'rte'?", self.refused(2, "init", "--recipe", "rtee"))


if __name__ == "__main__":
    program.main()
