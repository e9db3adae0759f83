#!/usr/bin/env python3
"""Compares routes of a float32 matmul with a frozen weight: ATen's mm (MKL) and libtorch's oneDNN.

    .venv/bin/python bench/matmul.py

Uses two threads and the four weights of a block of SmolLM2-135M. For each number of rows, prints the time
of mm divided by that of oneDNN, for three matmuls: `plain`, x W^T (oneDNN computes x W^T); `swapped`, the
same (oneDNN computes (W x^T)^T); and `gradient`, g W. nn/matmul.cpp chooses by these figures.
"""
import statistics
import time

import torch

WEIGHTS = ((960, 576), (576, 576), (3072, 576), (576, 1536))
ROWS = (1, 4, 8, 15, 16, 32, 64, 80, 95, 96, 256, 1024, 2048)


def one_dnn(x, weight):
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


ROUTES = {
    "plain": (lambda x, g, w: torch.mm(x, w.t()), lambda x, g, w: one_dnn(x, w)),
    "swapped": (lambda x, g, w: torch.mm(x, w.t()), lambda x, g, w: one_dnn(w, x).t().contiguous()),
    "gradient": (lambda x, g, w: torch.mm(g, w), lambda x, g, w: one_dnn(g, w.t())),
}


def seconds(product, operands):
    start = time.perf_counter()
    for x, g, w in operands:
        product(x, g, w)
    return time.perf_counter() - start


def ratio(routes, rows):
    operands = [(torch.randn(rows, w.size(1)), torch.randn(rows, w.size(0)), w)
                for w in (torch.randn(shape) for shape in WEIGHTS)]
    for product in routes:
        seconds(product, operands)
    return statistics.median(seconds(routes[0], operands) / seconds(routes[1], operands)
                             for _ in range(31))


torch.set_num_threads(2)
print("rows  " + "  ".join(f"{name:>8}" for name in ROUTES))
for rows in ROWS:
    print(f"{rows:4}  " + "  ".join(f"{ratio(routes, rows):8.2f}" for routes in ROUTES.values()))
