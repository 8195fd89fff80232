"""A context model: how probable each coefficient is, given all that was decoded before it.

The paper codes every map with fixed probabilities. But where one map has large coefficients (an edge) the others have too,
and neighbours resemble each other. Here each coefficient gets a logistic distribution of its own, whose mean and scale are
predicted from coefficients that the decoder has already: those of earlier maps around the place, and neighbours in the
same map. Maps are coded in 13 groups of like importance and each group in 2, 3 or 7 passes (``passes``), 34 stages in all;
within a stage everything is predicted at once.

A decoder must find the very same probabilities on any machine. So all arithmetic is on whole numbers, carried in
float64: weights are multiples of 2^-14, features of 2^-6, and results are floored to 2^-12. Every sum stays far below 2^53
units and is exact in any order, with any number of threads (``ContextModel.exact``).
"""

import copy

import torch
from torch import nn
from torch.nn import functional

from kryptonlib.compression.quantization import BETAS

GROUPS = (1, 1, 2, 4, 8, 8, 12, 12, 16, 16, 16, 16, 16)
"""Maps of each group, most important first."""
WITH_MEANS = 7
"""Groups whose means are predicted, from at most ``READ`` earlier maps; the others have a mean per map and beta."""
READ = 24
STATE, HIDDEN = 40, 32
"""Numbers per place that sum up the earlier groups; numbers between them and the scales."""
WEIGHT, FLOOR, FEATURE = 2.0**14, 2.0**12, 2.0**6
"""Units per 1 of weights, of floored results, and of means and features."""
FARTHEST = 1 << 16
"""Entries of the feature's table: coefficients farther than 1024 from their mean count as that far."""


def passes(group):
    """The passes in which a group's places are coded: (stride, which, distance of the neighbours known) each.

    ``which`` places of the grid of ``stride``: "corner" (both coordinates are multiples of 2 strides), "centre" (both odd
    multiples), "edge" (one odd, one even), or "even" and "odd" (of the checkerboard).
    """
    if group == 0:
        # The map of means is smooth: from coarse to fine, each level from the one before.
        finer = [(stride, which, stride) for stride in (4, 2, 1) for which in ("centre", "edge")]
        return [(4, "corner", 0), *finer]
    if group < 4:
        return [(1, "corner", 0), (1, "centre", 1), (1, "edge", 1)]
    return [(1, "even", 0), (1, "odd", 1)]


def places(size, stride, which):
    """Mask [h, w] of the places of a pass."""
    row, column = torch.arange(size[0])[:, None], torch.arange(size[1])[None, :]
    on_grid = (row % stride == 0) & (column % stride == 0)
    row_odd, column_odd = row // stride % 2 == 1, column // stride % 2 == 1
    chosen = {
        "corner": ~row_odd & ~column_odd,
        "centre": row_odd & column_odd,
        "edge": row_odd ^ column_odd,
        "even": ~(row_odd ^ column_odd),
        "odd": row_odd ^ column_odd,
    }[which]
    return on_grid & chosen


STAGES = sum(len(passes(group)) for group in range(len(GROUPS)))


class ContextModel(nn.Module):
    """Predicts mean and scale of every coefficient, stage by stage.

    Args:
        spread: tensor [betas, maps]: root mean square of each map's coefficients at each of ``BETAS``, for the first scales.
        order: int64 tensor [maps]: the maps by falling importance.

    Raises:
        ValueError: another number of maps than 128.
    """

    def __init__(self, spread, order):
        super().__init__()
        if spread.shape != (len(BETAS), sum(GROUPS)) or order.shape != (sum(GROUPS),):
            raise ValueError(f"ContextModel() got spreads {tuple(spread.shape)}; expected [{len(BETAS)}, {sum(GROUPS)}]")
        generator = torch.Generator().manual_seed(0)

        def small(*shape):
            return nn.Parameter(torch.randn(shape, generator=generator) * 0.3 / shape[-1] ** 0.5)

        def zeros(*shape):
            return nn.Parameter(torch.zeros(shape))

        self.register_buffer("order", order.clone())
        self.exactly = False
        counts = [len(passes(group)) for group in range(len(GROUPS))]
        # The standard deviation of a logistic distribution is 1.81 times its scale.
        self.scales = nn.Parameter((0.5 * spread[:, order]).clamp_min(0.05).log())
        self.means = zeros(len(BETAS), sum(GROUPS))
        self.reading = nn.ParameterList(small(STATE, 6 * size) for size in GROUPS[:-1])
        self.mixing = nn.ParameterList(small(HIDDEN, STATE) for _ in GROUPS)
        self.own = nn.ParameterList(small(count, HIDDEN, 4 * size) for count, size in zip(counts, GROUPS))
        self.shift = nn.ParameterList(zeros(count, HIDDEN) for count in counts)
        self.beta_shift = zeros(len(BETAS), len(GROUPS), HIDDEN)
        self.out = nn.ParameterList(small(size, HIDDEN) for size in GROUPS)
        self.own_out = nn.ParameterList(zeros(count, size, 4) for count, size in zip(counts, GROUPS))
        self.out_shift = nn.ParameterList(zeros(count, size) for count, size in zip(counts, GROUPS))
        starts = [sum(GROUPS[:group]) for group in range(WITH_MEANS)]
        self.mean_reading = nn.ParameterList(
            zeros(size, 9 * min(start, READ)) for start, size in zip(starts, GROUPS[:WITH_MEANS])
        )
        self.mean_own = nn.ParameterList(
            zeros(count, size, 3 * size) for count, size in zip(counts, GROUPS[:WITH_MEANS])
        )

    def exact(self):
        """A copy whose results are the same on every machine: float64, weights rounded to multiples of 2^-14."""
        model = copy.deepcopy(self).double().requires_grad_(False)
        for parameter in model.parameters():
            parameter.copy_((parameter * WEIGHT).round() / WEIGHT)
        model.exactly = True
        return model

    def stages(self, known, beta):
        """Predict one stage after the other.

        Args:
            known: tensor [N, 128, h, w] of coefficients in the order of ``order``. A decoder writes each stage's
                coefficients into it before it asks for the next; an encoder passes all of them.
            beta: int64 tensor [N], places in ``BETAS``.

        Yields:
            (maps, mask, mean, scale): a slice of the 128, the mask [h, w] of the stage's places, and predictions
            [N, maps, h, w]; ``scale`` is the natural logarithm of the logistic distribution's.
        """
        count, _, height, width = known.shape
        state = known.new_zeros(count, STATE, height, width)
        start = 0
        for group, size in enumerate(GROUPS):
            maps = slice(start, start + size)
            hidden = _mixed(self.mixing[group], state) + self.beta_shift[beta, group][:, :, None, None]
            mean_known = self.means[beta, maps][:, :, None, None].expand(-1, -1, height, width)
            if group < WITH_MEANS and start:
                mean_known = mean_known + _mixed(self.mean_reading[group], _around(known[:, : min(start, READ)]))
            means = torch.zeros_like(known[:, maps])
            coded = torch.zeros(height, width, dtype=torch.bool, device=known.device)
            for number, (stride, which, distance) in enumerate(passes(group)):
                mask = places((height, width), stride, which).to(known.device)
                mean = mean_known
                if group < WITH_MEANS and distance:
                    mean = mean + _mixed(self.mean_own[group][number], _neighbours(known[:, maps] * coded, distance))
                mean = self._floor(mean, FEATURE)
                features = self._own_features(known[:, maps], means, coded, distance)
                inner = hidden + _mixed(self.own[group][number], features) + self.shift[group][number][:, None, None]
                inner = self._floor(inner.relu(), FLOOR)
                scale = _mixed(self.out[group], inner) + self.scales[beta, maps][:, :, None, None]
                apiece = features.unflatten(1, (4, size)).transpose(1, 2)
                scale = scale + (self.own_out[group][number][:, :, None, None] * apiece).sum(2)
                scale = scale + self.out_shift[group][number][:, None, None]
                yield maps, mask, mean, scale
                means = torch.where(mask, mean, means)
                coded = coded | mask
            if group < len(GROUPS) - 1:
                read = _mixed(self.reading[group], self._six(self._feature(known[:, maps], means)))
                state = self._floor(state + read, FLOOR)
            start += size

    def forward(self, symbols, beta):
        """Mean and scale [N, 128, h, w] of all coefficients, each from those coded before it (for the fit).

        ``symbols`` in the order of ``order``.
        """
        mean, scale = torch.zeros_like(symbols), torch.zeros_like(symbols)
        parts = {}
        for maps, mask, some_mean, some_scale in self.stages(symbols, beta):
            old = parts.get(maps.start, (mean[:, maps], scale[:, maps]))
            parts[maps.start] = tuple(torch.where(mask, new, o) for new, o in zip((some_mean, some_scale), old))
        return tuple(torch.cat([parts[start][kind] for start in sorted(parts)], 1) for kind in (0, 1))

    def _floor(self, values, unit):
        return (values * unit).floor() / unit if self.exactly else values

    def _feature(self, symbols, means):
        """log2(1 + |q - mean|): how surprising a coefficient is."""
        distance = (symbols - means).abs()
        if not self.exactly:
            return torch.log2(1 + distance)
        return _table().to(symbols.device)[(distance * FEATURE).long().clamp_max(FARTHEST - 1)]

    def _own_features(self, symbols, means, coded, distance):
        """Of the group's own coded neighbours and its average so far: [N, 4 maps, h, w]."""
        if not distance:
            return symbols.new_zeros(symbols.shape[0], 4 * symbols.shape[1], *symbols.shape[2:])
        feature = self._feature(symbols, means) * coded
        average = self._floor(feature.sum((2, 3), keepdim=True) / coded.sum().clamp_min(1), FLOOR)
        return torch.cat([_neighbours(feature, distance), average.expand_as(feature)], 1)

    def _six(self, feature):
        """Six sums around every place, of maps that are known entirely: [N, 6 maps, h, w]."""
        padded = functional.pad(feature, (2, 2, 2, 2), mode="replicate")
        rows = sum(padded[:, :, :, n : n + feature.shape[3]] for n in range(5))
        square = sum(rows[:, :, n : n + feature.shape[2]] for n in range(5))
        # Not mean(), which may divide before it sums.
        average = self._floor(feature.sum((2, 3), keepdim=True) / feature[0, 0].numel(), FLOOR)
        inner = padded[:, :, 1:-1, 1:-1]
        sides = _pairs(inner, 1)
        return torch.cat([feature, *sides, square, average.expand_as(feature)], 1)


def _mixed(weights, maps):
    """[out, in] on maps [N, in, h, w]."""
    return torch.einsum("oi,nihw->nohw", weights, maps)


def _pairs(padded, distance):
    """Sums of the left and right, upper and lower, and four diagonal neighbours of maps padded by ``distance``."""
    d = distance
    left, middle, right = padded[..., : -2 * d], padded[..., d:-d], padded[..., 2 * d :]

    def above_and_below(x):
        return x[:, :, : -2 * d] + x[:, :, 2 * d :]

    return (left + right)[:, :, d:-d], above_and_below(middle), above_and_below(left + right)


def _neighbours(maps, distance):
    """The three sums of ``_pairs``, zeros beyond the border: [N, 3 maps, h, w]."""
    return torch.cat(_pairs(functional.pad(maps, (distance,) * 4), distance), 1)


def _around(maps):
    """Nine places around each, the border repeated: [N, 9 maps, h, w]."""
    padded = functional.pad(maps, (1, 1, 1, 1), mode="replicate")
    height, width = maps.shape[2:]
    return torch.cat([padded[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)], 1)


def _table():
    """log2(1 + n / 64) in 64ths, rounded. No entry lies nearer than 1e-6 to a tie, so any logarithm gives the same."""
    if not _TABLE:
        steps = torch.arange(FARTHEST, dtype=torch.float64)
        _TABLE.append((torch.log2(1 + steps / FEATURE) * FEATURE).round() / FEATURE)
    return _TABLE[0]


_TABLE = []
