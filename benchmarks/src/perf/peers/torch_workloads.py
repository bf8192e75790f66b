"""The workloads of `pnpm perf` in eager PyTorch, float32, on the CPU: the peer that the table compares with.

Usage: torch_workloads.py NAME --threads N --runs R      prints one JSON line like `pnpm perf NAME --json`.

Each workload does the same mathematics on the same shapes as its namesake in src/perf, written as the published
PyTorch codes write it (automatic differentiation throughout, the unrolled graph for the trajectory).
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

from torch_convolutions import CONVOLUTIONS
from torch_methods import METHODS
from torch_network import CLASSES, REAL, SYNTHETIC, apply, layerwise_cosine, parameter_gradient, parameters
from torch_recover import RECOVER

MOST_OF_MEMORY = 0.85

def train_step():
    theta = [p.requires_grad_() for p in parameters()]
    images, labels = torch.randn(256, 3, 32, 32), torch.arange(256) % CLASSES
    return lambda: torch.autograd.grad(F.cross_entropy(apply(theta, images)[0], labels), theta)


def attention_step():
    theta = parameters()
    real = torch.randn(CLASSES * REAL, 3, 32, 32)
    synthetic = torch.randn(CLASSES * SYNTHETIC, 3, 32, 32, requires_grad=True)

    def class_means(x):
        return x.reshape(CLASSES, -1, x.shape[-1]).mean(1)

    def features(images):
        _, embedding, maps = apply(theta, images)
        attention = [F.normalize(m.abs().sum(1).flatten(1), dim=1, eps=1e-12) for m in maps[:-1]]
        return [class_means(a) for a in attention], class_means(embedding)

    def run():
        with torch.no_grad():
            real_attention, real_embedding = features(real)
        attention, embedding = features(synthetic)
        sam = sum(((a - b) ** 2).sum() for a, b in zip(real_attention, attention))
        loss = 100 * sam + ((real_embedding - embedding) ** 2).sum()
        return torch.autograd.grad(loss, synthetic)

    return run


def gradient_step():
    theta = [p.requires_grad_() for p in parameters()]
    real, synthetic = torch.randn(REAL, 3, 32, 32), torch.randn(SYNTHETIC, 3, 32, 32, requires_grad=True)
    real_labels, labels = torch.zeros(REAL, dtype=torch.long), torch.zeros(SYNTHETIC, dtype=torch.long)

    def run():
        wanted = parameter_gradient(theta, real, real_labels)
        got = parameter_gradient(theta, synthetic, labels, create_graph=True)
        return torch.autograd.grad(layerwise_cosine(got, wanted), synthetic)

    return run


def trajectory_step(steps=10):
    start, target = parameters(), parameters()
    images = torch.randn(100, 3, 32, 32, requires_grad=True)
    labels = torch.arange(100) % CLASSES
    rate = torch.tensor(0.01, requires_grad=True)
    scale = sum(((a - b) ** 2).sum() for a, b in zip(start, target))

    def unroll(count):
        theta = [p.detach().requires_grad_() for p in start]
        for _ in range(count):
            gradients = parameter_gradient(theta, images, labels, create_graph=True)
            theta = [p - rate * g for p, g in zip(theta, gradients)]
        distance = sum(((a - b) ** 2).sum() for a, b in zip(theta, target)) / scale
        return torch.autograd.grad(distance, [images, rate])

    if steps > 10:
        check_memory(unroll, steps)
    return lambda: unroll(steps)


def check_memory(unroll, steps):
    """Leaves with the reason where the graph of so many steps would not fit, by how the peak grows from 5 steps to 10."""
    unroll(5)
    at_five = peak_bytes()
    unroll(10)
    at_ten = peak_bytes()
    needed = at_ten + (at_ten - at_five) / 5 * (steps - 10)
    present = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > MOST_OF_MEMORY * present:
        sys.exit(
            f"{steps} unrolled steps would need about {needed / 1e9:.0f} GB "
            f"({at_ten / 1e9:.1f} GB were measured at 10); this machine has {present / 1e9:.0f} GB"
        )


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


WORKLOADS = {
    "train-step": train_step,
    "attention-step": attention_step,
    "gradient-step": gradient_step,
    "trajectory-step": trajectory_step,
    "trajectory-step-30": lambda: trajectory_step(30),
    "trajectory-step-60": lambda: trajectory_step(60),
    **CONVOLUTIONS,
    **METHODS,
    **RECOVER,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=WORKLOADS)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    on_card = options.device == "cuda"
    if on_card:
        torch.set_default_device("cuda")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    finish = torch.cuda.synchronize if on_card else lambda: None
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    run = WORKLOADS[options.name]()
    result = run()
    seconds, processor = [], []
    for _ in range(options.runs):
        finish()
        begin, busy = time.perf_counter(), time.process_time()
        run()
        finish()
        seconds.append(time.perf_counter() - begin)
        processor.append(time.process_time() - busy)
    line = {
        "name": options.name,
        "seconds": statistics.median(seconds),
        "processorSeconds": statistics.median(processor),
        "peakBytes": peak_bytes(),
    }
    if isinstance(result, float):
        line["result"] = result
    if on_card:
        line["peakDeviceBytes"] = torch.cuda.max_memory_allocated()
    print(json.dumps({**line, "backend": f"pytorch {torch.__version__}", "precision": "highest", "threads": options.threads}))


if __name__ == "__main__":
    main()
