#!/usr/bin/env python3
"""Times the matmuls of a model's layers, without any other work. Speaks the protocol of ../vs_peft.

{"command": "load", "shape": NAME, "dtype": …, "device": …} makes random weights.
{"command": "matmuls", "rows": [n, …], "backward": true | false} answers {"seconds": [x, …]}: for each n, the time of
the matmuls of all layers with n rows, forward and for the gradients of the activations.
"""
import statistics
import sys
import time
from pathlib import Path

import torch
from shapes import SHAPES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vs_peft"))
from worker_loop import serve  # noqa: E402

REPEATS = 2


class Worker:
    def load(self, request):
        self.device = torch.device(request["device"])
        self.dtype = getattr(torch, request["dtype"])
        shape = SHAPES[request["shape"]]
        self.products = shape.products()
        self.layers = [{name: self.random(*size) for name, size in self.products.items()}
                       for _ in range(shape.layers)]
        return {}

    def random(self, rows, columns):
        return torch.randn(rows, columns, dtype=self.dtype, device=self.device)

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, inputs, gradients):
        self.wait()
        start = time.perf_counter()
        for layer in self.layers:
            for name, weight in layer.items():
                inputs[name] @ weight.t()
        if gradients:
            for layer in reversed(self.layers):
                for name, weight in layer.items():
                    gradients[name] @ weight
        self.wait()
        return time.perf_counter() - start

    def matmuls(self, request):
        times = []
        for rows in request["rows"]:
            inputs = {name: self.random(rows, size[1]) for name, size in self.products.items()}
            gradients = {name: self.random(rows, size[0])
                         for name, size in self.products.items()} if request["backward"] else {}
            self.seconds(inputs, gradients)  # warm-up
            times.append(statistics.fmean(self.seconds(inputs, gradients)
                                           for _ in range(REPEATS)))
        return {"seconds": times}


if __name__ == "__main__":
    worker = Worker()
    serve({"load": worker.load, "matmuls": worker.matmuls})
