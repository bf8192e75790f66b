"""What all PyTorch peers share: the network, and the gradients of its loss."""

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


def parameter_gradient(theta, images, labels, create_graph=False):
    loss = F.cross_entropy(apply(theta, images)[0], labels)
    return torch.autograd.grad(loss, theta, create_graph=create_graph)


def layerwise_cosine(got, wanted):
    """DC's distance: 1 - cosine, summed over the output units of every layer; vectors are skipped."""
    distance = 0
    for a, b in zip(got, wanted):
        if a.dim() > 1:
            a, b = a.flatten(1), b.flatten(1)
            cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-6)
            distance = distance + (1 - cosine).sum()
    return distance
