#!/usr/bin/env python3
"""Results of different questions stay apart.  results_test.py INCIPIT MPIRUN"""
import json

import program


class Results(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_dir = cls.folder / "run"
        cls().incipit("train", cls.config)

    def files(self):
        """The run's own results."""
        names = [self.run_dir / "scores.json", *(self.run_dir / "predictions").iterdir()]
        return {path.name: path.read_bytes() for path in names}

    def evaluations(self):
        folder = self.run_dir / "evaluations"
        return {path.name for path in folder.iterdir()} if folder.exists() else set()

    def test_other_settings_get_a_folder_named_after_them(self):
        before, there = self.files(), self.evaluations()
        for options, name in ((["task.shots=2"], "shots-2"),
                              (["eval.score=token_mean"], "eval.score-token-mean"),
                              (["method.kind=none", "task.shots=1"], "method.kind-none_shots-1")):
            words = [word for option in options for word in ("--set", option)]
            done = self.incipit("eval", self.config, *words)
            self.assertEqual(self.files(), before)
            new = self.evaluations() - there
            there |= new
            self.assertEqual(len(new), 1, new)
            self.assertTrue(new.pop().startswith(name))
            self.assertIn("run/evaluations/" + name, done.stdout)
            self.incipit("eval", self.config, *words)  # the same question: the same folder
            self.assertEqual(self.evaluations(), there)

    def test_the_model_without_a_prompt_is_one_question(self):
        text = self.config.read_text(encoding="utf8")
        begin, end = text.index("method:"), text.index("task:")
        plain = self.write("plain.yaml", text[:begin] + "method: {kind: none}\n" + text[end:])
        done = self.incipit("eval", plain)
        self.assertRegex(done.stdout, r"run/evaluations/method\.kind-none\s")
        there = self.evaluations()
        # The keys of a prompt that is not there change nothing.
        self.incipit("eval", self.config, "--set", "method.kind=none", "--set",
                     "method.num_virtual_tokens=7")
        self.assertEqual(self.evaluations(), there)

    def test_names_of_folders_are_short(self):
        there = self.evaluations()
        for green in ("G/", "G:"):
            self.incipit("eval", self.config, "--set", "task.verbalizer={blue: B, green: '"
                         f"{green}'}}", "--set", "task.template=Which of the colours has {text}?")
        new = self.evaluations() - there
        self.assertEqual(len(new), 2)
        for name in new:
            self.assertLessEqual(len(name), 57)
            self.assertRegex(name, r"^template-Which-of-the-colours-has-text_blue-B_gr-[0-9a-f]{8}$")

    def test_settings_that_change_no_answer_are_the_same_question(self):
        there = self.evaluations()
        self.incipit("eval", self.config, "--set", "eval.batch_tokens=100", "--set",
                     "log.level=warn", "--set", "train.steps=9", "--split", "validation")
        self.assertEqual(self.evaluations(), there)
        self.assertEqual(set(json.loads((self.run_dir / "scores.json").read_text())),
                         {"test", "validation"}, "the test scores stay")

    def test_another_adapter_is_another_question(self):
        before = self.files()
        self.incipit("eval", self.config, "--adapter", self.run_dir / "adapter" / "best")
        self.assertEqual(self.files()["test.jsonl"], before["test.jsonl"])
        there = self.evaluations()
        self.incipit("eval", self.config, "--adapter", self.run_dir / "adapter" / "last")
        self.assertEqual(self.files(), before)
        new = self.evaluations() - there
        self.assertEqual([name.split("-")[0] for name in new], ["adapter"])

    def test_changed_data_is_another_question(self):
        text = (self.folder / "test.jsonl").read_text()
        before, there = self.files(), self.evaluations()
        try:
            self.write("test.jsonl", "".join(text.splitlines(keepends=True)[:-1]))
            self.incipit("eval", self.config)
        finally:
            self.write("test.jsonl", text)
        self.assertEqual(self.files(), before)
        self.assertEqual([name.split("-")[0] for name in self.evaluations() - there], ["data"])

    def test_a_name_is_for_one_question(self):
        self.incipit("eval", self.config, "--name", "mine", "--set", "task.shots=1")
        message = self.refused(2, "eval", self.config, "--name", "mine", "--set", "task.shots=3")
        self.assertIn("task.shots: 1, not 3", message)
        self.assertIn("a/b", self.refused(2, "eval", self.config, "--name", "a/b"))

    def test_reports_name_runs_by_what_differs_and_refuse_mixed_numbers(self):
        for shots in (1, 3):
            self.incipit("eval", self.config, "--set", f"task.shots={shots}", "--set",
                         f"run.output_dir=shots_{shots}", "--set", "method.kind=none", "--set",
                         f"order.best={shots}", "--set", f"search.passes={1000 * shots}")
        self.incipit("report", "shots_1", "shots_3", "--json", "both.json", "--output", "both.html")
        methods = json.loads((self.folder / "both.json").read_text())["comparison"]["methods"]
        self.assertEqual([method["name"] for method in methods],
                         ["majority", "tiny (task.shots: 1)", "tiny (task.shots: 3)"])
        scores = json.loads((self.folder / "shots_1" / "scores.json").read_text())
        scores["test"]["accuracy"] += 0.25
        (self.folder / "shots_1" / "scores.json").write_text(json.dumps(scores))
        message = self.refused(3, "report", "shots_1")
        self.assertIn("different evaluations", message)


if __name__ == "__main__":
    program.main()
