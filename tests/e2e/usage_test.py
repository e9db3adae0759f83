#!/usr/bin/env python3
"""The command line: help, wrong usage, and mistakes in configurations.  usage_test.py INCIPIT MPIRUN"""
import unittest

import program

COMMANDS = ["train", "eval", "validate", "show", "ls", "inspect", "doctor", "tokenize"]


class Help(program.ProgramTest):
    def test_every_command_is_listed_and_has_an_example(self):
        overview = self.incipit("--help").stdout
        self.assertIn("Exit codes: 0 done, 2 wrong usage", overview)
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", overview)
            text = self.incipit(command, "--help").stdout
            self.assertIn("Example:", text, command)
            self.assertIn(f"incipit {command}", text.split("Example:")[1], command)

    def test_version(self):
        self.assertRegex(self.incipit("--version").stdout, r"^incipit \d+\.\d+\.\d+\n$")

    def test_help_is_said_once_under_mpirun(self):
        text = self.incipit("train", "--help", ranks=2).stdout
        self.assertEqual(text.count("Example:"), 1)


class Usage(program.ProgramTest):
    def test_wrong_commands_and_options(self):
        self.assertIn("did you mean 'train'?", self.refused(2, "tarin", self.config))
        self.assertIn("a command is missing", self.refused(2))
        self.assertIn("incipit train --help", self.refused(2, "train"))
        self.assertIn("--stpes", self.refused(2, "train", self.config, "--stpes", "3"))
        self.assertIn("--split", self.refused(2, "eval", self.config, "--split", "dev"))

    def test_missing_configuration(self):
        message = self.refused(2, "train", "nowhere.yaml")
        self.assertIn("nowhere.yaml: no such file", message)
        self.assertIn("did you mean 'rte'?", self.refused(2, "validate", "rtee"))


class Mistakes(program.ProgramTest):
    def test_all_are_told_at_once_with_their_places(self):
        text = self.config.read_text()
        text = text.replace("  steps: 6\n", "  stpes: 6\n  batch_size: many\n")
        text = text.replace("kind: sampled_vocab", "kind: sampled_vocab, scale: huge")
        path = self.write("bad.yaml", text + "eval: {score: best}\n")
        message = self.refused(2, "train", path, "--set", "train.shuffle=yes")
        where = {name: 1 + text[:text.index(name)].count("\n")
                 for name in ("stpes", "batch_size: many", "batch_size: 8", "scale")}
        self.assertIn("the configuration has 6 mistakes", message)
        self.assertIn(f"bad.yaml:{where['stpes']}:3: unknown key 'train.stpes'; "
                      "did you mean 'steps'?", message)
        self.assertIn(f"bad.yaml:{where['batch_size: many']}:15: train.batch_size: expected a "
                      "whole number >= 1 and <= 1048576, found the text 'many'", message)
        self.assertIn(f"bad.yaml:{where['batch_size: 8']}:3: duplicate key 'batch_size', first "
                      f"on line {where['batch_size: many']}", message)
        self.assertIn(f"bad.yaml:{where['scale']}:", message)
        self.assertIn("method.init.scale", message)
        self.assertIn("eval.score: expected auto, sum, token_mean, byte_mean, pmi or calibrated", message)
        self.assertIn("--set train.shuffle=yes: train.shuffle: expected true or false", message)

    def test_come_before_the_model_is_looked_at(self):
        path = self.variant("nomodel.yaml", "/model\"", "/missing\"")
        self.assertIn("train.steps", self.refused(2, "train", path, "--set", "train.steps=-1"))

    def test_are_told_once_under_mpirun(self):
        path = self.variant("two.yaml", "steps: 6", "stpes: 6")
        message = self.refused(2, "train", path, ranks=2)
        self.assertEqual(message.count("did you mean 'steps'?"), 1)

    def test_values_that_do_not_go_together(self):
        def refusal(*overrides):
            sets = [word for each in overrides for word in ("--set", each)]
            return self.refused(2, "train", self.config, *sets)
        self.assertIn("train.eval_every: needs a validation split", refusal("task.validation=0"))
        self.assertIn("method.kind: none has nothing to train", refusal("method.kind=none"))
        self.assertIn("model.cuda_graphs: on, but the model is not on a GPU; set it to auto or off",
                      refusal("model.cuda_graphs=on", "model.device=cpu"))
        self.assertIn("parallel: one copy of the model takes 2 ranks (data 1 x tensor 2), which does "
                      "not divide the world of 1 rank", refusal("parallel.tensor=2"))
        self.assertIn("task.truncate.field: 'body' is no field of the template, which has text",
                      refusal("task.truncate={field: body}"))

    def test_a_world_that_does_not_fit(self):
        message = self.refused(2, "train", self.config, "--set", "parallel.data=4")
        self.assertIn("but the world has 1 rank", message)

    def test_ranks_that_were_given_different_configurations(self):
        other = self.variant("other.yaml", "steps: 6", "steps: 7")
        # mpirun takes a second program after a colon.
        message = self.refused(2, "train", self.config, ":", "-n", "1", program.INCIPIT, "train",
                               other, ranks=1)
        self.assertIn("configuration", message)
        self.assertIn("steps: 7", message)


class Schema(program.ProgramTest):
    def test_names_every_key(self):
        text = self.incipit("validate", "--schema").stdout
        for key in ("run.seed", "model.path", "train.optimizer.lr", "task.truncate"):
            self.assertIn(f"| `{key}` |", text)


class Explain(program.ProgramTest):
    def test_says_what_it_needs(self):
        stray = self.write("stray.npy", "")
        self.assertIn("--config", self.refused(2, "explain", stray))
        message = self.refused(2, "explain", stray, "--config", self.config, "--set",
                               "method.kind=model_tuning")
        self.assertIn("expected the adapter of a prompt", message)
        self.assertIn("stray.npy", self.refused(3, "explain", stray, "--config", self.config))


if __name__ == "__main__":
    program.main()
