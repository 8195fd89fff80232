"""Small networks with the tricks that other people's networks have, to be drawn at random: layers, heads, and roots.

Every layer maps [n, 4, H, W] to [n, 4, H', W'], a head maps that to logits [n, 3]. A layer is a function(random
generator) that makes a module.
"""

import threading

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

CHANNELS, SIDE = 4, 12


class Does(nn.Module):
    """A module that does what a function(self, x) says, with parts and constants of its own."""

    def __init__(self, function, constant=None, **parts):
        super().__init__()
        self.function = function
        self.register_buffer("constant", constant)
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def conv():
    return nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)


def hooked(part, hook):
    part.register_forward_hook(hook)
    return part


def watched_before(part, hook):
    part.register_forward_pre_hook(hook)
    return part


def writes(part, inputs, output):
    output.mul_(2)


def writes_before(part, inputs):
    inputs[0].mul_(2)


def pruned():
    part = conv()
    prune.random_unstructured(part, "weight", 0.5)
    return part


def own_forward(part):
    forward = part.forward
    part.forward = lambda x: 2 * forward(x)
    return part


def norm(**settings):
    part = nn.BatchNorm2d(CHANNELS, **settings)
    if part.running_mean is not None:
        part.running_mean.uniform_(-0.3, 0.3)
        part.running_var.uniform_(0.5, 2)
    return part


def excited(self, x):
    return x * torch.sigmoid(self.part(x.mean((2, 3)))).view(x.size(0), -1, 1, 1)


def overwritten_copy(self, x):
    y = x.contiguous()
    y.mul_(2)
    return x


def overwritten_channels(self, x):
    x = x * 1
    x[:, :2].mul_(3)
    return x


def overwritten_rows(self, x):
    x = x + 0
    x.view(x.size(0), -1).mul_(0.5)
    return x


def overwritten_half(self, x):
    x = x + 0
    first, _ = x.chunk(2, 1)
    first.add_(1)
    return x


def augmented(self, x):
    y = self.part(x)
    y += x
    y *= 0.5
    return y


def rectified_in_place(self, x):
    y = self.part(x)
    return F.relu(y, True) + y


def other_branch_for_proxies(self, x):
    return x * 2 if isinstance(x, torch.fx.Proxy) else x


def decided_by_values(self, x):
    return self.part(x) if float(x.mean()) > 0.3 else x


def decided_by_batch(self, x):
    return x if len(x) == 1 else x * 2


def per_image_constant(shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(7))


WEIGHTS = {
    "weight norm": lambda: parametrizations.weight_norm(conv()),
    "old weight norm": lambda: weight_norm(conv()),
    "spectral norm": lambda: parametrizations.spectral_norm(conv()),
    "old spectral norm": lambda: spectral_norm(conv()),
    "pruned": pruned,
}
LAYERS = {
    "conv": conv,
    "conv, norm, rectifier": lambda: nn.Sequential(conv(), norm(), nn.ReLU(inplace=True)),
    "strided": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2, padding=1),
    "max pool": lambda: nn.MaxPool2d(3, 1, 1),
    "average pool": lambda: nn.AvgPool2d(2),
    "rectifier": lambda: nn.ReLU(inplace=True),
    **WEIGHTS,
    **{f"{name} and norm": lambda make=make: nn.Sequential(make(), norm()) for name, make in WEIGHTS.items()},
    "hook on a conv": lambda: hooked(conv(), lambda part, inputs, output: 2 * output),
    "hook that writes": lambda: hooked(conv(), writes),
    "hook that looks": lambda: hooked(conv(), lambda part, inputs, output: None),
    "pre-hook on a conv": lambda: watched_before(conv(), lambda part, inputs: (inputs[0] - 0.5,)),
    "pre-hook that writes": lambda: watched_before(conv(), writes_before),
    "hook on a pool": lambda: hooked(nn.MaxPool2d(2), lambda part, inputs, output: output**2),
    "hook on a rectifier": lambda: hooked(nn.ReLU(), lambda part, inputs, output: output - 0.1),
    "hook on a norm": lambda: nn.Sequential(conv(), hooked(norm(), lambda part, inputs, output: 2 * output)),
    "hook on a block": lambda: hooked(
        nn.Sequential(conv(), nn.ReLU()), lambda part, inputs, output: (output + 0.1).sqrt()
    ),
    "own forward": lambda: own_forward(conv()),
    "compiled": lambda: torch.jit.script(nn.Sequential(conv(), nn.ReLU())),
    "residual": lambda: Does(lambda self, x: x + self.part(x), part=conv()),
    "dense block": lambda: Does(
        lambda self, x: self.join(torch.cat([x, self.part(x)], 1)),
        part=conv(),
        join=nn.Conv2d(2 * CHANNELS, CHANNELS, 1),
    ),
    "squeeze and excitation": lambda: Does(excited, part=nn.Linear(CHANNELS, CHANNELS)),
    "same module twice": lambda: Does(lambda self, x: self.part(self.part(x)), part=nn.Sequential(conv(), norm())),
    "view and back": lambda: Does(lambda self, x: x.view(x.size(0), -1).view(x.size())),
    "channels last": lambda: Does(
        lambda self, x: self.part(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), part=nn.Linear(CHANNELS, CHANNELS)
    ),
    "linear by name": lambda: Does(
        lambda self, x: F.linear(input=x.permute(0, 2, 3, 1), weight=self.constant).permute(0, 3, 1, 2),
        per_image_constant((CHANNELS, CHANNELS)),
    ),
    "pad by name": lambda: Does(lambda self, x: F.pad(x, pad=(1, 0, 2, 1))),
    "overwritten copy": lambda: Does(overwritten_copy),
    "overwritten channels": lambda: Does(overwritten_channels),
    "overwritten rows": lambda: Does(overwritten_rows),
    "overwritten half": lambda: Does(overwritten_half),
    "augmented": lambda: Does(augmented, part=conv()),
    "rectified in place": lambda: Does(rectified_in_place, part=conv()),
    "a constant per channel": lambda: Does(lambda self, x: x * self.constant, per_image_constant((1, CHANNELS, 1, 1))),
    "a constant per column": lambda: Does(lambda self, x: x[..., :1] + x * 0 + self.constant, torch.tensor(0.5)),
    "clamped": lambda: Does(lambda self, x: x.clamp(-0.2, 0.4)),
    "own largest": lambda: Does(lambda self, x: x / (1 + x.abs().amax((1, 2, 3)).view(-1, 1, 1, 1))),
    "own norm": lambda: nn.GroupNorm(2, CHANNELS),
    "enlarged": lambda: nn.Upsample(scale_factor=2),
    "transposed": lambda: nn.ConvTranspose2d(CHANNELS, CHANNELS, 2, stride=2),
    "rolled": lambda: Does(lambda self, x: x.roll(1, 2)),
    "attention": lambda: Does(lambda self, x: x * x.softmax(1)),
    "transposed axes": lambda: Does(lambda self, x: x.transpose(2, 3).contiguous()),
    "chosen": lambda: Does(lambda self, x: torch.where(x > 0.1, x, 0.5 * x)),
    # From here on the batch is mixed, or Python decides.
    "norm of the batch": lambda: norm(track_running_stats=False),
    "largest of the batch": lambda: Does(lambda self, x: x / (1 + x.abs().max())),
    "largest, kept": lambda: Does(lambda self, x: x / (1 + x.abs().amax((0, 1, 2, 3), keepdim=True))),
    "less the batch's mean": lambda: Does(lambda self, x: x + 0.5 * x.mean(0, keepdim=True)),
    "less the first": lambda: Does(lambda self, x: x - 0.5 * x[:1]),
    "less the last": lambda: Does(lambda self, x: x - 0.5 * x[-1:]),
    "other branch for proxies": lambda: Does(other_branch_for_proxies),
    "decided by values": lambda: Does(decided_by_values, part=conv()),
    "decided by the batch": lambda: Does(decided_by_batch),
}


def view_all(self, x):
    return self.last(x.view(x.size(0), -1))


def two_heads(self, x):
    return self.last(x.flatten(1)) + self.value(x.flatten(1))


HEADS = {
    "pool, flatten, linear": lambda size: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear(CHANNELS)),
    "hook on flatten": lambda size: nn.Sequential(
        nn.AdaptiveAvgPool2d(2), hooked(nn.Flatten(), lambda part, inputs, output: output**2), linear(4 * CHANNELS)
    ),
    "hook on linear": lambda size: nn.Sequential(
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), hooked(linear(4 * CHANNELS), lambda part, inputs, output: output**2)
    ),
    "weight norm": lambda size: nn.Sequential(nn.Flatten(), parametrizations.weight_norm(linear(size))),
    "hidden": lambda size: nn.Sequential(
        nn.Flatten(), nn.Linear(size, 5), nn.ReLU(inplace=True), nn.Dropout(), linear(5)
    ),
    "view": lambda size: Does(view_all, last=linear(size)),
    "mean": lambda size: Does(lambda self, x: self.last(x.mean([-1, -2])), last=linear(CHANNELS)),
    "squeezed": lambda size: Does(
        lambda self, x: self.last(F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1)), last=linear(CHANNELS)
    ),
    "two heads": lambda size: Does(two_heads, last=linear(size), value=nn.Linear(size, 1)),
    "best of the map": lambda size: Does(lambda self, x: self.last(x.amax((2, 3))), last=linear(CHANNELS)),
    "for one image": lambda size: Does(
        lambda self, x: self.last(x.mean((2, 3)).view(1, CHANNELS)), last=linear(CHANNELS)
    ),
    "for one image, flattened": lambda size: Does(lambda self, x: self.last(x.reshape(1, -1)), last=linear(size)),
    "softmax over the batch": lambda size: Does(
        lambda self, x: self.last(x.mean((2, 3)).softmax(0) + x.mean((2, 3))), last=linear(CHANNELS)
    ),
}


def linear(features):
    return nn.Linear(features, 3)


def locked(net):
    net.lock = threading.Lock()
    return net


A_MAP = per_image_constant((1, 3, SIDE, SIDE + 2))


def beside_a_map(self, x):
    return self.net(self.join(torch.cat([x, self.constant], 1)))


def beside_a_map_each(self, x):
    return self.net(self.join(torch.cat([self.constant.expand(x.size(0), -1, -1, -1), x], 1)))


ROOTS = {
    "plain": lambda net: net,
    "hook": lambda net: hooked(net, lambda part, inputs, output: output**2),
    "pre-hook": lambda net: watched_before(net, lambda part, inputs: (inputs[0] * 3 - 1,)),
    "own forward": own_forward,
    "lock": locked,
    "writes into its input": lambda net: Does(lambda self, x: self.net(x.mul_(2)), net=net),
    "normalises": lambda net: Does(lambda self, x: self.net((x - 0.4) / 0.2), net=net),
    "clamps by a map": lambda net: Does(lambda self, x: self.net(torch.clamp(x, min=self.constant)), A_MAP, net=net),
    "raises to a map": lambda net: Does(lambda self, x: self.net(x.abs().add(0.1).pow(self.constant)), A_MAP, net=net),
    "adds a map": lambda net: Does(lambda self, x: self.net(x + self.constant), A_MAP, net=net),
    "a map beside": lambda net: Does(beside_a_map, A_MAP, net=net, join=nn.Conv2d(6, 3, 1)),
    "a map beside each": lambda net: Does(beside_a_map_each, A_MAP, net=net, join=nn.Conv2d(6, 3, 1)),
    "over its largest": lambda net: Does(
        lambda self, x: self.net(x / (0.1 + x.abs().amax((1, 2, 3)).view(-1, 1, 1, 1))), net=net
    ),
}


def network(layers, head, root, seed):
    """The network of these names, in evaluation mode, single precision."""
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Conv2d(3, CHANNELS, 3, padding=1), *(LAYERS[name]() for name in layers)).eval()
    with torch.no_grad():
        size = body(torch.rand(1, 3, SIDE, SIDE + 2)).numel()
    return ROOTS[root](nn.Sequential(body, HEADS[head](size)).eval()).eval()


def image(kind, seed):
    """An image [1, 3, SIDE, SIDE + 2] of a kind in IMAGES."""
    return IMAGES[kind](torch.rand(1, 3, SIDE, SIDE + 2, generator=torch.Generator().manual_seed(seed)))


IMAGES = {
    "random": lambda x: x,
    "black": torch.zeros_like,
    "constant": lambda x: torch.full_like(x, 0.25),
    "faint": lambda x: x / 100,
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "a cut-out": lambda x: F.pad(x, (2, 1, 1, 2))[:, :, 1:-2, 2:-1],
    "around zero": lambda x: 4 * x - 2,
}
