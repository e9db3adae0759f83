#!/usr/bin/env python3
"""Commands that only look: validate, show, ls, inspect, doctor.  looks_test.py INCIPIT MPIRUN"""
import shutil

import program


class Validate(program.ProgramTest):
    def test_counts_and_warns(self):
        text = self.incipit("validate", self.config).stdout
        self.assertIn("llama, 2 layers x 32", text)
        self.assertRegex(text, r"train +train\.jsonl +30 ")
        self.assertRegex(text, r"validation +train\.jsonl +10 ")
        self.assertIn('blue -> " blue" (5 tokens)', text)
        self.assertIn("differ in their number of tokens", text)
        self.assertRegex(text, r"\nok, \d warnings?\n$")

    def test_reads_all_files_also_where_nothing_is_trained(self):
        text = self.incipit("validate", self.config, "--set", "method={kind: none}").stdout
        self.assertRegex(text, r"train +train\.jsonl +30 ")
        self.assertRegex(text, r"validation +train\.jsonl +10 ")
        self.assertRegex(text, r"test +test\.jsonl +12 ")
        self.refused(3, "validate", self.config, "--set", "method={kind: none}", "--set",
                     "task.train=no_such.jsonl")

    def test_tells_of_records_in_two_splits(self):
        same = ("validate", self.config, "--set", "task.test=train.jsonl", "--set",
                "train.eval_every=0", "--set")
        message = self.refused(2, *same, "task.validation=0.25")
        self.assertIn("task.validation: is a share of", message)
        message = self.refused(3, *same, "task.validation=0")
        self.assertRegex(message, r"train\.jsonl:1: 40 of 40 examples also occur in .*train\.jsonl "
                                  r"\(line 1 = line 1, line 2 = line 2, line 3 = line 3, \.\.\.\)")
        text = self.incipit(*same, "task.validation=0", "--set", "task.on_overlap=warn").stdout
        self.assertIn("40 of the 40 sources of test also occur in train", text)

    def test_tells_of_cut_sources(self):
        text = self.incipit("validate", self.config, "--set", "task.max_source_tokens=12",
                            "--set", "task.truncate={field: text}").stdout
        self.assertIn("were cut", text)

    def test_says_nothing_where_all_is_well(self):
        text = self.incipit("validate", self.config, "--set", "eval.score=token_mean", "--set",
                            "task.test=\"\"").stdout
        self.assertTrue(text.endswith("\nok\n"), text)


class Show(program.ProgramTest):
    def test_tokens_and_segments(self):
        text = self.incipit("show", self.config, "--index", "0", "--split", "test").stdout
        self.assertIn(f"{self.folder}/test.jsonl:1", text)
        self.assertIn("[soft prompt x 4]|t|h|e| |", text)
        self.assertIn("-> ", text)
        self.assertNotIn("\x1b", text)

    def test_ids(self):
        text = self.incipit("show", self.config, "--ids").stdout
        self.assertIn("t(116)|h(104)|e(101)", text)

    def test_an_index_behind_the_end(self):
        message = self.refused(2, "show", self.config, "--split", "test", "--index", "12")
        self.assertIn("the test split has 12 examples", message)


class Inspect(program.ProgramTest):
    def test_a_model(self):
        text = self.incipit("inspect", "model", "--tensors").stdout
        self.assertIn("23,776", text)
        self.assertRegex(text, r"model\.embed_tokens\.weight +F32 +\[258, 32\] +33,024")

    def test_a_run_and_its_parts(self):
        self.incipit("train", self.config, "--set", "train.steps=2")
        run = self.incipit("inspect", "run").stdout
        self.assertIn("last step", run)
        self.assertIn("virtual tokens  4", run)
        adapter = self.folder / "run" / "adapter" / "best"
        self.assertIn("virtual tokens  4", self.incipit("inspect", adapter).stdout)
        tensors = self.incipit("inspect", adapter / "adapter_model.safetensors").stdout
        self.assertRegex(tensors, r"prompt_embeddings +F32 +\[4, 32\] +512")

    def test_what_it_does_not_know(self):
        self.write("weights.bin", "x")
        self.assertIn("pickled weights are never read", self.refused(3, "inspect", "weights.bin"))
        self.assertIn("no such file", self.refused(3, "inspect", "nowhere"))
        self.assertIn("run.yaml", self.refused(3, "inspect", "run.yaml"))


class Doctor(program.ProgramTest):
    def test_names_versions_and_one_openmp_runtime(self):
        text = self.incipit("doctor").stdout
        for word in ("libtorch", "Open MPI", "NCCL", "CUDA", "thread"):
            self.assertIn(word, text)
        self.assertNotIn("runtimes are mapped", text)

    def test_says_how_many_threads_and_why(self):
        text = self.incipit("doctor", OMP_NUM_THREADS="3").stdout
        self.assertRegex(text, r"threads +3 threads: set by OMP_NUM_THREADS; .* cores?\n")

    def test_says_whether_a_model_is_supported(self):
        text = self.incipit("doctor", "--model", "model").stdout
        self.assertIn("tokenizer    ok  258 tokens", text)
        shutil.copytree(self.folder / "model", self.folder / "broken")
        (self.folder / "broken" / "tokenizer.json").unlink()
        done = self.incipit("doctor", "--model", "broken", code=3)
        self.assertIn("weights      ok", done.stdout)
        self.assertIn("tokenizer    no", done.stdout)


class Ls(program.ProgramTest):
    def test_lists_tasks_recipes_and_methods(self):
        text = self.incipit("ls").stdout
        self.assertRegex(text, r"(?m)^  rte +Recognising Textual Entailment")
        self.assertIn("prompt_tuning", text)
        self.assertNotIn("\x1b", text)


if __name__ == "__main__":
    program.main()
