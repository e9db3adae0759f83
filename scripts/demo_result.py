#!/usr/bin/env python3
"""Whether the soft prompt of the demo is surely better than prompts in words.

    demo_result.py FIGURES

FIGURES is what `incipit report --json` wrote. It passes when the 95 % intervals of its gain over the
best zero-shot wording and over few-shot, by paired bootstrap on the test messages, are above 0.
"""
import json
import sys
from pathlib import Path


def gain(comparison, method, baseline):
    """Mean, low and high of the gain of one method over another."""
    place = {each["name"]: index for index, each in enumerate(comparison["methods"])}
    found = next(each for each in comparison["gains"]
                 if (each["of"], each["over"]) == (place[method], place[baseline]))
    return found["gain"], *found["gain_95"]


def main():
    comparison = json.loads(Path(sys.argv[1]).read_text(encoding="utf8"))["comparison"]
    passed = True
    print()
    for baseline in ("zero-shot", "few-shot"):
        mean, low, high = (100 * value for value in gain(comparison, "soft-prompt", baseline))
        passed = passed and low > 0
        print(f"  soft prompt over {baseline:<9}  {mean:+5.1f} points, 95 %: {low:+.1f} to {high:+.1f}")
    print("  The soft prompt is better than both: neither interval holds 0." if passed else
          "  Not shown: an interval holds 0 or less, so the soft prompt may be no better.")


if __name__ == "__main__":
    main()
