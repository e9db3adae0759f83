#!/usr/bin/env python3
"""Baseline without a language model: bag of words with logistic regression, as a run directory.

    bag_of_words.py DATA_DIR RUN_DIR --text text --label office

DATA_DIR contains train.jsonl, validation.jsonl and test.jsonl. The features are words and pairs of
words, weighted by tf-idf. The regularisation strength is chosen on the validation split
(validation.jsonl); the test split is scored once. The script writes predictions/test.jsonl and
scores.json to RUN_DIR in the format that `incipit report` reads.
"""
from sklearn.feature_extraction.text import TfidfVectorizer

import text_classifier


def make_features(texts):
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts).transform


if __name__ == "__main__":
    text_classifier.run("bag of words", __doc__.splitlines()[0], make_features)
