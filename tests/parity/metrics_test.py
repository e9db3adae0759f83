#!/usr/bin/env python3
"""Metrics beside scikit-learn, sacrebleu, rouge-score, seqeval and an independent writing of the
benchmark's evaluation.

metrics_test.py METRICS_TOOL
"""
import collections
import decimal
import json
import math
import random
import re
import string
import subprocess
import sys
import unittest

import sacrebleu
from rouge_score import rouge_scorer
from sklearn import metrics

try:
    from seqeval.metrics import f1_score
    from seqeval.metrics.sequence_labeling import get_entities
except ImportError:
    get_entities = None

TOOL = ""


def ask(requests):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([TOOL], input=lines.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


# --- the official evaluation, written anew --------------------------------------------------

def normalized(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(?:an|a|the)\b", " ", text).split())


def word_f1(answer, reference):
    ours, theirs = normalized(answer).split(), normalized(reference).split()
    common = sum((collections.Counter(ours) & collections.Counter(theirs)).values())
    if not common:
        return 0.0
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall)


def record_scores(texts, references):
    f1 = exact = 0
    for text, right in zip(texts, references):
        f1 += max((word_f1(text, each) for each in right), default=0)
        exact += any(normalized(text) == normalized(each) for each in right)
    return f1 / len(texts), exact / len(texts)


def multirc_exact(predictions, labels, questions):
    by_question = collections.defaultdict(list)
    for prediction, label, question in zip(predictions, labels, questions):
        by_question[question].append(prediction == label)
    return sum(all(right) for right in by_question.values()) / len(by_question), len(by_question)


DETERMINERS = ("a an few her his each every many much my our some that the their these this those "
               "which whose your").split()


def referent_rule(answer, referent):
    """The Winograd rule of T5: None where no word is left of the answer."""
    def bare(text):
        return " ".join(w for w in text.strip().lower().split(" ") if w not in DETERMINERS)
    answer, referent = bare(answer), bare(referent)
    if answer == "":
        return None
    if answer.count("'") > 0 and not referent.count("'"):
        return False
    if referent.count("'") > 0 and not answer.count("'"):
        return False
    a, b = frozenset(answer.split(" ")), frozenset(referent.split(" "))
    return a <= b or b <= a


# --- free answers ---------------------------------------------------------------------------

ROUGE = rouge_scorer.RougeScorer(["rougeL"])


def rouge_l(texts, references):
    return sum(ROUGE.score_multi(right, text)["rougeL"].fmeasure
               for text, right in zip(texts, references)) / len(texts)


def corpus_score(metric, texts, references):
    """sacrebleu takes a list of references for each place among an example's references."""
    most = max(map(len, references))
    padded = [right + [None] * (most - len(right)) for right in references]
    return metric.corpus_score(texts, [list(each) for each in zip(*padded)]).score / 100


def last_number(text):
    """Returns the last number as a Decimal; None without one."""
    found = None
    for match in re.finditer(r"(?:\d{1,3}(?:,\d{3}(?!\d))+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?"
                             r"|\.\d+(?:[eE][-+]?\d+)?", text, re.ASCII):
        before = text[:match.start()]
        negative = re.search(r"(?:^|[^\w])[-\u2212]$", before) is not None
        found = decimal.Decimal(match[0].replace(",", "")) * (-1 if negative else 1)
    return found


def numeric_match(texts, references):
    right = 0
    for text, each in zip(texts, references):
        number = last_number(text)
        right += number is not None and number in [last_number(reference) for reference in each]
    return right / len(texts)


# --- random cases --------------------------------------------------------------------------

PIECES = ["a", "an", "the", "The", "AN", "harbour", "Harbour", "seal", "Köln", "ŒUVRE", "ΟΔΟΣ",
          "Σ", "İzmir", "ß", "don't", "U.S.", "the-a", "_a_", "a_b", "—a—", "«the»", "the…", "½",
          "②", "a②", "é", "ae\u0301", "the\u0301", "\u00a0", "\u2003", "\u3000", "\t", "\n",
          "\x1c", "\u200b", "a\u200bthe", "東京", "the東", "1,000", "(an)", "\"", "'", "  ", "-",
          "Bob", "Bob's", "hat", "😀", "\u0660", "\u0d66", "Ⅷ", "\u0345", "\u00b2", "\u0fff"]


def random_text(draw, most=6):
    return draw.choice(["", " "]).join(draw.choice(PIECES) for _ in range(draw.randrange(most)))


def sentence(draw, most=5):
    return " ".join(draw.choice(PIECES) for _ in range(draw.randrange(most)))


class Metrics(unittest.TestCase):
    def check(self, requests, expected):
        for request, answer, value in zip(requests, ask(requests), expected, strict=True):
            self.assertIsNotNone(answer["value"], request)
            self.assertAlmostEqual(answer["value"], value, places=12, msg=json.dumps(request))

    def labelled(self, classes, lowest=-1):
        """Random predictions, some of them none of the labels, and labels of few or many kinds."""
        draw = random.Random(classes)
        for size in [1, 2, 3, 5, 10, 57, 300]:
            for _ in range(20):
                kinds = draw.randrange(1, classes + 1)
                yield ([draw.randrange(lowest, kinds) for _ in range(size)],
                       [draw.randrange(classes) for _ in range(size)])

    def test_of_classes_are_those_of_scikit_learn(self):
        functions = {
            "accuracy": metrics.accuracy_score,
            "macro_f1": lambda y, p: metrics.f1_score(y, p, average="macro", zero_division=0),
            "f1": lambda y, p: metrics.f1_score(y, p, labels=[1], average="macro",
                                                zero_division=0),
            "matthews_correlation": metrics.matthews_corrcoef}
        for name, function in functions.items():
            for classes in (2, 3, 5):
                cases = list(self.labelled(classes))
                self.check([{"metric": name, "predictions": p, "labels": y} for p, y in cases],
                           [float(function(y, p)) for p, y in cases])

    @unittest.skipIf(get_entities is None, "seqeval is not installed: run scripts/setup.sh")
    def test_of_entities_are_those_of_seqeval(self):
        """Tags of a model are any sequence: I may follow O, or a tag of another label."""
        names = ["O"] + [f"{begin}-{label}" for label in "abc" for begin in "BI"]
        draw = random.Random(4)
        for labels in (1, 2, 3):
            sentences = [[[draw.randrange(2 * labels + 1) for _ in range(draw.randrange(1, 12))]
                          for _ in range(2)] for _ in range(200)]
            for i, (right, given) in enumerate(sentences):  # of one length, alike in part
                sentences[i] = [right, [tag if draw.random() < 0.5 else draw.randrange(2 * labels + 1)
                                        for tag in right]]
            tags = [tags for pair in sentences for tags in pair]
            found = [each["entities"] for each in ask([{"tags": each} for each in tags])]
            for each, entities in zip(tags, found, strict=True):
                theirs = get_entities([names[tag] for tag in each])
                self.assertEqual([["abc"[label], begin, end - 1] for begin, end, label in entities],
                                 [list(entity) for entity in theirs], each)
            answers = [json.dumps([{"start": begin, "end": end, "label": "abc"[label]}
                                   for begin, end, label in entities]) for entities in found]
            request = {"metric": "entity_f1", "texts": answers[1::2],
                       "references": [[right] for right in answers[::2]]}
            self.check([request], [float(f1_score(
                *[[[names[tag] for tag in tags] for tags in side] for side in zip(*sentences)]))])

    def test_matthews_is_zero_where_it_is_undefined(self):
        cases = [([1, 1, 1], [0, 1, 1]), ([0, 1], [1, 1]), ([1], [1]), ([0], [1])]
        self.check([{"metric": "matthews_correlation", "predictions": p, "labels": y}
                    for p, y in cases], [0.0] * 4)

    def test_of_multirc_are_those_of_the_official_script(self):
        draw = random.Random(2)
        for _ in range(50):
            size = draw.randrange(1, 60)
            labels = [draw.randrange(2) for _ in range(size)]
            predictions = [y if draw.random() < 0.8 else draw.randrange(-1, 2) for y in labels]
            questions = [str(draw.randrange(1 + size // 4)) for _ in range(size)]
            request = {"predictions": predictions, "labels": labels, "groups": questions}
            exact, count = multirc_exact(predictions, labels, questions)
            found = ask([request | {"metric": "group_exact_match"}])[0]
            self.assertAlmostEqual(found["value"], exact, places=12)
            self.assertEqual(found["of"], count)

    def test_of_record_are_those_of_the_official_script(self):
        draw = random.Random(3)
        for _ in range(100):
            size = draw.randrange(1, 40)
            references = [[random_text(draw) for _ in range(draw.randrange(1, 4))]
                          for _ in range(size)]
            texts = [draw.choice(right) + draw.choice(["", " ", ".", " the", " x"])
                     if draw.random() < 0.6 else random_text(draw) for right in references]
            f1, exact = record_scores(texts, references)
            request = {"texts": texts, "references": references}
            self.check([request | {"metric": "text_f1"}, request | {"metric": "text_exact_match"}],
                       [f1, exact])

    def answers(self, seed, words, count):
        """Random answers and one to three references each, many of them alike."""
        draw = random.Random(seed)
        def text(most):
            return "".join(draw.choice(words) + draw.choice(["", " ", " "])
                           for _ in range(draw.randrange(most)))
        for _ in range(count):
            size = draw.randrange(1, 12)
            references = [[text(14) for _ in range(draw.randrange(1, 4))] for _ in range(size)]
            texts = [draw.choice(right) + text(3) if draw.random() < 0.6 else text(14)
                     for right in references]
            yield texts, references

    def test_of_free_answers_are_those_of_sacrebleu_and_rouge_score(self):
        words = PIECES + ["&quot;", "&amp;lt;", "&lt;", "&gt;", "<skipped>", "-\n", "3-4", "12,5",
                          "1.5.", "..,", "~", "a.b", "don't,", "—3-", "{x}", "İ", "\u212a", "the",
                          "cat", "sat", "on", "mat", "cat", "the"]
        for seed in (11, 12):
            cases = list(self.answers(seed, words, 150))
            # One sentence of everyday words, and answers that have nothing in common or nothing.
            cases += [(["The cat sat on the mat."], [["The cat is sitting on the mat."]]),
                      (["", "x"], [["y"], [""]]), (["a b c d"], [["a b c d", "a b"]]), ([""], [[""]])]
            expected = {"bleu": lambda t, r: corpus_score(sacrebleu.BLEU(), t, r),
                        "chrf": lambda t, r: corpus_score(sacrebleu.CHRF(), t, r),
                        "rouge_l": rouge_l}
            for name, function in expected.items():
                self.check([{"metric": name, "texts": t, "references": r} for t, r in cases],
                           [float(function(t, r)) for t, r in cases])

    def test_numbers_match_by_their_value(self):
        equal = [("7", "7.0"), ("x = 1,234.50 USD", "1234.5"), ("first 3, then -0.50", "-.5"),
                 ("\u22125", "-5"), ("12-5", "5"), ("6e2", "600"), ("-0", "0"), ("1,23", "23"),
                 ("007", "7"), ("10000,000", "0"), ("$3.", "3"), ("0.1e-3", "0.0001")]
        unlike = [("", "1"), ("none", "0"), ("5", "-5"), ("1.5", "1.50001"), ("3 4", "3"),
                  ("12345678901234567890", "12345678901234567891"), ("1e3", "3")]
        for pairs, value in ((equal, 1.0), (unlike, 0.0)):
            self.check([{"metric": "numeric_match", "texts": [a], "references": [[b]]}
                        for a, b in pairs], [value] * len(pairs))
        cases = list(self.answers(13, ["1", "2", "12", "1,000", ",", ".", "-", "e", "\u2212", "x",
                                       "0", "é", "_", "(", "e-1", "+"], 400))
        self.check([{"metric": "numeric_match", "texts": t, "references": r} for t, r in cases],
                   [numeric_match(t, r) for t, r in cases])

    def test_texts_are_normalised_as_by_the_official_script(self):
        draw = random.Random(4)
        texts = [random_text(draw, 9) for _ in range(20000)]
        found = ask([{"normalize": text} for text in texts])
        for text, answer in zip(texts, found, strict=True):
            self.assertEqual(answer["text"], normalized(text), repr(text))

    def test_every_character_is_normalised_as_by_python(self):
        """Each between articles: is it white space, part of a word, a capital?"""
        import unicodedata
        # Characters that only one of the two Unicode versions knows may differ.
        known = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF
                 and unicodedata.category(chr(c)) not in ("Cn", "Co")]
        found = ask([{"normalize": f"the{c}an a{c} x"} for c in known])
        wrong = [f"U+{ord(c):04X}" for c, answer in zip(known, found, strict=True)
                 if answer["text"] != normalized(f"the{c}an a{c} x")]
        self.assertEqual(wrong, [])

    def test_a_referent_is_recognised_as_by_t5(self):
        draw = random.Random(5)
        cases = [(sentence(draw), sentence(draw)) for _ in range(20000)]
        cases += [("the Bob", "Bob"), ("Bob", "Bob's hat"), ("fuzzy bunny", "the bunny"),
                  ("the", "Bob"), ("", "Bob"), ("the   a", "Bob"), ("Bob", "the")]
        found = ask([{"answer": a, "referent": b} for a, b in cases])
        for case, answer in zip(cases, found, strict=True):
            self.assertIs(answer["means"], referent_rule(*case), repr(case))
        kinds = collections.Counter(answer["means"] for answer in found)
        self.assertGreater(min(kinds[True], kinds[False], kinds[None]), 200, kinds)

    def test_parity_is_the_share_of_equal_pairs(self):
        draw = random.Random(6)
        for size in (2, 4, 100):
            predictions = [draw.randrange(2) for _ in range(size)]
            equal = [a == b for a, b in zip(predictions[::2], predictions[1::2])]
            self.check([{"metric": "gender_parity", "predictions": predictions}],
                       [sum(equal) / len(equal)])

    def test_the_overall_score_is_a_mean_of_means(self):
        tasks = [[0.8], [0.9, 0.7], [0.5], [0.6, 0.2], [0.3, 0.1], [0.75], [0.5], [0.65]]
        self.check([{"tasks": tasks}], [(0.8 + 0.8 + 0.5 + 0.4 + 0.2 + 0.75 + 0.5 + 0.65) / 8])
        self.assertTrue(math.isfinite(ask([{"tasks": tasks}])[0]["value"]))


if __name__ == "__main__":
    TOOL = sys.argv.pop(1)
    unittest.main(verbosity=2, warnings="ignore")
