"""Context distillation: losses, the prompt and the divergences as PyTorch computes them, on every
mesh, and runs that continue with the answers that the teacher wrote.
"""
import json
import os
import random
import re
import shutil
import signal
import sys
import time
import unittest
from pathlib import Path

import processes
import program
import runs
import stopping

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import html_check  # noqa: E402

PROMPT = "Q: is the sea blue? A: yes, blue.\nQ: is moss blue? A: no.\n"
QUESTIONS = ["is ice blue", "is a leaf red", "what is green", "is the sky wide", "who is there",
             "is grass soft", "what is moss", "is the sea deep"]
ASKED = ["is the moon blue", "what is snow", "is a stone soft"]
ROWS, BATCH, STEPS, RATE = 4, 4, 4, 0.5
CONFIG = """
run: {{name: distilled, output_dir: "{folder}/run", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method: {{kind: prompt_tuning, num_virtual_tokens: {rows}, init: {{kind: sampled_vocab}}}}
task:
  data_dir: "{folder}"
  train: questions.jsonl
  validation: 0
  test: asked.jsonl
  template: "Q: {{text}}? A:"
  target: "{{answer}}"
  separator: " "
  metrics: [loss]
  bos: none
distill: {{prompt: talk.txt, answer_tokens: 7}}
train:
  steps: {steps}
  batch_size: {batch}
  shuffle: false
  loss: distillation
  optimizer: {{kind: sgd, lr: {rate}}}
  eval_every: 0
  checkpoint_every: 2
"""


class Reference:
    """The same by transformers and PyTorch, one sequence at a time."""

    def __init__(self, folder):
        import torch
        from transformers import AutoModelForCausalLM
        self.torch = torch
        torch.set_num_threads(1)
        self.model = AutoModelForCausalLM.from_pretrained(folder / "model").double()
        self.model.requires_grad_(False)
        self.embed = self.model.get_input_embeddings()

    def log_probabilities(self, before, source, answer):
        """Of the rows that predict the answer; `before`: embeddings."""
        torch = self.torch
        ids = torch.tensor(source + answer[:-1])
        rows = torch.cat([before, self.embed(ids)])
        logits = self.model(inputs_embeds=rows[None]).logits[0]
        return torch.log_softmax(logits[-len(answer):], -1)

    def tokens(self, text):
        return self.embed(self.torch.tensor(list(text.encode()), dtype=self.torch.long))

    def divergence(self, before, source, answer):
        """The sum over the answer's tokens."""
        teacher = self.log_probabilities(self.tokens(PROMPT), source, answer)
        student = self.log_probabilities(before, source, answer)
        return self.torch.nn.functional.kl_div(student, teacher, reduction="sum", log_target=True)


def train_losses(run):
    """By step, without those of evaluations."""
    return {line["step"]: line["loss"] for line in runs.metric_lines(run)
            if "loss" in line and "split" not in line}


def source(question):
    return list(f"Q: {question}? A:".encode())


class Distillation(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.folder / "distill.yaml"
        cls.config.write_text(CONFIG.format(folder=cls.folder, rows=ROWS, steps=STEPS, batch=BATCH,
                                            rate=RATE))
        (cls.folder / "talk.txt").write_text(PROMPT)
        for name, texts in (("questions", QUESTIONS), ("asked", ASKED)):
            lines = [json.dumps({"idx": i, "text": text}) for i, text in enumerate(texts)]
            (cls.folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        cls.stdout = cls.train(cls(), "run").stdout
        cls.run_dir = cls.folder / "run"
        cls.reference = Reference(cls.folder)

    def train(self, name, *arguments, **options):
        return self.incipit("train", self.config, "--set", f"run.output_dir={self.folder / name}",
                            *arguments, **options)

    def answers(self, split):
        lines = (self.run_dir / "answers.jsonl").read_bytes().splitlines()[1:]
        return [line["tokens"] for line in map(json.loads, lines) if line["split"] == split]

    def adapter(self, run, which="last"):
        from safetensors.torch import load_file
        tensors = load_file(self.folder / run / "adapter" / which / "adapter_model.safetensors")
        return tensors["prompt_embeddings"].double()

    def test_losses_and_prompt_are_those_of_pytorch(self):
        self.train("start", "--set", "train.steps=0")
        torch = self.reference.torch
        prompt = self.adapter("start").requires_grad_(True)
        losses = train_losses(self.run_dir)
        answers = self.answers("train")
        for step in range(STEPS):
            chosen = [(step * BATCH + i) % len(QUESTIONS) for i in range(BATCH)]
            total = sum(self.reference.divergence(prompt, source(QUESTIONS[i]), answers[i])
                        for i in chosen)
            loss = total / sum(len(answers[i]) for i in chosen)
            self.assertGreater(loss.item(), 1e-3)
            self.assertAlmostEqual(losses[step + 1] / loss.item(), 1, delta=1e-4)
            gradient, = torch.autograd.grad(loss, prompt)
            prompt = (prompt - RATE * gradient).detach().requires_grad_(True)
        change = (prompt - self.adapter("start")).norm()
        apart = (prompt - self.adapter("run")).norm()
        self.assertGreater(change.item(), 1e-3)
        self.assertLess((apart / change).item(), 1e-4)

    def test_divergences_are_those_of_pytorch(self):
        found = json.loads((self.run_dir / "distillation.json").read_text())
        self.assertEqual(found["prompt_tokens"], len(PROMPT))
        self.assertEqual(found["saved_per_request"], len(PROMPT) - ROWS)
        answers = self.answers("test")
        count = sum(map(len, answers))
        self.assertEqual((found["examples"], found["tokens"]), (len(ASKED), count))
        students = {"no_prompt": self.reference.tokens(""),
                    "first_tokens": self.reference.tokens(PROMPT[:ROWS]),
                    "learned": self.adapter("run", "best")}
        means = {}
        for name, before in students.items():
            total = sum(self.reference.divergence(before, source(question), answer).item()
                        for question, answer in zip(ASKED, answers, strict=True))
            own = found["divergence"][name]
            means[name] = total / count
            self.assertAlmostEqual(own["mean"] / means[name], 1, delta=1e-4)
            low, high = own["mean_95"]
            self.assertTrue(low <= own["mean"] <= high and low < high)
        for name in ("no_prompt", "first_tokens"):
            self.assertAlmostEqual(found["divergence"][name]["over_learned"],
                                   means[name] - means["learned"], places=5)
        self.assertIn(f"first {ROWS} tokens {found['divergence']['first_tokens']['mean']:.4f}",
                      self.stdout)

    def test_answers_are_the_most_likely_tokens_after_the_long_prompt(self):
        for question, answer in zip(QUESTIONS, self.answers("train"), strict=True):
            likeliest = self.reference.log_probabilities(
                self.reference.tokens(PROMPT), source(question), answer).argmax(-1)
            self.assertEqual(likeliest.tolist(), answer)
            self.assertLessEqual(len(answer), 7 + 1)

    def test_the_learned_prompt_comes_closer(self):
        found = json.loads((self.run_dir / "distillation.json").read_text())["divergence"]
        start = json.loads(self.train("untrained", "--set", "train.steps=0", "--json").stdout)
        self.assertLess(found["learned"]["mean"],
                        start["distillation"]["divergence"]["learned"]["mean"])

    def test_micro_batches_and_recomputation_change_nothing(self):
        for name, setting in (("micro", "train.micro_batch_tokens=40"),
                              ("recompute", "train.recompute=layer")):
            self.train(name, "--set", setting)
            for step, loss in train_losses(self.folder / name).items():
                self.assertAlmostEqual(loss, train_losses(self.run_dir)[step], places=5)

    def test_every_mesh_learns_the_same(self):
        for dimension in ("data", "tensor", "pipeline"):
            self.train(dimension, "--set", f"parallel.{dimension}=2", ranks=2)
            self.check_same(dimension)
        # Text is not generated from FSDP layers, so the answers are made before.
        self.train("fsdp", "--set", "train.steps=2")
        self.train("fsdp", "--set", "parallel.fsdp=2", ranks=2)
        self.check_same("fsdp")

    def check_same(self, run):
        for step, loss in train_losses(self.folder / run).items():
            self.assertAlmostEqual(loss, train_losses(self.run_dir)[step], places=5, msg=run)
        apart = (self.adapter(run) - self.adapter("run")).abs().max().item()
        self.assertLess(apart, 1e-4, run)
        theirs, ours = (json.loads((self.folder / each / "distillation.json").read_text())
                        for each in (run, "run"))
        self.assertAlmostEqual(theirs["divergence"]["learned"]["mean"],
                               ours["divergence"]["learned"]["mean"], places=5, msg=run)

    def test_a_prefix_is_distilled_too(self):
        self.train("prefix", "--set", "method.kind=prefix_tuning", "--set",
                   "method.init.kind=normal", "--set", "train.optimizer.lr=0.05")
        losses = train_losses(self.folder / "prefix")
        self.assertLess(losses[3], losses[1])

    def test_a_resumed_run_has_the_same_bytes(self):
        self.train("resumed", "--set", "train.steps=2")
        done = self.train("resumed")
        all_of_them = len(QUESTIONS) + len(ASKED)
        self.assertIn(f"{all_of_them} of {all_of_them} of the teacher's answers are there already",
                      done.stderr)
        self.assertEqual(runs.outcome(self.folder / "resumed")[0], runs.outcome(self.run_dir)[0])

    def test_stopped_at_random_moments_it_has_the_same_bytes(self):
        draw = random.Random(3)
        job = stopping.Job(program.INCIPIT, program.MPIRUN, self.folder, self.config,
                           ["train.steps=40", "train.checkpoint_every=0", "eval.batch_tokens=64"])
        seconds = job.finish("undisturbed")
        codes = []
        while codes.count(75) < 6 and 0 not in codes:
            process = job.start("disturbed")
            time.sleep(draw.uniform(0, seconds))
            process.send_signal(draw.choice(stopping.SIGNALS))
            code, said = job.wait(process, "disturbed")
            self.assertIn(code, (0, 75), said)
            codes.append(code)
        if 0 not in codes:
            job.finish("disturbed")
        self.assertEqual(runs.outcome(self.folder / "disturbed"),
                         runs.outcome(self.folder / "undisturbed"))
        self.assertIn("distillation.json", runs.outcome(self.folder / "disturbed")[0])

    def test_stopped_while_the_teacher_answers_it_keeps_the_answers(self):
        questions = 900
        lines = [json.dumps({"idx": i, "text": f"what is {i * i}"}) for i in range(questions)]
        (self.folder / "many.jsonl").write_text("\n".join(lines) + "\n")
        for ranks in 1, 2:
            job = stopping.Job(program.INCIPIT, program.MPIRUN, self.folder, self.config,
                               ["task.train=many.jsonl", "distill.temperature=1",
                                "eval.batch_tokens=64"], ranks)
            job.finish(f"calm{ranks}")
            name = f"stopped{ranks}"
            answers = self.folder / name / "answers.jsonl"
            process = job.start(name)
            while not answers.exists() or answers.read_bytes().count(b"\n") < 2:
                self.assertIsNone(process.poll())
                time.sleep(0.001)
            # At once to one rank: mpirun takes a second to forward a signal.
            last = [process.pid, *processes.descendants(process.pid, "incipit")][-1]
            os.kill(last, signal.SIGUSR1)
            code, said = job.wait(process, name)
            self.assertEqual(code, 75, said)
            self.assertIn(": stopped while the teacher answered, with", said)
            kept = int(re.search(r"with (\d+) of \d+ answers; start the same", said)[1])
            self.assertEqual(answers.read_bytes().count(b"\n"), kept + 1)
            self.assertIn(kept, range(1, questions))
            job.finish(name)
            self.assertIn(f"{kept} of {questions + len(ASKED)} of the teacher's answers are there",
                          (self.folder / f"{name}.log").read_text())
            self.assertEqual(runs.outcome(self.folder / name),
                             runs.outcome(self.folder / f"calm{ranks}"))

    def test_killed_while_it_notes_answers_it_continues_at_the_next_question(self):
        sampled = "distill.temperature=1"
        self.train("whole", "--set", sampled, "--set", "train.steps=0")
        whole = (self.folder / "whole" / "answers.jsonl").read_bytes().splitlines(keepends=True)
        killed = self.folder / "killed" / "answers.jsonl"
        killed.parent.mkdir()
        killed.write_bytes(b"".join(whole[:4]) + whole[4][:12])  # three answers, and half a line
        done = self.train("killed", "--set", sampled, "--set", "train.steps=0")
        self.assertIn("answers.jsonl: 3 of 11 of the teacher's answers are there", done.stderr)
        again = killed.read_bytes().splitlines(keepends=True)
        same = [a == b for a, b in zip(whole, again, strict=True)]
        self.assertGreaterEqual(sum(same), len(same) - 1)  # rounding may change a draw

    def test_a_resumed_run_keeps_its_prompt(self):
        self.train("changed", "--set", "train.steps=2", "--set", "distill.prompt=other.txt", code=3)
        shutil.copy(self.folder / "talk.txt", self.folder / "other.txt")
        self.train("changed", "--set", "train.steps=2", "--set", "distill.prompt=other.txt")
        (self.folder / "other.txt").write_text("Q: is it blue? A: no.\n")
        message = self.refused(2, "train", self.config, "--set", "distill.prompt=other.txt",
                               "--set", f"run.output_dir={self.folder / 'changed'}")
        self.assertIn("answers.jsonl: the interrupted run had other answers", message)

    def test_questions_without_answers_are_shown(self):
        self.assertIn("train", self.incipit("validate", self.config).stdout)
        for split, question in ("train", QUESTIONS[0]), ("test", ASKED[0]):
            shown = self.incipit("show", self.config, "--split", split, "--json").stdout
            self.assertIn(question, shown)
        message = self.refused(3, "eval", self.run_dir)
        self.assertIn("asked.jsonl", message)

    def test_a_report_shows_the_divergences(self):
        done = self.incipit("report", self.run_dir, "--json", "figures.json")
        found = json.loads((self.run_dir / "distillation.json").read_text())
        learned = found["divergence"]["learned"]["mean"]
        self.assertIn(f"On {len(ASKED)} test examples, the learned prompt has a KL divergence of "
                      f"{learned:.4f} nats", " ".join(done.stdout.split()))
        checker = html_check.check((self.run_dir / "report.html").read_text(encoding="utf8"))
        self.assertEqual(checker.problems, [])
        text = html_check.text_of(checker)
        for name, own in found["divergence"].items():
            low, high = own["mean_95"]
            self.assertIn(f"{own['mean']:.4f} ({low:.4f} to {high:.4f})", text, name)
        self.assertIn(f"under the first {ROWS} tokens", text)
        self.assertIn("isthemoonblue?", "".join(text.split()), "the input of the first example")
        figures = json.loads((self.folder / "figures.json").read_text())
        self.assertEqual(figures["runs"][0]["distillation"], found)

    def test_a_report_compares_prompts_of_one_teacher(self):
        self.train("short", "--set", "method.num_virtual_tokens=2")
        shown = " ".join(self.incipit("report", self.run_dir, "short").stdout.split())
        learned = {}
        for rows, folder in (ROWS, "run"), (2, "short"):
            found = json.loads((self.folder / folder / "distillation.json").read_text())
            learned[rows] = found["divergence"]["learned"]["mean"]
            first = found["divergence"]["first_tokens"]["mean"]
            self.assertIn(f"first {rows} tokens {first:.4f} (", shown)
            self.assertRegex(shown, rf"num_virtual_tokens: {rows}\) .*? {learned[rows]:.4f} \(")
        self.assertEqual(1, shown.count("no prompt"))
        nearest = min(learned, key=learned.get)
        self.assertIn(f"num_virtual_tokens: {nearest}) is the nearest to the model", shown)
        page = (self.folder / "report.html").read_text(encoding="utf8")
        self.assertEqual(html_check.check(page).problems, [])
        self.assertIn("2 distilled prompts, one teacher", page)

    def test_a_report_of_two_teachers_is_refused(self):
        self.train("other", "--set", "distill.answer_tokens=3", "--set", "train.steps=1")
        message = self.refused(2, "report", self.run_dir, "other")
        self.assertIn("has another teacher than", message)
        self.assertIn("tokens in the answers", message)

    def test_the_model_writes_the_questions_too(self):
        """As docs/alignment.md does it: `predict` samples them."""
        count = 6
        (self.folder / "numbers.jsonl").write_text(
            "".join(json.dumps({"idx": i}) + "\n" for i in range(count)))
        written = self.incipit(
            "predict", self.config, "--set", "method.kind=none", "--set",
            "task.prompt_file=talk.txt", "--set", "task.template='Q:'", "--temperature", "1",
            "--seed", "3", "--max-tokens", "6", "--input", "numbers.jsonl").stdout
        found = [json.loads(line)["prediction"] for line in written.encode().splitlines()]
        self.assertEqual(len(set(found)), count)
        (self.folder / "written.jsonl").write_text(written.replace('"prediction":', '"text":'),
                                                   encoding="utf8")
        self.train("written", "--set", "task.train=written.jsonl")
        found = json.loads((self.folder / "written" / "distillation.json").read_text())
        self.assertEqual(found["examples"], len(ASKED))
        losses = train_losses(self.folder / "written")
        self.assertLess(losses[4], losses[1])

    def test_what_does_not_fit_is_refused(self):
        for settings, expected in (
                (("distill.prompt=''",), "distill.prompt: is missing"),
                (("method.kind=model_tuning", "method.init.kind=auto"), "needs a frozen model"),
                (("task.prompt_file=talk.txt",), "task.prompt_file: only the learned prompt"),
                (("sweep.seed=[1, 2]",), "sweep: one prompt is distilled at a time"),
                (("task.target=''", "task.verbalizer={a: b}", "task.metrics=[accuracy]"),
                 "task.target: is missing")):
            arguments = [part for setting in settings for part in ("--set", setting)]
            message = self.refused(2, "train", self.config, *arguments)
            self.assertIn(expected, message)


if __name__ == "__main__":
    program.main()
