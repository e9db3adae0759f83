#!/usr/bin/env python3
"""The same path leads to different files on two ranks.  same_inputs_test.py INCIPIT MPIRUN"""
import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import program

# Each rank works in a separate folder, so relative paths lead to different files.
IN_OWN_FOLDER = 'cd "rank$OMPI_COMM_WORLD_RANK" && exec "$0" "$@"'
UNSAMPLED_BYTE = 4100  # of the embedding: between the first two sampled blocks


def change_weights(folder, at):
    """Changes one byte of the embedding."""
    path = folder / "model" / "model.safetensors"
    content = bytearray(path.read_bytes())
    length, = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])
    begin = header["model.embed_tokens.weight"]["data_offsets"][0]
    content[8 + length + begin + at] ^= 1
    path.write_bytes(content)


def change_config(folder):
    path = folder / "model" / "config.json"
    path.write_text(path.read_text().replace('"rope_theta": 10000.0', '"rope_theta": 20000.0'))


def change_special_tokens(folder):
    path = folder / "model" / "tokenizer_config.json"
    path.write_text('{"bos_token": "<s>", "eos_token": "a"}')


def change_adapter(folder):
    path = folder / "run" / "adapter" / "last" / "adapter_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


class TwoRanks(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("run.yaml", "colours.yaml"):
            path = cls.folder / name
            path.write_text(path.read_text().replace(str(cls.folder) + "/", "")
                            .replace(str(cls.folder), "."))
        subprocess.run([program.INCIPIT, "train", "run.yaml", "--set", "train.eval_every=0"],
                       cwd=cls.folder, check=True, capture_output=True)

    def differ(self, change, *arguments, code=2, ranks=2):
        """Runs with files that `change` changed for rank 1. Returns standard error."""
        parent = self.folder / self.id().rsplit(".", 1)[1]
        shutil.rmtree(parent, ignore_errors=True)
        for rank in range(ranks):
            own = parent / f"rank{rank}"
            own.mkdir(parents=True)
            for name in ("model", "run"):
                shutil.copytree(self.folder / name, own / name)
            for name in ("run.yaml", "colours.yaml", "train.jsonl", "test.jsonl"):
                shutil.copy(self.folder / name, own / name)
        change(parent / "rank1")
        done = subprocess.run(
            [program.MPIRUN, "-n", str(ranks), "sh", "-c", IN_OWN_FOLDER, program.INCIPIT,
             *map(str, arguments)], cwd=parent, capture_output=True, text=True, timeout=100,
            env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr

    def refused_ranks(self, what, change, *arguments):
        message = self.differ(change, *arguments)
        self.assertIn(f"the ranks were not given the same {what}: rank 1 differs from rank 0",
                      message)
        return message

    def test_different_weights_are_refused_on_every_mesh(self):
        for mesh in ("data", "tensor", "pipeline", "fsdp"):
            with self.subTest(mesh):
                self.refused_ranks("weights of the model", lambda own: change_weights(own, 0),
                                   "train", "run.yaml", "--set", f"parallel.{mesh}=2",
                                   "--set", "run.output_dir=new")
                self.assertFalse((self.folder / self.id().rsplit(".", 1)[1] / "rank0" / "new")
                                 .exists())

    def test_different_weights_are_refused_by_every_command(self):
        for command in (["eval", "run.yaml"], ["predict", "run", "--input", "test.jsonl"]):
            with self.subTest(command[0]):
                self.refused_ranks("weights of the model", lambda own: change_weights(own, 0),
                                   *command)

    def test_all_bytes_are_compared_on_request(self):
        def change(own):
            change_weights(own, UNSAMPLED_BYTE)
        self.differ(change, "eval", "run.yaml", code=0)
        self.refused_ranks("weights of the model", change, "eval", "run.yaml", "--set",
                           "model.check_weights=whole")

    def test_another_config_json_is_refused_with_the_difference(self):
        message = self.refused_ranks("config.json of the model", change_config, "eval", "run.yaml")
        self.assertIn("""rank 0 has ' "rope_theta": 10000.0,', rank 1 has ' "rope_theta": """
                      "20000.0,'", message)

    def test_other_special_tokens_are_refused(self):
        # The tokenizer as it is with the special tokens of other files.
        self.refused_ranks("tokenizer", change_special_tokens, "eval",
                           "run.yaml")

    def test_another_adapter_is_refused(self):
        self.refused_ranks("adapter", change_adapter, "eval", "run.yaml", "--adapter",
                           Path("run/adapter/last"))


if __name__ == "__main__":
    program.main()
