"""What each test answer adds to a score, counted here from the predictions and not by Incipit.

entities: [entities found right, entities found, entities there are], an entity being a place and a
label; the score is F1 = 2 right / (found + there are), as seqeval has it. questions: [token F1, 1],
as the official script of SQuAD 1.1; the score is the mean.
"""
import collections
import re
import string

import numpy as np


def entities(line):
    found, right = ({(each["start"], each["end"], each["label"]) for each in listed}
                    for listed in (line["prediction"], line["references"][0]))
    return [len(found & right), len(found), len(right)]


def words(text):
    plain = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def token_f1(answer, reference):
    answer, reference = words(answer), words(reference)
    common = sum((collections.Counter(answer) & collections.Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference)) if common else 0.0


def questions(line):
    return [max(token_f1(line["prediction"], each) for each in line["references"]), 1]


COUNT = {"entities": entities, "questions": questions}


def score(task, counts):
    """The score of answers; counts: [..., answers, numbers]."""
    total = np.asarray(counts, dtype=float).sum(-2)
    if task == "questions":
        return total[..., 0] / total[..., 1]
    return 2 * total[..., 0] / (total[..., 1] + total[..., 2])
