"""Compares `incipit tokenize` with the `tokenizers` library: no line may differ.

    tokenizer_parity.py --program PROGRAM... PIPELINE     a vocabulary trained here
    tokenizer_parity.py --program PROGRAM... FILE.json    a tokenizer.json

Texts: all strings of ../shared/data (when there), 20,000 random lines with added tokens
strewn in, long runs, and every code point. Then the ids back to text, with and without
special tokens, and so are random ids, whose bytes often are no UTF-8. A pipeline's vocabulary is trained on the shared texts and made-up ones.
Characters of every Unicode version are among them; see data/tokenizer/unicode.h for whose
tables count.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import pipelines
import texts as sources
from tokenizers import Tokenizer

SKIPPED = 77


def run(program, arguments, lines):
    result = subprocess.run(program + arguments, input="\n".join(lines) + "\n", text=True,
                            encoding="utf-8", stdout=subprocess.PIPE, check=True)
    answers = result.stdout.split("\n")[:-1]
    if len(answers) != len(lines):
        sys.exit(f"{len(answers)} answers to {len(lines)} lines")
    return answers


def report(what, total, differing, shown):
    print(f"{what}: {differing} of {total} lines differ")
    for line in shown:
        print("   ", line)
    return differing


def compare(what, inputs, expected, found):
    wrong = [i for i in range(len(inputs)) if expected[i] != found[i]]
    shown = [f"{inputs[i]!r:.300}\n      expected {expected[i]!r:.300}\n      found    {found[i]!r:.300}"
             for i in wrong[:5]]
    return report(what, len(inputs), len(wrong), shown)


def random_ids(library, seed):
    """Ids in any order, some beyond the vocabulary, many of the first (bytes, mostly)."""
    rng = random.Random(seed)
    size = library.get_vocab_size()
    return [[rng.randrange(rng.choice([300, size, size, size + 3])) for _ in range(rng.randint(0, 30))]
            for _ in range(3000)]


def compare_decoding(program, library, path, what, ids):
    """The number of lists of ids whose text differs, with or without special tokens."""
    differing = 0
    lines = [" ".join(map(str, line)) for line in ids]
    for flags, skip in ([], True), (["--keep-special"], False):
        expected = library.decode_batch(ids, skip_special_tokens=skip)
        answers = run(program, [str(path), "--decode", "--json", *flags], lines)
        differing += compare(f"{what}, decode{' with special tokens' if flags else ''}", lines,
                             expected, [json.loads(answer) for answer in answers])
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", nargs="+", required=True)
    parser.add_argument("--share", type=int, default=1, help="take every n-th text only")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("tokenizer", help="pipeline name or tokenizer.json")
    options = parser.parse_args()

    real = sources.shared_texts()
    insertions = pipelines.INSERTIONS
    with tempfile.TemporaryDirectory() as folder:
        if options.tokenizer in pipelines.PIPELINES:
            path = pathlib.Path(folder) / "tokenizer.json"
            corpus = real[::3] + sources.made_up_texts(4000, options.seed)
            pipelines.build(options.tokenizer, corpus).save(str(path))
        else:
            path = pathlib.Path(options.tokenizer)
            if not path.exists():
                print(f"skipped: {path} is not there")
                return SKIPPED
            added = json.loads(path.read_text(encoding="utf-8"))["added_tokens"]
            insertions = [token["content"] for token in added]
        library = Tokenizer.from_file(str(path))

        groups = {
            "shared data": real,
            "made-up": sources.made_up_texts(2000, options.seed + 1),
            "random": sources.random_texts(20000, options.seed, insertions),
            "long": sources.long_texts(),
            "every code point": sources.code_point_texts(),
        }
        if not real:
            print(f"skipped: {sources.shared_folder()}/data does not exist")
        differing = 0
        for name, group in groups.items():
            if name != "long":
                group = group[::options.share]
            if not group:
                continue
            expected = [e.ids for e in library.encode_batch_fast(group, add_special_tokens=False)]
            lines = [json.dumps(text) for text in group]
            answers = run(options.program, [str(path), "--json"], lines)
            found = [[int(word) for word in answer.split()] for answer in answers]
            differing += compare(f"{name}, encode", group, expected, found)
            differing += compare_decoding(options.program, library, path, name, expected)
        ids = random_ids(library, options.seed)
        differing += compare_decoding(options.program, library, path, "random ids", ids)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
