#!/usr/bin/env python3
"""Damaged and missing files: one clear message and exit code 3.  bad_input_test.py INCIPIT MPIRUN"""
import json
import shutil

import program


class BadFiles(program.ProgramTest):
    def refuse_train(self, *overrides, **options):
        sets = [word for each in overrides for word in ("--set", each)]
        return self.refused(3, "train", self.config, *sets, **options)

    def model_with(self, name):
        """A copy of the model folder to damage."""
        folder = self.folder / name
        shutil.copytree(self.folder / "model", folder)
        return folder

    def records_with(self, name, *lines):
        good = (self.folder / "train.jsonl").read_text().splitlines()
        return self.write(name, "\n".join([*good[:3], *lines]) + "\n")

    def test_missing_files_are_named(self):
        self.assertIn("nothere.jsonl", self.refuse_train("task.train=nothere.jsonl"))
        self.assertIn("/no/model", self.refuse_train("model.path=/no/model"))

    def test_truncated_safetensors(self):
        folder = self.model_with("cut_model")
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        message = self.refuse_train(f"model.path={folder}")
        self.assertIn(str(weights), message)

    def test_truncated_safetensors_header(self):
        folder = self.model_with("headless_model")
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:40])
        self.assertIn(str(weights), self.refuse_train(f"model.path={folder}"))

    def test_unsupported_model(self):
        folder = self.model_with("foreign_model")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"model_type": "mamba"}))
        message = self.refuse_train(f"model.path={folder}")
        self.assertIn("mamba", message)
        self.assertIn("config.json", message)

    def test_pickled_weights(self):
        folder = self.model_with("pickled_model")
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        self.assertIn("pytorch_model.bin", self.refuse_train(f"model.path={folder}"))

    def test_truncated_jsonl(self):
        path = self.records_with("cut.jsonl", '{"idx": 3, "text": "the sky", "lab')
        self.assertIn(f"{path}:4: ", self.refuse_train("task.train=cut.jsonl"))

    def test_invalid_utf8(self):
        path = self.records_with("latin.jsonl")
        path.write_bytes(path.read_bytes() + b'{"text": "caf\xe9", "label": "blue"}\n')
        self.assertIn(f"{path}:4: ", self.refuse_train("task.train=latin.jsonl"))

    def test_missing_field(self):
        path = self.records_with("bare.jsonl", '{"idx": 3, "label": "blue"}')
        message = self.refuse_train("task.train=bare.jsonl")
        self.assertIn(f"{path}:4: ", message)
        self.assertIn("text", message)

    def test_label_without_verbalizer(self):
        path = self.records_with("red.jsonl", '{"idx": 3, "text": "a rose", "label": "red"}')
        message = self.refuse_train("task.train=red.jsonl")
        self.assertIn(f"{path}:4: ", message)
        self.assertIn("red", message)

    def test_bad_records_are_skipped_on_request(self):
        self.records_with("skip.jsonl", "{", *['{"text": "moss", "label": "green"}'] * 4)
        done = self.incipit("validate", self.config, "--set", "task.train=skip.jsonl",
                            "--set", "task.on_bad_record=skip", "--set", "task.validation=0",
                            "--set", "train.eval_every=0")
        self.assertIn("1 bad record", done.stdout)

    def test_source_longer_than_the_models_positions(self):
        path = self.records_with("long.jsonl", json.dumps({"text": "x" * 200, "label": "blue"}))
        message = self.refuse_train("task.train=long.jsonl")
        self.assertIn(f"{path}:4: ", message)
        self.assertIn("160", message)

    def test_a_fault_that_all_ranks_share_is_told_once(self):
        message = self.refuse_train("task.train=nothere.jsonl", ranks=2)
        self.assertEqual(message.count("nothere.jsonl"), 1)

    def test_evaluation_without_a_trained_prompt(self):
        message = self.refused(2, "eval", self.config, "--set", "run.output_dir=empty")
        self.assertIn("run incipit train first", message)

    def test_adapter_of_another_model(self):
        self.incipit("train", self.config, "--set", "run.output_dir=run_a", "--set",
                     "train.steps=1")
        folder = self.folder / "run_a" / "adapter" / "best"
        weights = folder / "adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-8])
        self.assertIn(str(weights), self.refused(3, "eval", self.config, "--adapter", folder))

    def test_numbers_that_are_not_finite(self):
        folder = self.model_with("nan_model")
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-4] + b"\x00\x00\xc0\x7f")  # in the last norm
        done = self.incipit("train", self.config, "--set", f"model.path={folder}", "--set",
                            "train.max_nonfinite_steps=1", "--set", "run.output_dir=nan", code=5)
        self.assertIn("was not finite", done.stderr)
        self.assertIn("step 1: loss or gradient is not finite", done.stderr)


if __name__ == "__main__":
    program.main()
