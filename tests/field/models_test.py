#!/usr/bin/env python3
"""Models as people have them, against transformers.  models_test.py INCIPIT MPIRUN

Each model is either computed as transformers computes it, or refused by the name of the key or
tensor. doctor agrees with loading on every one of them.
"""
import contextlib
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import program  # noqa: E402
import small_models as small  # noqa: E402
import torch  # noqa: E402
from peft import AutoPeftModelForCausalLM  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

TASK = """model: {{path: {folder}, dtype: float32}}
method: {{kind: none}}
task:
  template: "{{text}} is"
  verbalizer: {{roads: " roads", waste: " waste", water: " water"}}
log: {{level: error}}
"""

CHAT = """model: {{path: {folder}}}
method: {{kind: none}}
task: {{format: chat, template: "{{text}}", target: "{{label}}", max_answer_tokens: 20}}
log: {{level: error}}
"""
TUNED = """model: {path: relative}
run: {output_dir: relative_run}
method: {kind: prompt_tuning, num_virtual_tokens: 4}
task:
  data_dir: .
  train: rows.jsonl
  validation: 0.25
  template: "{text} is"
  verbalizer: {roads: " roads", waste: " waste", water: " water"}
train: {steps: 2, batch_size: 8, eval_every: 0}
log: {level: error}
"""


class Models(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokenizer = small.byte_level()
        cls.questions = cls.folder / "questions.txt"
        cls.questions.write_text("".join(q + "\n" for q in small.QUESTIONS))

    def make(self, name, kind="qwen2", **config):
        net = small.model(kind, self.tokenizer.get_vocab_size(), **config)
        return small.save(self.folder / name, net, self.tokenizer)

    def predict(self, folder, code=0):
        config = self.write(folder.name + ".yaml", TASK.format(folder=folder))
        return self.incipit("predict", config, "--input", self.questions, code=code,
                            OMP_NUM_THREADS="1")

    def as_transformers(self, folder):
        found = [json.loads(line) for line in self.predict(folder).stdout.splitlines()]
        expected = small.probabilities(folder, self.tokenizer)
        for question, line in zip(small.QUESTIONS, found):
            for label, share in expected[question].items():
                self.assertAlmostEqual(line["probabilities"][label], share, delta=1e-4)
        self.incipit("doctor", "--model", folder)

    def predict_warnings(self, folder):
        config = self.write("warn.yaml", TASK.format(folder=folder).replace("error", "warn"))
        return self.incipit("predict", config, "--input", self.questions).stderr

    def refused_by_name(self, folder, *names):
        message = self.predict(folder, code=3).stderr
        doctor = self.incipit("doctor", "--model", folder, code=3)
        for name in names:
            self.assertIn(name, message)
            self.assertIn(name, doctor.stdout)

    def tensors(self, folder, change):
        path = folder / "model.safetensors"
        tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
        save_file(change(tensors), path, {"format": "pt"})

    # --- what the weights say -----------------------------------------------------------------

    def test_a_head_stored_beside_a_tied_flag_counts_if_it_differs(self):
        folder = self.make("own_head", tie_word_embeddings=False)
        small.edit(folder / "config.json", tie_word_embeddings=True)
        self.as_transformers(folder)
        self.tensors(folder, lambda t: t | {"lm_head.weight":
                                            t["model.embed_tokens.weight"].clone()})
        self.as_transformers(folder)

    def test_the_head_is_the_embedding_if_only_the_head_is_stored(self):
        folder = self.make("only_head", tie_word_embeddings=True)

        def rename(tensors):
            tensors["lm_head.weight"] = tensors.pop("model.embed_tokens.weight")
            return tensors
        self.tensors(folder, rename)
        self.as_transformers(folder)

    def test_names_without_the_prefix_of_the_base_model(self):
        folder = self.make("bare", tie_word_embeddings=True)
        self.tensors(folder, lambda t: {n.removeprefix("model."): v for n, v in t.items()})
        self.as_transformers(folder)

    def test_an_untied_model_without_a_head(self):
        folder = self.make("headless", tie_word_embeddings=False)
        self.tensors(folder, lambda t: {n: v for n, v in t.items() if n != "lm_head.weight"})
        self.refused_by_name(folder, "lm_head.weight", "tie_word_embeddings")

    def test_tensors_that_config_json_gives_no_place(self):
        folder = self.make("bias", kind="llama")
        self.tensors(folder, lambda t: t | {"model.layers.0.self_attn.q_proj.bias":
                                            torch.ones(32)})
        self.refused_by_name(folder, "model.layers.0.self_attn.q_proj.bias")

    def test_heads_of_other_tasks_and_constants_are_ignored(self):
        folder = self.make("score", tie_word_embeddings=True)
        self.tensors(folder, lambda t: t | {"score.weight": torch.ones(2, 32),
                                            "model.rotary_emb.inv_freq": torch.ones(4)})
        self.as_transformers(folder)

    def test_tensors_of_modules_that_the_model_does_not_have_are_named_and_ignored(self):
        folder = self.make("foreign", tie_word_embeddings=True)
        self.tensors(folder, lambda t: t | {"vision.scale": torch.ones(3),
                                            "extra.empty": torch.ones(0)})
        self.as_transformers(folder)
        self.assertIn("vision.scale", self.predict_warnings(folder))
        self.tensors(folder, lambda t: t | {
            "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": torch.ones(2, 32)})
        self.refused_by_name(folder, "lora_A")

    def test_files_that_git_lfs_has_not_fetched(self):
        pointer = ("version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 +
                   "\nsize 5000\n")
        for name in ("model.safetensors", "tokenizer.json", "config.json"):
            folder = self.make("pointer_" + name.split(".")[0])
            (folder / name).write_text(pointer)
            self.refused_by_name(folder, name, "git lfs pull")

    def test_weights_stored_as_integers(self):
        folder = self.make("integers")
        self.tensors(folder, lambda t: t | {"model.layers.1.mlp.up_proj.weight":
                                            torch.ones(48, 32, dtype=torch.int8)})
        self.refused_by_name(folder, "model.layers.1.mlp.up_proj.weight", "I8")

    def test_a_tensor_of_another_shape_and_a_missing_one(self):
        folder = self.make("shape")
        self.tensors(folder, lambda t: t | {"model.norm.weight": torch.ones(31)})
        self.refused_by_name(folder, "model.norm.weight")
        self.tensors(folder, lambda t: {n: v for n, v in t.items() if n != "model.norm.weight"})
        self.refused_by_name(folder, "model.norm.weight")

    def test_numbers_that_are_not_finite_are_found_by_doctor(self):
        folder = self.make("nan")
        self.tensors(folder, lambda t: t | {"model.norm.weight": torch.full((32,), float("nan"))})
        self.assertIn("not finite", self.incipit("doctor", "--model", folder, code=3).stdout)

    def test_files_of_other_formats_are_named(self):
        for number, (content, what) in enumerate({
                b"GGUF\x03\0\0\0": "GGUF file", b"PK\x03\x04": "zip file",
                b"\x80\x02\x8a\x0a": "pickle", b"\x89HDF\r\n\x1a\n": "HDF5"}.items()):
            folder = self.make(f"format{number}")
            (folder / "model.safetensors").write_bytes(content + bytes(200))
            self.refused_by_name(folder, "model.safetensors", what)
        (folder / "model.safetensors").rename(folder / "model-q4.gguf")
        self.refused_by_name(folder, "model-q4.gguf", "gguf_file")
        self.refused_by_name(folder / "model-q4.gguf", "gguf_file")

    def test_adapters_in_the_place_of_models_and_beside_them(self):
        folder = self.make("adapted")
        (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
        self.refused_by_name(folder, "adapter_config.json", "transformers would apply")
        (folder / "config.json").unlink()
        self.refused_by_name(folder, "adapter_config.json", "--adapter")

    def test_links_that_lead_nowhere(self):
        for name in ("model.safetensors", "config.json", "tokenizer.json"):
            folder = self.make("loop_" + name.split(".")[0])
            (folder / name).unlink()
            (folder / name).symlink_to(name)
            self.refused_by_name(folder, name)

    # --- what config.json says ------------------------------------------------------------------

    def test_keys_that_may_change_the_computation_are_refused(self):
        folder = self.make("keys", kind="llama")
        plain = (folder / "config.json").read_text()
        for key, value in {"is_causal": False, "use_bidirectional_attention": True,
                           "logits_scaling": 8.0, "residual_multiplier": 0.5,
                           "attn_logit_softcapping": 50.0, "invented_key": 1,
                           "auto_map": {"AutoModelForCausalLM": "model.Model"}}.items():
            small.edit(folder / "config.json", **{key: value})
            self.refused_by_name(folder, key)
            (folder / "config.json").write_text(plain)

    def test_sizes_beyond_any_model_are_refused_at_once(self):
        folder = self.make("sizes", kind="llama")
        plain = (folder / "config.json").read_text()
        for key, value in {"num_hidden_layers": 10 ** 9, "vocab_size": 2 ** 63,
                           "hidden_size": "32", "num_attention_heads": 0,
                           "max_position_embeddings": 10 ** 19}.items():
            small.edit(folder / "config.json", **{key: value})
            start = time.monotonic()
            self.refused_by_name(folder, key)
            self.assertLess(time.monotonic() - start, 10)
            (folder / "config.json").write_text(plain)

    def test_json_that_readers_read_differently(self):
        folder = self.make("twice", kind="llama")
        text = (folder / "config.json").read_text()
        layers = '"num_hidden_layers": 2'
        for changed, what in ((text.replace(layers, layers + ', "num_hidden_layers": 1'), "twice"),
                              ("[" + text + "]", "array"), (text.encode("utf-16"), "invalid"),
                              (text.replace(layers, '"num_hidden_layers": NaN'), "invalid")):
            (folder / "config.json").write_bytes(
                changed if isinstance(changed, bytes) else changed.encode())
            self.refused_by_name(folder, "config.json", what)
        (folder / "config.json").write_text(text.replace("\n", "\r\n"))
        self.as_transformers(folder)

    def test_keys_without_influence_and_neutral_values_pass(self):
        folder = self.make("harmless", kind="llama")
        small.edit(folder / "config.json", is_causal=True, residual_multiplier=1.0,
                   invented_key=None, _anything="x", unsloth_version="1", pretraining_tp=2,
                   id2label={"0": "a"}, temperature=0.5, auto_map={"AutoConfig": "c.C"})
        self.as_transformers(folder)

    def test_a_window_that_no_layer_uses(self):
        folder = self.make("window")
        small.edit(folder / "config.json", use_sliding_window=True, sliding_window=8,
                   max_window_layers=2, layer_types="DROP")
        self.as_transformers(folder)

    def test_spellings_of_older_and_newer_files(self):
        changes = {
            "linear": dict(rope_scaling={"type": "linear", "factor": 2.0}, rope_parameters="DROP"),
            "default": dict(rope_scaling={"rope_type": "default"}, rope_parameters="DROP",
                            rope_theta=10000),
            "no_head_dim": dict(head_dim=None),
            "no_kv_heads": dict(num_key_value_heads="DROP"),
            "no_scaling": dict(rope_scaling=None),
            "eos_list": dict(eos_token_id=[0, 1]),
            "eager": dict(attn_implementation="eager", _attn_implementation_autoset=True)}
        for name, keys in changes.items():
            with self.subTest(name):
                heads = {"num_key_value_heads": 4} if name == "no_kv_heads" else {}
                folder = self.make("spelled_" + name, kind="llama", **heads)
                small.edit(folder / "config.json", **keys)
                if name == "linear":
                    self.refused_by_name(folder, "linear")
                else:
                    self.as_transformers(folder)

    def test_half_precision_weights(self):
        for dtype in (torch.float16, torch.bfloat16):
            folder = self.make(f"stored_{str(dtype)[6:]}")
            self.tensors(folder, lambda t: {n: v.to(dtype) for n, v in t.items()})
            small.edit(folder / "config.json", torch_dtype=str(dtype)[6:], dtype="DROP")
            self.as_transformers(folder)

    # --- what the tokenizer's other files say -------------------------------------------------------

    def as_tokenized(self, folder, *texts):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        lines = self.write("lines.txt", "".join(text + "\n" for text in texts))
        found = self.incipit("tokenize", folder, lines).stdout.splitlines()
        expected = [" ".join(map(str, tokenizer.encode(text, add_special_tokens=False)))
                    for text in texts]
        self.assertEqual(found, expected)
        return tokenizer

    def test_added_tokens_outside_of_tokenizer_json(self):
        size = self.tokenizer.get_vocab_size()
        flags = dict(lstrip=False, rstrip=False, normalized=False, single_word=False, special=True)
        texts = ["<|user|>hello<|stop|> there", "plain", "a <|more|> b <|named|>"]
        configs = {
            "decoder": {"eos_token": "<|stop|>", "added_tokens_decoder": {
                str(size + 1): dict(content="<|stop|>", **flags),
                str(size): dict(content="<|user|>", **flags)}},
            "additional": {"eos_token": "<|stop|>",
                           "additional_special_tokens": ["<|user|>", "<|more|>"]},
            "named": {"eos_token": {"__type": "AddedToken", "content": "<|stop|>", **flags},
                      "unk_token": "<|named|>"}}
        for name, config in configs.items():
            folder = self.make("added_" + name, kind="llama", vocab_size=size + 8)
            (folder / "tokenizer_config.json").write_text(json.dumps(
                {"tokenizer_class": "PreTrainedTokenizerFast"} | config))
            self.as_tokenized(folder, *texts)

    def test_added_tokens_of_older_files(self):
        size = self.tokenizer.get_vocab_size()
        folder = self.make("legacy", kind="llama", vocab_size=size + 8)
        (folder / "added_tokens.json").write_text(json.dumps({"<|b|>": size + 1, "<|a|>": size}))
        (folder / "special_tokens_map.json").write_text(json.dumps({"eos_token": "<|b|>"}))
        self.as_tokenized(folder, "x<|a|>y<|b|>z")

    def test_tokens_that_take_the_space_before_them(self):
        size = self.tokenizer.get_vocab_size()
        folder = self.make("strip", kind="llama", vocab_size=size + 8)
        small.edit(folder / "tokenizer_config.json", added_tokens_decoder={str(size): dict(
            content="<mask>", lstrip=True, rstrip=True, normalized=False, single_word=True,
            special=True)})
        self.as_tokenized(folder, "a  <mask>  b", "a<mask>b", "<mask>", " <mask>")

    def test_other_keys_of_tokenizer_config_json(self):
        folder = self.make("other", kind="llama", vocab_size=self.tokenizer.get_vocab_size() + 8)
        plain = (folder / "tokenizer_config.json").read_text()
        for keys in (dict(model_max_length=1000000000000000019884624838656), dict(
                extra_special_tokens={"begin_token": "<|user|>", "stop": "<|stop|>"}),
                     dict(clean_up_tokenization_spaces=True, additional_special_tokens=None),
                     dict(tokenizer_class="GPT2TokenizerFast"),
                     dict(extra_special_tokens={"z_token": "<|z|>", "a_token": "<|a|>"}),
                     dict(bos_token="<|user|>", add_bos_token=True)):
            small.edit(folder / "tokenizer_config.json", **keys)
            self.as_tokenized(folder, "a lamp", "<|user|>a<|stop|> b", "  c <|end|>d",
                              "<|z|>e<|a|>")
            (folder / "tokenizer_config.json").write_text(plain)
        small.edit(folder / "tokenizer_config.json", split_special_tokens=True)
        self.refused_by_name(folder, "split_special_tokens")
        (folder / "tokenizer_config.json").write_text(plain)
        small.edit(folder / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer",
                   add_prefix_space=True)
        self.refused_by_name(folder, "add_prefix_space")

    def test_truncation_and_padding_of_tokenizer_json_do_not_count(self):
        folder = self.make("cut", kind="llama")
        small.edit(folder / "tokenizer.json",
                   truncation={"direction": "Right", "max_length": 3, "strategy": "LongestFirst",
                               "stride": 0},
                   padding={"strategy": {"Fixed": 9}, "direction": "Right", "pad_id": 0,
                            "pad_type_id": 0, "pad_token": "<|end|>", "pad_to_multiple_of": None})
        text = "water runs down the hill road, who takes old paint?"
        lines = self.write("long.txt", text + "\n")
        self.assertEqual(self.incipit("tokenize", folder, lines).stdout.split(),
                         [str(i) for i in self.tokenizer.encode(text).ids])

    def test_long_runs_of_one_character(self):
        folder = self.make("runs", kind="llama")
        lines = self.write("runs.txt", "".join(c * 20000 + "\n" for c in "a^ 1.\t\u6c34\U0001f600"))
        start = time.monotonic()
        found = self.incipit("tokenize", folder, lines).stdout.splitlines()
        self.assertLess(time.monotonic() - start, 20)
        for line, text in zip(found, lines.read_text().split("\n")):
            self.assertEqual(line.split(), [str(i) for i in self.tokenizer.encode(text).ids])

    def test_the_post_processor_decides_about_bos(self):
        tokenizer = small.byte_level(["<|begin|>"])
        begin = tokenizer.token_to_id("<|begin|>")
        template = {"type": "TemplateProcessing",
                    "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}},
                               {"Sequence": {"id": "A", "type_id": 0}}],
                    "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                             {"Sequence": {"id": "B", "type_id": 1}}],
                    "special_tokens": {"<|begin|>": {"id": "<|begin|>", "ids": [begin],
                                                     "tokens": ["<|begin|>"]}}}
        folder = small.save(self.folder / "bos", small.model("llama", 300), tokenizer)
        data = self.write("one.jsonl", '{"text": "a lamp", "label": "roads"}\n')
        config = self.write("bos.yaml", TASK.format(folder=folder).replace(
            "task:", f"task:\n  train: {data}\n  validation: 0"))
        for processor in (template, None):
            for adds in (True, False, None):
                small.edit(folder / "tokenizer.json", post_processor=processor)
                (folder / "tokenizer_config.json").write_text(json.dumps(
                    {"bos_token": "<|begin|>", "eos_token": "<|end|>", "add_bos_token": adds,
                     "tokenizer_class": "PreTrainedTokenizerFast"}))
                ids = AutoTokenizer.from_pretrained(folder)("a lamp")["input_ids"]
                shown = self.incipit("show", config, "--ids").stdout
                self.assertEqual("<|begin|>" in shown, ids[0] == begin, (processor, adds))

    # --- answers after a source: lm-evaluation-harness's rule -----------------------------------------

    def test_answers_have_the_tokens_of_the_joint_text(self):
        for name, metaspace in (("prepend", False), ("metaspace", True)):
            tokenizer = small.sentencepiece_like(metaspace)
            net = small.model("llama", tokenizer.get_vocab_size())
            folder = small.save(self.folder / name, net, tokenizer)
            expected = small.probabilities(
                folder, tokenizer,
                lambda source, text: tokenizer.encode(source + text).ids[
                    len(tokenizer.encode(source).ids):])
            found = [json.loads(line) for line in self.predict(folder).stdout.splitlines()]
            for question, line in zip(small.QUESTIONS, found):
                for label, share in expected[question].items():
                    self.assertAlmostEqual(line["probabilities"][label], share, delta=1e-4)
            data = self.write("joint.jsonl", '{"text": "a lamp", "label": "roads"}\n')
            config = self.write("joint.yaml", TASK.format(folder=folder).replace(
                "task:", f"task:\n  test: {data}"))
            self.assertNotIn("tokenised together",
                             self.incipit("validate", config).stdout)

    def test_the_repetition_penalty_of_generation_config_json(self):
        folder = self.make("penalty", kind="llama")
        for penalty in (1.0, 1.5):
            (folder / "generation_config.json").write_text(json.dumps(
                {"repetition_penalty": penalty, "do_sample": True, "temperature": 0.7}))
            net = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
            tokenizer = AutoTokenizer.from_pretrained(folder)
            ids = tokenizer("water, water and water", return_tensors="pt")
            made = net.generate(**ids, do_sample=False, max_new_tokens=12, eos_token_id=999)
            text = tokenizer.decode(made[0][ids["input_ids"].shape[1]:])
            found = self.incipit("generate", folder, "--raw", "--prompt", "water, water and water",
                                 "--max-tokens", "12", "--set", "model.dtype=float32").stdout
            self.assertEqual(found.rstrip("\n"), text.rstrip("\n"))

    def test_keys_of_generation_config_json_without_influence_are_named(self):
        folder = self.make("beams", kind="llama")
        (folder / "generation_config.json").write_text(json.dumps(
            {"num_beams": 4, "no_repeat_ngram_size": 2, "temperature": 0.6, "do_sample": True,
             "min_length": 0, "bad_words_ids": None, "max_new_tokens": 20}))
        words = ["generate", folder, "--raw", "--prompt", "water", "--max-tokens", "2"]
        message = self.incipit(*words).stderr
        self.assertIn("num_beams 4, no_repeat_ngram_size 2 has no influence", message)
        self.assertNotIn("min_length", message)
        self.assertIn("temperature 0.6", self.incipit(*words, "--set", "log.level=info").stderr)
        self.assertEqual(self.predict_warnings(folder), "")  # scores candidates

    # --- chat and adapters --------------------------------------------------------------------

    def test_one_rule_says_what_ends_a_turn_that_no_file_names(self):
        source = ROOT / "models" / "smollm2-135m-instruct"
        if not source.is_dir():
            self.skipTest(f"{source} is not there")
        folder = self.folder / "unnamed_end"
        folder.mkdir()
        for file in source.iterdir():
            if file.name != "incipit_chat.json":  # what set-up has read from the template
                (folder / file.name).symlink_to(file)
        for name, key, value in (("config.json", "eos_token_id", 0),
                                 ("generation_config.json", "eos_token_id", 0),
                                 ("tokenizer_config.json", "eos_token", "<|endoftext|>")):
            changed = json.loads((source / name).read_text()) | {key: value}
            (folder / name).unlink()
            (folder / name).write_text(json.dumps(changed))
        question = self.write("question.txt", "Say only the word yes.\n")
        said = self.incipit("generate", folder, "--prompt", question.read_text().strip(),
                            "--max-tokens", "20").stdout.strip()
        config = self.write("turn.yaml", CHAT.format(folder=folder))
        answer = json.loads(self.incipit("predict", config, "--input", question).stdout)
        self.assertEqual(answer["prediction"], said)
        self.assertNotIn("<|im_end|>", said)
        self.assertLess(len(said.split()), 10)  # it ended before 20 tokens

    def test_an_adapter_names_its_model_as_the_configuration_does(self):
        folder = self.make("relative", kind="llama")
        self.write("rows.jsonl", "".join(
            json.dumps({"text": question, "label": label}) + "\n"
            for question in small.QUESTIONS * 4 for label in small.LABELS))
        self.incipit("train", self.write("relative.yaml", TUNED))
        adapter = self.folder / "relative_run" / "adapter" / "last"
        with contextlib.chdir(self.folder):  # PEFT, too, keeps relative paths
            tuned = AutoPeftModelForCausalLM.from_pretrained(adapter)
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.assertTrue(torch.equal(tuned.get_base_model().lm_head.weight.float(),
                                    base.lm_head.weight))

    # --- bad records --------------------------------------------------------------------------

    def test_a_token_beyond_the_models_vocabulary_is_a_bad_record(self):
        folder = self.make("beyond")
        small.edit(folder / "tokenizer_config.json", additional_special_tokens=["<|new|>"])
        data = self.write("beyond.jsonl", "".join(
            json.dumps({"text": text, "label": "roads"}) + "\n"
            for text in ["a lamp", "a <|new|> lamp", "a drain", "a road"]))
        config = self.write("beyond.yaml", TASK.format(folder=folder).replace(
            "task:", f"task:\n  test: {data}"))
        for command in (["validate"], ["show", "--split", "test"], ["eval"]):
            message = self.incipit(*command[:1], config, *command[1:], code=3).stderr
            self.assertIn(f"{data}:2: ", message)
            self.assertIn("<|new|>", message)
        done = self.incipit("predict", config, "--input", data, "--set",
                            "task.on_bad_record=skip")
        self.assertEqual(len(done.stdout.splitlines()), 4)
        self.assertIn("<|new|>", done.stdout.splitlines()[1])
        self.assertIn("1 bad record", self.incipit(
            "validate", config, "--set", "task.on_bad_record=skip").stdout)
        done = self.incipit("generate", folder, "--raw", "--prompt", "a <|new|>", code=3)
        self.assertIn("<|new|>", done.stderr)
        self.assertIn("texts with other tokens", self.incipit("doctor", "--model", folder).stdout)


if __name__ == "__main__":
    program.main()
