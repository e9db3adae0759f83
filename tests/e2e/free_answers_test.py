#!/usr/bin/env python3
"""Tasks with free answers, from YAML only: scores are those of sacrebleu and rouge-score, decide on
the best step, and are reported beside the answers.  free_answers_test.py INCIPIT MPIRUN"""
import json
import random
import sys
from pathlib import Path

import program
import sacrebleu
from rouge_score import rouge_scorer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import html_check  # noqa: E402

CONFIG = """run: {{name: {name}, output_dir: "{folder}/{name}", seed: 5}}
model: {{path: "{folder}/model", dtype: float32}}
method: {{kind: model_tuning}}
task:
  data_dir: "{folder}"
  train: {name}_train.jsonl
  validation: 0.2
  test: {name}_test.jsonl
  template: "{template}"
  target: " {{answer}}"
  metrics: {metrics}
  max_answer_tokens: 24
train:
  steps: {steps}
  batch_size: 16
  eval_every: 20
  optimizer: {{kind: adamw, lr: 0.01}}
"""
WORDS = {"chat": "cat", "chien": "dog", "pont": "bridge", "petit": "small", "vieux": "old",
         "dort": "sleeps", "tombe": "falls", "brille": "shines"}


def sums(draw, count):
    for _ in range(count):
        a, b = draw.randrange(30), draw.randrange(30)
        yield {"question": f"{a} + {b}", "answer": str(a + b)}


def sentences(draw, count):
    for _ in range(count):
        adjective, noun = draw.choice(["petit", "vieux"]), draw.choice(["chat", "chien", "pont"])
        words = ["le", adjective, noun, draw.choice(["dort", "tombe", "brille"])]
        yield {"question": " ".join(words) + f" {draw.randrange(1000)} fois.",
               "answer": f"The {WORDS[adjective]} {WORDS[noun]} {WORDS[words[3]]}."}


def corpus(metric, lines):
    references = [[line["references"][0] for line in lines]]
    return metric.corpus_score([line["prediction"] for line in lines], references).score / 100


def rouge_l(lines):
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    return sum(scorer.score(line["references"][0], line["prediction"])["rougeL"].fmeasure
               for line in lines) / len(lines)


class FreeAnswers(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        self = cls()
        cls.arithmetic = self.task("sums", sums, "{question} =", "[numeric_match, text_exact_match]",
                                   steps=60)
        cls.translation = self.task("french", sentences, "French: {question} English:",
                                    "[chrf, bleu, rouge_l, text_f1]", steps=100)

    def task(self, name, records, template, metrics, steps):
        """Writes data and configuration of a task, and trains on it."""
        seen = set()
        for part, count, seed in (("train", 200, 1), ("test", 40, 2)):
            lines = [record for record in records(random.Random(seed), count)
                     if record["question"] not in seen]
            seen |= {record["question"] for record in lines}
            self.write(f"{name}_{part}.jsonl", "".join(
                json.dumps({"idx": i, **record}) + "\n" for i, record in enumerate(lines)))
        config = self.write(f"{name}.yaml", CONFIG.format(
            name=name, folder=self.folder, template=template, metrics=metrics, steps=steps))
        said = self.incipit("train", config).stdout
        type(self).said = getattr(self, "said", {}) | {name: said}
        return config

    def predictions(self, run, split="test"):
        text = (self.folder / run / "predictions" / f"{split}.jsonl").read_text(encoding="utf8")
        return [json.loads(line) for line in text.splitlines()]

    def records(self, name):
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def scores(self, run, split="test"):
        return json.loads((self.folder / run / "scores.json").read_text())[split]

    def test_predictions_have_the_answer_and_the_references(self):
        for name in ("sums", "french"):
            lines = self.predictions(name)
            records = self.records(f"{name}_test.jsonl")
            self.assertEqual([line["references"] for line in lines],
                             [[record["answer"]] for record in records])
            for line in lines:
                self.assertEqual(line["prediction"], line["generated"].strip())
                self.assertIsNone(line["label"])

    def test_scores_are_those_of_sacrebleu_and_rouge_score(self):
        lines, scores = self.predictions("french"), self.scores("french")
        self.assertAlmostEqual(scores["bleu"], corpus(sacrebleu.BLEU(), lines), places=12)
        self.assertAlmostEqual(scores["chrf"], corpus(sacrebleu.CHRF(), lines), places=12)
        self.assertAlmostEqual(scores["rouge_l"], rouge_l(lines), places=12)
        self.assertGreater(scores["chrf"], 0.2, "the model learned something to compare")
        for metric in ("bleu", "chrf", "rouge_l", "text_f1"):
            low, high = scores[metric + "_95"]
            self.assertTrue(low <= scores[metric] <= high, scores)

    def test_sums_are_scored_by_number(self):
        lines, scores = self.predictions("sums"), self.scores("sums")
        right = sum(line["prediction"] == line["references"][0] for line in lines)
        self.assertAlmostEqual(scores["numeric_match"], right / len(lines))
        self.assertLess(scores["numeric_match_95"][0], scores["numeric_match_95"][1])

    def test_the_first_metric_decides_on_the_best_step_and_the_diagnosis(self):
        lines = [json.loads(line) for line in
                 (self.folder / "french" / "metrics.jsonl").read_text().splitlines()]
        evaluations = [line for line in lines if line.get("split") == "validation"]
        best = max(evaluations, key=lambda line: line["chrf"])  # of equal ones, the first
        self.assertRegex(self.said["french"], rf"step {best['step']}\b")
        self.incipit("eval", self.translation, "--split", "validation", "--set",
                     "run.output_dir=again", "--set", f"model.path={self.folder}/french/model/best",
                     "--set", "method.kind=none")
        self.assertAlmostEqual(self.scores("again", "validation")["chrf"], best["chrf"], places=6)
        diagnosis = json.loads((self.folder / "french" / "diagnosis.json").read_text())
        free = diagnosis["figures"]["free"]
        self.assertEqual(free["metric"], "chrF")
        self.assertAlmostEqual(free["score"], best["chrf"], places=12)
        self.assertIn(f"validation chrF {best['chrf']:.2f}", json.dumps(diagnosis))
        self.assertEqual(diagnosis["verdict"] == "learned",
                         free["score_95"][0] > free["constant_score"])

    def test_a_report_shows_scores_and_answers_beside_references(self):
        for name, title in (("sums", "numeric match"), ("french", "chrF")):
            done = self.incipit("report", name, "--json", "figures.json")
            page = html_check.check((self.folder / name / "report.html").read_text(encoding="utf8"))
            self.assertEqual(page.problems, [])
            text = html_check.text_of(page)
            self.assertIn(title, done.stdout)
            for line in self.predictions(name)[:8]:
                self.assertIn(line["references"][0], text)
                self.assertIn(" ".join(line["prediction"].split()) or "∅", " ".join(text.split()))
            shown = json.loads((self.folder / "figures.json").read_text())["runs"][0]["scores"]
            for metric, value in self.scores(name).items():
                if metric != "examples":
                    self.assertEqual(shown["test"][metric], value)

    def test_runs_are_compared_by_the_first_metric(self):
        self.incipit("eval", self.translation, "--set", "run.output_dir=plain", "--set",
                     "run.name=plain", "--set", "method.kind=none")
        self.incipit("report", "plain", "french", "--json", "both.json", "--output", "both.html")
        comparison = json.loads((self.folder / "both.json").read_text())["comparison"]
        self.assertEqual(comparison["metric"], "chrf")
        self.assertEqual([each["name"] for each in comparison["methods"]],
                         ["constant", "plain", "french"])
        for method, run in zip(comparison["methods"][1:], ("plain", "french")):
            self.assertAlmostEqual(method["chrf"], self.scores(run)["chrf"], places=12)
        lines = self.predictions("french")
        constant = [line | {"prediction": comparison["majority_label"]} for line in lines]
        self.assertAlmostEqual(comparison["methods"][0]["chrf"],
                               corpus(sacrebleu.CHRF(), constant), places=12)
        gain = next(each for each in comparison["gains"] if (each["of"], each["over"]) == (2, 1))
        self.assertAlmostEqual(gain["gain"],
                               self.scores("french")["chrf"] - self.scores("plain")["chrf"])
        self.incipit("report", "plain", "sums", code=2)

    def test_compare_ranks_templates_by_the_first_metric(self):
        templates = self.write("templates.yaml", '- name: as it is\n- {name: asked, template: '
                               '"{question} ->"}\n')
        self.incipit("compare", self.translation, "--templates", templates, "--output", "chosen")
        listed = json.loads((self.folder / "chosen" / "templates.json").read_text())
        scores = {each["name"]: each["chrf"] for each in listed["templates"]}
        self.assertEqual(listed["best"], max(scores, key=scores.get))

    def test_predict_answers_new_records(self):
        self.write("new.jsonl", '{"idx": 7, "question": "le petit chat dort 3 fois."}\n')
        done = self.incipit("predict", "french", "--input", "new.jsonl")
        answer = json.loads(done.stdout)
        self.assertEqual(answer["idx"], 7)
        self.assertEqual(answer["prediction"], answer["generated"].strip())

    def test_metrics_that_cannot_apply_are_refused(self):
        said = self.refused(2, "validate", self.arithmetic, "--set", "task.metrics=[accuracy]")
        self.assertIn("task.metrics", said)
        self.assertIn("accuracy needs labels", said)
        self.assertIn("text_f1 needs references",
                      self.refused(2, "validate", self.config, "--set", "task.metrics=[text_f1]"))
        self.write("words.jsonl", '{"idx": 0, "question": "1 + 1", "answer": "two"}\n')
        said = self.refused(3, "eval", self.arithmetic, "--set", "task.test=words.jsonl", "--set",
                            "run.output_dir=none", "--set", "method.kind=none")
        self.assertIn("words.jsonl:1", said)
        self.assertIn("numeric_match", said)


if __name__ == "__main__":
    program.main()
