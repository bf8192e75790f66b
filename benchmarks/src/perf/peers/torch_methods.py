"""One iteration of every attention-matching method in eager PyTorch: the settings of src/perf/method-iteration.ts, number by number,
the mathematics as the published codes write it (per class, automatic differentiation throughout), on random images."""

import random

import torch
import torch.nn.functional as F

from torch_network import CLASSES, REAL, SYNTHETIC, apply, layerwise_cosine, parameter_gradient, parameters

PER_CLASS, POWER, FREQUENCIES = 2 * REAL, 4, 4096
STRATEGY = ("color", "crop", "cutout", "flip", "scale", "rotate")


def images(count):
    return torch.randn(count, 3, 32, 32)


def labels(count, label):
    return torch.full((count,), label, dtype=torch.long)


class Data:
    """Random real images, and stored ones that are optimised by SGD with momentum 0.5."""

    def __init__(self):
        self.real = images(CLASSES * PER_CLASS)
        self.stored = images(CLASSES * SYNTHETIC).requires_grad_()
        self.optimiser = torch.optim.SGD([self.stored], lr=0.1, momentum=0.5)

    def real_batch(self, count=REAL):
        return self.real[torch.randperm(len(self.real))[:count]]

    def stored_of(self, label, factor=1):
        own = self.stored[label * SYNTHETIC : (label + 1) * SYNTHETIC]
        return own if factor == 1 else decode(own, factor)

    def step(self, loss):
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


def decode(stored, factor):
    """Multi-formation: every tile of a stored image, enlarged to its size."""
    side = 32 // factor
    tiles = [stored[:, :, i : i + side, j : j + side] for i in range(0, 32, side) for j in range(0, 32, side)]
    return F.interpolate(torch.cat(tiles), size=32, mode="bilinear", align_corners=False)


def sgd(theta, gradients, rate, momentum=None, decay=0.0):
    """Updates in place; `momentum` is the list of buffers."""
    with torch.no_grad():
        for i, (p, g) in enumerate(zip(theta, gradients)):
            g = g + decay * p
            if momentum is not None:
                momentum[i].mul_(0.9).add_(g)
                g = momentum[i]
            p.sub_(rate * g)


# ---- differentiable siamese augmentation -----------------------------------------------------------------------------------


def affine(x, matrix):
    theta = torch.tensor(matrix, dtype=x.dtype).expand(len(x), 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=True), align_corners=True)


def augment(x, each=False):
    """One of the six transformations, the same for the batch; with `each`, parameters image by image where they differ by image."""
    kind, u, v = random.choice(STRATEGY), random.random(), random.random()
    draw = (lambda: torch.rand(len(x), 1, 1, 1)) if each else (lambda: torch.tensor(u).reshape(1, 1, 1, 1))
    if kind == "color":
        x = x + (draw() - 0.5)
        mean = x.mean(1, keepdim=True)
        x = (x - mean) * (draw() * 2) + mean
        mean = x.mean((1, 2, 3), keepdim=True)
        return (x - mean) * (draw() + 0.5) + mean
    if kind == "crop":
        i, j = int(u * 9), int(v * 9)
        return F.pad(x, (4, 4, 4, 4))[:, :, i : i + 32, j : j + 32]
    if kind == "cutout":
        mask = torch.ones(1, 1, 32, 32)
        i, j = int(u * 17), int(v * 17)
        mask[:, :, i : i + 16, j : j + 16] = 0
        return x * mask
    if kind == "flip":
        return x.flip(3) if u < 0.5 else x
    if kind == "scale":
        return affine(x, [[0.8 + 0.4 * u, 0, 0], [0, 0.8 + 0.4 * v, 0]])
    angle = torch.tensor((u - 0.5) * 0.5)
    c, s = float(torch.cos(angle)), float(torch.sin(angle))
    return affine(x, [[c, -s, 0], [s, c, 0]])


# ---- gradient matching ---------------------------------------------------------------------------------------------------


def siamese(real, synthetic, augmented):
    if not augmented:
        return real, synthetic
    state = random.getstate()
    real = augment(real)
    random.setstate(state)
    return real, augment(synthetic)


def gradient_matching(augmented):
    data, start = Data(), parameters()

    def run():
        theta = [p.clone().requires_grad_() for p in start]
        loss = 0
        for label in range(CLASSES):
            real, synthetic = siamese(data.real_batch(), data.stored_of(label), augmented)
            wanted = parameter_gradient(theta, real, labels(REAL, label))
            got = parameter_gradient(theta, synthetic, labels(SYNTHETIC, label), create_graph=True)
            loss = loss + layerwise_cosine(got, wanted)
        data.step(loss)
        batch = data.stored.detach()
        batch = augment(batch, each=True) if augmented else batch
        targets = torch.arange(CLASSES).repeat_interleave(SYNTHETIC)
        sgd(theta, parameter_gradient(theta, batch, targets), 0.01)

    return run


def idc():
    data, start = Data(), parameters()

    def run():
        theta = [p.clone().requires_grad_() for p in start]
        buffers = [torch.zeros_like(p) for p in theta]
        for label in range(CLASSES):
            wanted = parameter_gradient(theta, data.real_batch(), labels(REAL, label))
            synthetic = data.stored_of(label, factor=2)
            got = parameter_gradient(theta, synthetic, labels(len(synthetic), label), create_graph=True)
            data.step(sum(((a - b) ** 2).sum() for a, b in zip(got, wanted) if a.dim() == 4))
        for _ in range(4):
            targets = torch.randint(CLASSES, (128,))
            sgd(theta, parameter_gradient(theta, data.real_batch(128), targets), 0.01, buffers, 5e-4)

    return run


# ---- distribution and attention matching ----------------------------------------------------------------------------------------


def embedding_mean(output):
    return [output[1].mean(0)]


def attention_means(channels):
    def features(output):
        _, embedding, maps = output
        found = [embedding.mean(0)]
        for activation in maps[:-1]:
            size = activation.abs() ** POWER
            for sums in [size.sum(1).flatten(1)] + ([size.sum((2, 3))] if channels else []):
                found.append(F.normalize(sums, dim=1, eps=1e-12).mean(0))
        return found

    return features


def distribution_matching(features):
    data = Data()

    def run():
        theta = parameters()
        loss = 0
        for label in range(CLASSES):
            with torch.no_grad():
                wanted = features(apply(theta, data.real_batch()))
            got = features(apply(theta, data.stored_of(label)))
            loss = loss + sum(((a - b) ** 2).sum() for a, b in zip(got, wanted))
        data.step(loss)

    return run


def idm():
    data = Data()
    queue = [[p.requires_grad_() for p in parameters()] for _ in range(3)]
    buffers = [[torch.zeros_like(p) for p in theta] for theta in queue]

    def run():
        frozen = [p.detach() for p in queue[0]]
        loss = 0
        for label in range(CLASSES):
            with torch.no_grad():
                wanted = apply(frozen, data.real_batch())[1].mean(0)
            synthetic = data.stored_of(label, factor=2)
            logits, embedding, _ = apply(frozen, synthetic)
            loss = loss + ((wanted - embedding.mean(0)) ** 2).sum()
            loss = loss + 0.5 * F.cross_entropy(logits, labels(len(synthetic), label))
        data.step(loss)
        for theta, own in list(zip(queue, buffers))[1:]:
            targets = torch.randint(CLASSES, (256,))
            sgd(theta, parameter_gradient(theta, data.real_batch(256), targets), 0.01, own, 5e-4)

    return run


def ncfm():
    data, initial, trained = Data(), parameters(), parameters()
    data.optimiser = torch.optim.AdamW([data.stored], lr=1e-3, weight_decay=0)

    def characteristic(rows, frequencies):
        angles = rows @ frequencies.T
        return angles.cos().mean(0), angles.sin().mean(0)

    def run():
        share = random.random()
        theta = [share * a + (1 - share) * b for a, b in zip(initial, trained)]
        loss = 0
        for label in range(CLASSES):
            frequencies = torch.randn(FREQUENCIES, 2048)
            with torch.no_grad():
                real = F.normalize(apply(theta, data.real_batch())[1])
            synthetic = F.normalize(apply(theta, data.stored_of(label, factor=2))[1])
            (ar, ai), (br, bi) = characteristic(real, frequencies), characteristic(synthetic, frequencies)
            a, b = (ar**2 + ai**2 + 1e-12).sqrt(), (br**2 + bi**2 + 1e-12).sqrt()
            phase = (2 * (a * b - ar * br - ai * bi)).clamp(min=0)
            loss = loss + 300 * (0.5 * (a - b) ** 2 + 0.5 * phase + 1e-12).sqrt().mean()
        data.step(loss)
        loss = 0
        for label in range(CLASSES):
            synthetic = data.stored_of(label, factor=2)
            loss = loss + F.cross_entropy(apply(trained, synthetic)[0], labels(len(synthetic), label))
        data.step(loss)

    return run


METHODS = {
    "dc-iteration": lambda: gradient_matching(False),
    "dsa-iteration": lambda: gradient_matching(True),
    "dm-iteration": lambda: distribution_matching(embedding_mean),
    "datadam-iteration": lambda: distribution_matching(attention_means(False)),
    "atom-iteration": lambda: distribution_matching(attention_means(True)),
    "idc-iteration": idc,
    "idm-iteration": idm,
    "ncfm-iteration": ncfm,
}
