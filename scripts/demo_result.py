#!/usr/bin/env python3
"""Reports whether the soft prompts of the demo are significantly better than text prompts.

    demo_result.py FIGURES SHORT_FIGURES

Both files come from `incipit report --json`: FIGURES compares the six methods, SHORT_FIGURES the
short prompt and the best zero-shot template. A prompt is significantly better if the 95 % interval
of its gain, by paired bootstrap on the test messages, is above 0.
"""
import json
import sys
from pathlib import Path


def gain(comparison, method, baseline):
    """Returns mean, low and high of the gain of one method over another."""
    place = {each["name"]: index for index, each in enumerate(comparison["methods"])}
    found = next(each for each in comparison["gains"]
                 if (each["of"], each["over"]) == (place[method], place[baseline]))
    return found["gain"], *found["gain_95"]


def is_better(comparison, method, baseline):
    """Prints the gain and returns whether its interval is above 0."""
    mean, low, high = (100 * value for value in gain(comparison, method, baseline))
    words = f"{method.replace('-prompt', ' prompt')} over {baseline}"
    print(f"  {words:<28} {mean:+5.1f} points, 95 %: {low:+.1f} to {high:+.1f}")
    return low > 0


def main():
    methods, short = (json.loads(Path(name).read_text(encoding="utf8"))["comparison"]
                      for name in sys.argv[1:3])
    print()
    passed = [is_better(methods, "soft-prompt", baseline) for baseline in ("zero-shot", "few-shot")]
    passed.append(is_better(short, "short-prompt", "zero-shot"))
    print("  The soft prompts are better: every interval is above 0." if all(passed) else
          "  Not shown: an interval reaches 0 or below, so a soft prompt may be no better.")


if __name__ == "__main__":
    main()
