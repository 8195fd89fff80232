"""How receptive fields pass through operators.

The field of unit i along an axis is the interval of pixels [i * jump + low, i * jump + high] (Araujo et al., Computing
Receptive Fields of Convolutional Neural Networks, Distill 2019). An operator whose unit i reads the inputs
s*i + a ... s*i + b turns it into low + a*jump, high + b*jump, jump * s; where paths meet the hull is taken.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

UNKNOWN = "unknown"
"""The field of a tensor that depends on the image in a way that no rule describes."""
MOVES = {"clone", "detach", "_to_copy", "view", "_unsafe_view", "alias", "contiguous", "copy", "dropout"}
_EXCHANGES = {"expand", "transpose", "permute", "split", "unsqueeze", "squeeze"}


@dataclass(frozen=True)
class Axis:
    """Along one axis, unit i of a map sees the pixels [i * jump + low, i * jump + high] (both included)."""

    low: Fraction | int
    high: Fraction | int
    jump: Fraction | int

    def window(self, first, last, stride):
        """The axis after an operator whose unit i reads the inputs stride * i + first ... stride * i + last."""
        return Axis(self.low + first * self.jump, self.high + last * self.jump, self.jump * stride)

    def cells(self, reads, count):
        """The hull after an operator of which unit i reads the inputs reads[i] = (first, last) out of ``count``."""
        step = Fraction(count, len(reads))
        first = min(a - step * i for i, (a, _) in enumerate(reads))
        return self.window(first, max(b - step * i for i, (_, b) in enumerate(reads)), step)


def pooling(args):
    """(kernel, stride, padding, dilation) of a pooling operator's arguments, each as (rows, columns)."""
    kernel = _two(args[1])
    stride = _two(args[2]) if len(args) > 2 and args[2] else kernel
    padding = _two(args[3]) if len(args) > 3 else (0, 0)
    return kernel, stride, padding, _two(args[4]) if len(args) > 4 else (1, 1)


def _two(value):
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    return tuple(values * 2 if len(values) == 1 else values)


def field_after(name, pointwise, args, kwargs, fields, shapes, output):
    """The field of an operator's output: a pair of ``Axis``, or unknown. Vectors keep the hull of what they read."""
    if UNKNOWN in fields:
        return UNKNOWN
    field, shape = fields[0], shapes[0]
    if len(shape) not in (2, 4, 5):
        return UNKNOWN
    flat = len(shape) == 2
    if flat and (pointwise or name in {"addmm", "mm", "_softmax", "native_batch_norm", "native_layer_norm"}):
        return _meet(fields, shapes, output.shape)
    if name in MOVES | _EXCHANGES and not flat:
        return _moved(name, args, field, shape, output)
    if len(shape) == 5:
        return UNKNOWN  # five axes appear only on the way of a channel shuffle, which _moved describes
    if flat:
        return field if name in MOVES and output.dim() in (2, 4) and output.shape[2:].numel() == 1 else UNKNOWN
    if pointwise or name == "cat" and args[1:] in ((1,), (-3,)):
        return _meet(fields, shapes, output.shape)
    sides = shape[2:]
    if name == "native_batch_norm":
        whole = args[5]  # statistics of this very image: instance normalisation
        return tuple(axis.window(1 - n, n - 1, 1) if whole else axis for axis, n in zip(field, sides))
    if name == "native_group_norm":
        return tuple(axis.window(1 - n, n - 1, 1) for axis, n in zip(field, sides))
    if name == "convolution":
        settings = zip(field, args[1].shape[2:], *args[3:6])
        if not args[6]:
            return tuple(axis.window(-p, d * (k - 1) - p, s) for axis, k, s, p, d in settings)
        return tuple(
            axis.window(
                min(ceil(Fraction(o + p - d * (k - 1), s)) - Fraction(o, s) for o in range(s)),
                max((o + p) // s - Fraction(o, s) for o in range(s)),
                Fraction(1, s),
            )
            for axis, k, s, p, d in settings
        )
    if name in {"max_pool2d_with_indices", "avg_pool2d"}:
        kernel, stride, padding, dilation = pooling(args)
        settings = zip(field, kernel, stride, padding, dilation if name.startswith("max") else (1, 1))
        return tuple(axis.window(-p, d * (k - 1) - p, s) for axis, k, s, p, d in settings)
    if name in {"constant_pad_nd", "reflection_pad2d", "replication_pad2d"} and len(args[1]) <= 4:
        left, top = args[1][0], args[1][2] if len(args[1]) > 2 else 0
        return field[0].window(-top, -top, 1), field[1].window(-left, -left, 1)
    if name in {"_adaptive_avg_pool2d", "adaptive_max_pool2d", "upsample_nearest2d"}:
        return tuple(
            axis.cells([(i * n // m, -(-(i + 1) * n // m) - 1 if m < n else i * n // m) for i in range(m)], n)
            for axis, n, m in zip(field, sides, output.shape[2:])
        )
    if name in {"mean", "sum", "amax"} and len(args) > 1:
        axes = {dim % 4 for dim in _two(args[1])}
        if axes == {2, 3}:
            return tuple(_whole(axis, n) for axis, n in zip(field, sides))
        return field if axes == {1} and output.dim() == 4 else UNKNOWN
    if name == "_softmax":
        return field if args[1] % 4 == 1 else UNKNOWN
    if name == "slice" and len(args) > 1 and args[1] % 4 > 1:
        first, step = (args[2] or 0) if len(args) > 2 else 0, args[4] if len(args) > 4 else 1
        shift = first + sides[args[1] % 4 - 2] if first < 0 else first
        moved = field[args[1] % 4 - 2].window(shift, shift, step)
        return (moved, field[1]) if args[1] % 4 == 2 else (field[0], moved)
    return field if name == "slice" else UNKNOWN


def _moved(name, args, field, shape, output):
    """After copying, reshaping or exchanging axes: kept when rows and columns stay the last two axes."""
    axes = len(shape)
    touched = args[1:3] if name == "transpose" else args[2:3] if name == "split" else ()
    if any(axis % axes >= axes - 2 for axis in touched):
        return UNKNOWN
    if name == "permute" and [axis % axes for axis in args[1][-2:]] != [axes - 2, axes - 1]:
        return UNKNOWN
    if output.dim() in (4, 5) and tuple(output.shape[-2:]) == shape[-2:]:
        return field
    if output.dim() == 2 and output.shape[0] == shape[0] and axes == 4:
        return tuple(_whole(axis, n) for axis, n in zip(field, shape[2:]))
    return UNKNOWN


def _meet(fields, shapes, shape):
    """The hull of several paths; a path of one unit that is stretched over n units is seen by all of them."""
    if len({len(s) for s in shapes}) > 1:
        return UNKNOWN
    if len(shape) == 2:
        return tuple(
            Axis(min(a.low for a in axes), max(a.high for a in axes), axes[0].jump) for axes in zip(*fields)
        )
    hull = []
    for position, axes in enumerate(zip(*fields), start=2):
        units = shape[position]
        full = [axis for axis, s in zip(axes, shapes) if s[position] == units] or axes
        jump = full[0].jump
        if any(axis.jump != jump for axis in full):
            return UNKNOWN
        lows = [a.low if s[position] == units else a.low - (units - 1) * jump for a, s in zip(axes, shapes)]
        hull.append(Axis(min(lows), max(axis.high for axis in axes), jump))
    return tuple(hull)


def _whole(axis, units):
    """The field of something that reads all the units of an axis."""
    return axis.window(0, units - 1, units)
