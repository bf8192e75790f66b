"""The four workloads of `pnpm perf` in eager PyTorch, float32, on the CPU: the peer that the table compares with.

Usage: torch_workloads.py NAME --threads N --runs R      prints one JSON line like `pnpm perf NAME --json`.

Each workload does the same mathematics on the same shapes as its namesake in src/perf, written as the published
PyTorch codes write it (automatic differentiation throughout, the unrolled graph for the trajectory).
"""

import argparse
import json
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

CLASSES, REAL, SYNTHETIC, WIDTH = 10, 128, 10, 128


def parameters():
    """ConvNet-3, width 128, instance norm, on 32x32x3, ten classes: 320,010 parameters."""
    shapes, inputs = [], 3
    for _ in range(3):
        shapes += [(WIDTH, inputs, 3, 3), (WIDTH,), (WIDTH,), (WIDTH,)]
        inputs = WIDTH
    shapes += [(CLASSES, WIDTH * 16), (CLASSES,)]
    values = []
    for index, shape in enumerate(shapes):
        if len(shape) > 1:
            bound = 1 / float(torch.tensor(shape[1:]).prod()) ** 0.5
            values.append(torch.empty(shape).uniform_(-bound, bound))
        else:
            norm_scale = index < 12 and index % 4 == 2
            values.append(torch.ones(shape) if norm_scale else torch.zeros(shape))
    return values


def apply(theta, images):
    x, maps = images, []
    for block in range(3):
        filters, bias, gamma, beta = theta[4 * block : 4 * block + 4]
        x = F.relu(F.group_norm(F.conv2d(x, filters, bias, padding=1), WIDTH, gamma, beta))
        maps.append(x)
        x = F.avg_pool2d(x, 2)
    embedding = x.flatten(1)
    return F.linear(embedding, theta[12], theta[13]), embedding, maps


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
        wanted = torch.autograd.grad(F.cross_entropy(apply(theta, real)[0], real_labels), theta)
        got = torch.autograd.grad(F.cross_entropy(apply(theta, synthetic)[0], labels), theta, create_graph=True)
        distance = 0
        for a, b in zip(got, wanted):
            if a.dim() > 1:
                a, b = a.flatten(1), b.flatten(1)
                cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-6)
                distance = distance + (1 - cosine).sum()
        return torch.autograd.grad(distance, synthetic)

    return run


def trajectory_step():
    start, target = parameters(), parameters()
    images = torch.randn(100, 3, 32, 32, requires_grad=True)
    labels = torch.arange(100) % CLASSES
    rate = torch.tensor(0.01, requires_grad=True)
    scale = sum(((a - b) ** 2).sum() for a, b in zip(start, target))

    def run():
        theta = [p.detach().requires_grad_() for p in start]
        for _ in range(10):
            loss = F.cross_entropy(apply(theta, images)[0], labels)
            gradients = torch.autograd.grad(loss, theta, create_graph=True)
            theta = [p - rate * g for p, g in zip(theta, gradients)]
        distance = sum(((a - b) ** 2).sum() for a, b in zip(theta, target)) / scale
        return torch.autograd.grad(distance, [images, rate])

    return run


WORKLOADS = {
    "train-step": train_step,
    "attention-step": attention_step,
    "gradient-step": gradient_step,
    "trajectory-step": trajectory_step,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=WORKLOADS)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    run = WORKLOADS[options.name]()
    run()
    seconds = []
    for _ in range(options.runs):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    line = {"name": options.name, "seconds": statistics.median(seconds), "peakBytes": peak}
    print(json.dumps({**line, "backend": f"pytorch {torch.__version__}", "precision": "highest", "threads": options.threads}))


if __name__ == "__main__":
    main()
