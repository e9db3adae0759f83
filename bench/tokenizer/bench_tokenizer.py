"""Compares the speed of Tokenizer::encode and of the `tokenizers` library, one thread each.

    bench_tokenizer.py --program build/release/bench/tokenizer/tokenizer_bench

Both encode the texts of ../shared/data (generated ones if that is missing), in turns; the
median of the rounds counts. Two methods of the library are timed: `encode`, which most
callers use, and `encode_batch_fast`, its fastest. Prints megabytes of text per second and the
ratio to the faster of the two.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # before the library is imported
os.environ["RAYON_NUM_THREADS"] = "1"
PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "parity" / "tokenizer"))

import pipelines  # noqa: E402
import texts as sources  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402


def seconds_of(action):
    begin = time.perf_counter()
    count = action()
    return time.perf_counter() - begin, count


def measure(program, path, texts, texts_file, rounds):
    library = Tokenizer.from_file(str(path))
    ways = {
        "encode": lambda: sum(len(library.encode(t, add_special_tokens=False).ids) for t in texts),
        "encode_batch_fast": lambda: sum(
            len(e.ids) for e in library.encode_batch_fast(texts, add_special_tokens=False)),
    }
    times = {"encode": [], "encode_batch_fast": [], "incipit": []}
    with subprocess.Popen([program, str(path), str(texts_file)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ours:
        for turn in range(rounds + 1):
            counts = set()
            for name, way in ways.items():
                seconds, count = seconds_of(way)
                times[name].append(seconds)
                counts.add(count)
            ours.stdin.write("\n")
            ours.stdin.flush()
            seconds, count = ours.stdout.readline().split()
            times["incipit"].append(float(seconds))
            counts.add(int(count))
            if len(counts) != 1:
                sys.exit(f"the numbers of ids differ: {counts}")
        ours.stdin.close()
    return {name: statistics.median(values[1:]) for name, values in times.items()}  # first: warm-up


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("pipelines", nargs="*", help="names of pipelines.py; a few by default")
    options = parser.parse_args()

    texts = sources.shared_texts() or sources.made_up_texts(16000, 17)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts)} texts, {megabytes:.2f} MB, median of {options.rounds} rounds, one thread")
    print(f"{'tokenizer':26}{'encode':>10}{'batch_fast':>12}{'incipit':>10}   MB/s"
          f"{'ratio':>8}")
    default_model = PROJECT / "models" / "smollm2-135m-instruct" / "tokenizer.json"
    names = options.pipelines or ["gpt2", "llama3", "qwen2", "llama2", "llama2_metaspace_first",
                                  "llama2_metaspace_always"]
    if not options.pipelines and default_model.exists():
        names.insert(0, "default model")
    slower = False
    with tempfile.TemporaryDirectory() as folder:
        texts_file = pathlib.Path(folder) / "texts.jsonl"
        texts_file.write_text("".join(json.dumps(text) + "\n" for text in texts))
        for name in names:
            path = default_model
            if name != "default model":
                path = pathlib.Path(folder) / f"{name}.json"
                corpus = texts[::3] + sources.made_up_texts(4000, 17)
                pipelines.build(name, corpus).save(str(path))
            times = measure(options.program, path, texts, texts_file, options.rounds)
            ratio = min(times["encode"], times["encode_batch_fast"]) / times["incipit"]
            slower = slower or ratio < 1
            print(f"{name:26}{megabytes / times['encode']:10.2f}"
                  f"{megabytes / times['encode_batch_fast']:12.2f}"
                  f"{megabytes / times['incipit']:10.2f}{ratio:15.1f}", flush=True)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
