"""One iteration of SRe2L in eager PyTorch on the numbers of src/perf/recover-step.ts: hooks on every batch normalisation, as the
published code has them, Adam on the pixels, the clamp. The teacher is in evaluation mode.

`python3 torch_recover.py > ../../../fixtures/pytorch/recover-step.json` records losses of small sizes in float64, which a test holds ours
against.
"""

import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

THETA, MEAN, VARIANCE, IMAGES = 1, 2, 3, 4
ALPHA, FIRST, RATE, ITERATIONS = 0.01, 10, 0.25, 1000
MASK = 0xFFFFFFFF


def draws(count, stream):
    """Numbers in [0, 1), those of src/perf/fixed-draws.ts."""
    x = (torch.arange(count, dtype=torch.int64) * 0x9E3779B1 + stream * 0x85EBCA77) & MASK
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & MASK
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & MASK
    x = x ^ (x >> 16)
    return x.to(torch.float64) / 2**32


class Block(nn.Module):
    """Two 3x3 convolutions around a shortcut: a 1x1 convolution where the shape changes, or every second pixel and channels of zeros."""

    def __init__(self, inputs, filters, stride, padded):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        changes = stride != 1 or inputs != filters
        self.padding = (filters - inputs) // 2 if changes and padded else None
        if changes and not padded:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))
        else:
            self.downsample = None

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.padding is not None:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding))
        elif self.downsample is not None:
            x = self.downsample(x)
        return F.relu(y + x)


class ResNet(nn.Module):
    """`resnet18`: four stages of two blocks, 3x3 stem. `resnet20`: three stages of three blocks with parameter-free shortcuts."""

    def __init__(self, kind, width, classes):
        super().__init__()
        stages, blocks = (3, 3) if kind == "resnet20" else (4, 2)
        self.conv = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        body, inputs = [], width
        for stage in range(stages):
            for block in range(blocks):
                filters = width << stage
                body.append(Block(inputs, filters, 2 if stage > 0 and block == 0 else 1, kind == "resnet20"))
                inputs = filters
        self.body = nn.Sequential(*body)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.body(F.relu(self.bn(self.conv(x))))
        return self.head(x.mean((2, 3)))


def fill(network):
    """Parameters in the order and the layout of Limbeck's vector (filters [kh, kw, in, out], weights [in, out])."""
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))]
    values = draws(sum(p.numel() for p in network.parameters()), THETA)
    at = 0

    def take(tensor, shape, order, change):
        nonlocal at
        part = change(values[at : at + tensor.numel()]).reshape(shape).permute(order)
        at += tensor.numel()
        tensor.data.copy_(part.float())

    channels = sum(m.num_features for m in layers if isinstance(m, nn.BatchNorm2d))
    means, variances, channel = draws(channels, MEAN), draws(channels, VARIANCE), 0
    for m in layers:
        if isinstance(m, nn.BatchNorm2d):
            take(m.weight, [m.num_features], [0], lambda u: 1 + (u - 0.5) / 2)
            take(m.bias, [m.num_features], [0], lambda u: (u - 0.5) / 2)
            own = slice(channel, channel + m.num_features)
            m.running_mean.copy_(((means[own] - 0.5) / 2).float())
            m.running_var.copy_((0.5 + variances[own]).float())
            channel += m.num_features
            continue
        bound = 1 / math.sqrt(m.weight[0].numel())
        uniform = lambda u: bound * (2 * u - 1)
        if isinstance(m, nn.Conv2d):
            o, i, kh, kw = m.weight.shape
            take(m.weight, [kh, kw, i, o], [3, 2, 0, 1], uniform)
        else:
            take(m.weight, [m.in_features, m.out_features], [1, 0], uniform)
            take(m.bias, [m.out_features], [0], uniform)
    return network.eval().requires_grad_(False)


def recovery(kind, width, side, classes, batch, dtype=torch.float32, device="cpu"):
    """A function that does the next iteration and returns its loss, and one that goes back to the start."""
    network = fill(ResNet(kind, width, classes).to(dtype)).to(device)
    pixels = (4 * draws(batch * side * side * 3, IMAGES) - 2).float().to(dtype)
    start = pixels.reshape(batch, side, side, 3).permute(0, 3, 1, 2).contiguous().to(device)
    images = start.clone().requires_grad_()
    labels = (torch.arange(batch) % classes).to(device)
    distances = []

    def hook(module, inputs, _):
        (x,) = inputs
        mean = x.mean((0, 2, 3))
        variance = x.permute(1, 0, 2, 3).reshape(x.shape[1], -1).var(1, unbiased=False)
        distances.append(torch.norm(module.running_var - variance, 2) + torch.norm(module.running_mean - mean, 2))

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(hook)
    state = {"t": 0}

    def restart():
        state["t"] = 0
        with torch.no_grad():
            images.copy_(start)
        state["optimiser"] = torch.optim.Adam([images], lr=RATE, betas=(0.5, 0.9), eps=1e-8)

    def step():
        optimiser = state["optimiser"]
        for group in optimiser.param_groups:
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * state["t"] / ITERATIONS))
        distances.clear()
        optimiser.zero_grad()
        loss = F.cross_entropy(network(images), labels) + ALPHA * (FIRST * distances[0] + sum(distances[1:]))
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            images.clamp_(-2, 2)
        state["t"] += 1
        return float(loss)

    restart()
    return step, restart


def recover_step(kind, width):
    step, restart = recovery(kind, width, side=32, classes=10, batch=100, device=torch.empty(0).device)

    def run():
        restart()
        return step()

    return run


RECOVER = {
    "recover-step": lambda: recover_step("resnet18", 64),
    "recover-step-resnet20": lambda: recover_step("resnet20", 16),
}


def main():
    sizes = [("resnet18", 4, 16, 3, 6), ("resnet18", 64, 32, 10, 2), ("resnet20", 16, 32, 10, 5)]
    lines = []
    for kind, width, side, classes, batch in sizes:
        step, _ = recovery(kind, width, side, classes, batch, dtype=torch.float64)
        usual = {"resnet18": 64, "resnet20": 16}[kind]
        name = kind + ("" if width == usual else f"-w{width}") + ("-batch" if kind == "resnet18" else "")
        lines.append(
            {"network": name, "side": side, "classes": classes, "batch": batch, "losses": [step() for _ in range(3)]}
        )
    print(json.dumps(lines, indent=2))


if __name__ == "__main__":
    main()
