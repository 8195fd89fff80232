"""Noisy video of moving digits, restored frame by frame or by a network that remembers.

The slides' case of video processing. Both networks have the same layers, weights and multiplications. Only what one
convolution reads differs: the maps of the frame before, or those of the frame itself. Moving digits: N. Srivastava, E.
Mansimov, R. Salakhutdinov, "Unsupervised learning of video representations using LSTMs", 2015,
https://arxiv.org/abs/1502.04681.
"""

import torch
from torch import nn

SIDE = 32


def moving(images, frames, generator, speed=1):
    """Videos of images that move evenly over a black frame and bounce off its borders.

    Args:
        images: tensor [N, h, w] in [0, 1], smaller than the frame.
        frames: how many, T.
        generator: draws start and speed of each.
        speed: most pixels per frame in each direction, not 0 in both; 0 for still ones.

    Returns:
        Tensor [T, N, 1, 32, 32] in [0, 1].

    Example:
        >>> moving(torch.ones(2, 20, 20), 5, torch.Generator().manual_seed(0)).shape
        torch.Size([5, 2, 1, 32, 32])
    """
    count, height, width = images.shape
    if max(height, width) > SIDE or frames < 1:
        shape = tuple(images.shape)
        raise ValueError(f"moving() got images {shape} and frames={frames}; expected up to {SIDE} x {SIDE} and >= 1")
    video = torch.zeros(frames, count, 1, SIDE, SIDE)
    for number, image in enumerate(images):
        places = []
        moves = (2 * speed + 1) ** 2  # as numbers; the middle one stands still
        move = int(torch.randint(max(moves - 1, 1), (), generator=generator))
        move += move >= moves // 2 and speed > 0
        for room, move in zip((SIDE - height, SIDE - width), divmod(move, 2 * speed + 1)):
            start = int(torch.randint(room + 1, (), generator=generator))
            # A bounce is a reflection: unfold the way, then fold it back into 0 ... room.
            way = torch.arange(frames) * (move - speed) + start
            places.append(room - (way % max(2 * room, 1) - room).abs())
        for t, (top, left) in enumerate(zip(*places)):
            video[t, number, 0, top : top + height, left : left + width] = image
    return video


class Restorer(nn.Module):
    """A gate over maps: f_t = relu(a * x_t), candidate n = relu(b * [f_t, m]), gate z = sigmoid(c * [f_t, m]),
    h_t = (1 - z) n + z m, output d * h_t; * is a 3x3 convolution, [ , ] puts maps on top of each other.

    Args:
        recurrent: True: m is h of the frame before (zeros at the first); False: m is f_t, so every frame stands alone.
        channels: of the maps.
        seed: of the first weights, equal for both kinds.
    """

    def __init__(self, recurrent, channels=8, *, seed=0):
        super().__init__()
        self.recurrent = recurrent
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first = nn.Conv2d(1, channels, 3, padding=1)
            self.both = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1)
            self.last = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, video):
        """The restored video, [T, N, 1, H, W] as the noisy one."""
        before = torch.zeros(video.shape[1], self.first.out_channels, *video.shape[3:], dtype=video.dtype)
        restored = []
        for frame in video:
            maps = torch.relu(self.first(frame))
            memory = before if self.recurrent else maps
            candidate, gate = self.both(torch.cat([maps, memory], dim=1)).chunk(2, dim=1)
            gate = torch.sigmoid(gate)
            before = (1 - gate) * torch.relu(candidate) + gate * memory
            restored.append(self.last(before))
        return torch.stack(restored)


def train(images, *, recurrent, steps, seed=0, noise=0.5, frames=8, batch=8, rate=1e-2, channels=8, speeds=(0, 1)):
    """Train a restorer on moving images with Gaussian noise, new in every step.

    Args:
        images: tensor [M, h, w] in [0, 1].
        recurrent, channels, seed: of the ``Restorer``; the seed also draws videos and noise.
        steps, batch, rate: of Adam, whose rate falls to 0 as a cosine.
        noise: standard deviation.
        frames: T.
        speeds: of the videos of a batch, one after the other, as for ``moving``.

    Returns:
        The ``Restorer``.
    """
    if images.ndim != 3 or not len(images) or noise < 0:
        raise ValueError(f"train() got images {tuple(images.shape)} and noise={noise}; expected [M, h, w] and >= 0")
    network = Restorer(recurrent, channels, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = images[torch.randint(len(images), (batch,), generator=generator)].chunk(len(speeds))
        clean = torch.cat([moving(some, frames, generator, speed) for some, speed in zip(chosen, speeds)], dim=1)
        noisy = clean + noise * torch.randn(clean.shape, generator=generator)
        loss = (network(noisy) - clean).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.requires_grad_(False)


def psnr_per_frame(found, clean):
    """PSNR in dB of each frame, over all videos: [T] for [T, N, 1, H, W]."""
    if found.shape != clean.shape:
        raise ValueError(f"psnr_per_frame() got {tuple(found.shape)} and {tuple(clean.shape)}; expected equal shapes")
    return -10 * torch.log10((found - clean).square().flatten(1).mean(1))
