#!/usr/bin/env python3
"""Compares projections of the same input as one matmul and as separate ones: CPU time, one thread.

    .venv/bin/python bench/projections.py

Uses 740 rows and the shapes of SmolLM2-135M: queries, keys, values; gate, up; and their gradients. Prints
how many times as long the separate matmuls take (docs/decisions/0004).
"""
import statistics
import time

import torch

ROWS, HIDDEN, WIDTHS = 740, 576, ([576, 192, 192], [1536, 1536])


def product(x, weight):
    """Returns x W^T as nn/matmul.cpp computes it."""
    if x.dtype != torch.float32:
        return x @ weight.t()
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


def ratio(dtype):
    x = torch.randn(ROWS, HIDDEN, dtype=dtype)
    groups = []
    for widths in WIDTHS:
        whole = torch.randn(sum(widths), HIDDEN, dtype=dtype)
        grad = torch.randn(ROWS, sum(widths), dtype=dtype)
        groups.append((whole, [w.contiguous() for w in whole.split(widths)],
                       grad, [g.contiguous() for g in grad.split(widths, 1)]))

    def together():
        for whole, _, grad, _ in groups:
            product(x, whole)
            product(grad, whole.t())

    def apart():
        for _, weights, _, grads in groups:
            for weight in weights:
                product(x, weight)
            total = product(grads[0], weights[0].t())
            for grad, weight in zip(grads[1:], weights[1:]):
                total.add_(product(grad, weight.t()))

    def seconds(work):
        start = time.process_time()
        work()
        return time.process_time() - start

    together(), apart()
    return statistics.median(seconds(apart) / seconds(together) for _ in range(31))


torch.set_num_threads(1)
for dtype in (torch.float32, torch.bfloat16):
    print(f"{str(dtype):15} apart / together {ratio(dtype):.3f}")
