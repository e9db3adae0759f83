"""Compares the losses or scores of two sides."""
import statistics


def flatten(value):
    if isinstance(value, list):
        for element in value:
            yield from flatten(element)
    else:
        yield value


def disagreement(expected, found, dtype):
    """Returns the largest relative difference; in bfloat16 the relative difference of the means."""
    if len(expected) != len(found):
        return float("inf")
    if dtype == "bfloat16":
        expected, found = [statistics.fmean(expected)], [statistics.fmean(found)]
    return max(abs(x - y) / max(abs(x), 1e-3) for x, y in zip(expected, found))
