"""The three products of src/perf/convolutions.ts in PyTorch, on the same numbers."""

import torch
import torch.nn.functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

from torch_recover import draws

IMAGES, FILTER = (64, 16, 16, 128), (3, 3, 128, 128)
STREAMS = {"images": (1, IMAGES), "filter": (2, FILTER), "gradient": (3, IMAGES)}


def drawn(name):
    """Numbers in [-1, 1): images [N, C, H, W] and filters [O, C, kh, kw], drawn in the order of [N, H, W, C] and [kh, kw, C, O]."""
    stream, shape = STREAMS[name]
    count = shape[0] * shape[1] * shape[2] * shape[3]
    numbers = (2 * draws(count, stream) - 1).float().reshape(shape)
    return numbers.permute((3, 2, 0, 1) if name == "filter" else (0, 3, 1, 2)).contiguous()


def product(first, second, compute):
    a, b = drawn(first), drawn(second)
    return lambda: float(compute(a, b).square().mean().sqrt())


def shape_of(name):
    n = STREAMS[name][1]
    return (n[3], n[2], n[0], n[1]) if name == "filter" else (n[0], n[3], n[1], n[2])


CONVOLUTIONS = {
    "convolution": lambda: product("images", "filter", lambda x, w: F.conv2d(x, w, padding=1)),
    "convolution-in-input": lambda: product(
        "gradient", "filter", lambda dy, w: conv2d_input(shape_of("images"), w, dy, padding=1)
    ),
    "convolution-in-filter": lambda: product(
        "images", "gradient", lambda x, dy: conv2d_weight(x, shape_of("filter"), dy, padding=1)
    ),
}
