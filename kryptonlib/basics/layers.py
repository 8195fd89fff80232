"""The layers of a CNN written from scratch in numpy, float64, one image [C, H, W] at a time.

They are the definitions that notebook 02 explains, not the fast way: ``torch.nn.functional`` is. Sources: Krypton
("Accelerating Occlusion based Deep CNN Explainability Workloads"), eq. 1-9; Tekalp's tutorial slides; Dumoulin and
Visin, "A guide to convolution arithmetic for deep learning"; Wu and He, "Group normalization"; Luo et al.,
"Differentiable learning-to-normalize via switchable normalization"; Salimans and Kingma, "Weight normalization";
Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel CNN".

``kernel``, ``stride``, ``padding`` and ``dilation`` are ints or pairs (rows, columns).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

BATCH, LAYER, INSTANCE = (0, 2, 3), (1, 2, 3), (2, 3)
"""The axes of [N, C, H, W] over which each normalisation pools its mean and variance."""


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """Number of window positions along one axis: Krypton's eq. 8-9 with the floor and the dilation that they leave out.

    Raises ValueError if not even one window fits. Example: ``output_size(224, 7, stride=2, padding=3) == 112``.
    """
    for name, value, low in (("size", size, 1), ("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0),
                             ("dilation", dilation, 1)):
        _pair(name, value, low)
    extent = dilation * (kernel - 1) + 1
    if extent > size + 2 * padding:
        raise ValueError(f"a kernel of {kernel} with dilation {dilation} covers {extent} pixels, but {size} pixels "
                         f"with padding {padding} are only {size + 2 * padding}: use a smaller kernel or more padding")
    return (size + 2 * padding - extent) // stride + 1


def convolve2d(image, kernels, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Convolution as CNNs use the word: a cross-correlation, the kernel is not flipped (Krypton, eq. 5).

    Eq. 5 with its sums over j and i outermost, the top k = C_in - 1, and the stride and padding that it does not show.

    Args:
        image: [C_in, H, W].
        kernels: [C_out, C_in / groups, H_k, W_k].
        bias: [C_out] or None.
        stride, padding, dilation: see the module; padding adds zeros on both sides.
        groups: the channels are cut into that many groups that do not see each other; C_in of them = depthwise.

    Returns:
        [C_out, H_out, W_out], equal to ``F.conv2d``. Example: ``convolve2d(np.ones((1, 4, 4)), np.ones((1, 1, 3, 3)))``
        is 2 x 2 and 9 everywhere.
    """
    image, kernels = _array("image", image, "C_in, H, W"), _array("kernels", kernels, "C_out, C_in/groups, H_k, W_k")
    _count("groups", groups)
    if image.shape[0] != kernels.shape[1] * groups or kernels.shape[0] % groups:
        raise ValueError(f"image {image.shape} and kernels {kernels.shape} do not fit with groups={groups}: the image "
                         f"needs kernels.shape[1] * groups = {kernels.shape[1] * groups} channels, and groups must "
                         f"divide the {kernels.shape[0]} filters")
    stride, padding, dilation = _pair("stride", stride), _pair("padding", padding, 0), _pair("dilation", dilation)
    shape = [output_size(*one) for one in zip(image.shape[1:], kernels.shape[2:], stride, padding, dilation)]
    padded = np.pad(image, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    inputs, filters = _grouped(padded, groups), _grouped(kernels, groups)
    output = np.zeros((groups, kernels.shape[0] // groups, *shape))
    for j, i, rows, columns in _taps(kernels.shape[2:], shape, stride, dilation):
        output += np.einsum("gok,gkyx->goyx", filters[..., j, i], inputs[:, :, rows, columns])
    output = output.reshape(kernels.shape[0], *shape)
    if bias is None:
        return output
    bias = _array("bias", bias, "C_out")
    if bias.shape != kernels.shape[:1]:
        raise ValueError(f"bias has {bias.size} values, but there are {kernels.shape[0]} filters")
    return output + bias[:, None, None]


def transposed_convolve2d(output, kernels, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """The adjoint A' of ``convolve2d``: <A x, y> = <x, A' y> for the same kernels, stride, padding and dilation.

    Where the convolution gathers a window into one pixel, this scatters one pixel over the window: the same loop with
    left and right exchanged. It is also the gradient of the convolution with respect to its input.

    Args:
        output: [C_out, H_out, W_out], what the convolution would return.
        kernels: [C_out, C_in / groups, H_k, W_k], as for ``convolve2d``.
        output_padding: rows and columns added at the bottom and right, 0 ... stride - 1: several input sizes give the
            same H_out, and this says which one comes back.

    Returns:
        [C_in, H, W] with H = (H_out - 1) stride - 2 padding + dilation (H_k - 1) + 1 + output_padding, equal to
        ``F.conv_transpose2d``. Example: 4 x 4 with kernel 3, stride 2, padding 1, output_padding 1 becomes 8 x 8.
    """
    output = _array("output", output, "C_out, H_out, W_out")
    kernels = _array("kernels", kernels, "C_out, C_in/groups, H_k, W_k")
    _count("groups", groups)
    if output.shape[0] != kernels.shape[0] or kernels.shape[0] % groups:
        raise ValueError(f"output {output.shape} and kernels {kernels.shape} do not fit with groups={groups}: both "
                         "must have the same C_out, a multiple of groups")
    stride, padding, dilation = _pair("stride", stride), _pair("padding", padding, 0), _pair("dilation", dilation)
    extra = _pair("output_padding", output_padding, 0)
    if extra[0] >= stride[0] or extra[1] >= stride[1]:
        raise ValueError(f"output_padding {extra} must be smaller than stride {stride}: a larger input would have had "
                         "one more window")
    wide = [(n - 1) * s + d * (k - 1) + 1 + e
            for n, s, d, k, e in zip(output.shape[1:], stride, dilation, kernels.shape[2:], extra)]
    size = [w - 2 * p for w, p in zip(wide, padding)]
    if min(size) < 1:
        raise ValueError(f"padding {padding} leaves nothing of the {tuple(wide)} result")
    outputs, filters = _grouped(output, groups), _grouped(kernels, groups)
    image = np.zeros((groups, kernels.shape[1], *wide))
    for j, i, rows, columns in _taps(kernels.shape[2:], output.shape[1:], stride, dilation):
        image[:, :, rows, columns] += np.einsum("gok,goyx->gkyx", filters[..., j, i], outputs)
    image = image.reshape(-1, *wide)
    return image[:, padding[0]:padding[0] + size[0], padding[1]:padding[1] + size[1]]


def convolution_matrix(kernels, shape, **geometry):
    """The matrix A with ``A @ image.ravel() == convolve2d(image, kernels, **geometry).ravel()``.

    ``shape`` is the image's (C_in, H, W). Column n is the response to an image that is 1 at pixel n and 0 elsewhere:
    [C_out H_out W_out, C_in H W]. For tiny images only: ``convolution_matrix(np.ones((1, 1, 3, 3)), (1, 4, 4))`` is
    4 x 16.
    """
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.stack([convolve2d(unit, kernels, **geometry).ravel() for unit in units], axis=1)


def pool2d(image, kernel, *, stride=None, padding=0, kind="max", count_padding=True):
    """Maximum or mean of every window of every channel of ``image`` [C, H, W] (slides, "Pooling layer").

    ``stride=None`` means the kernel's size. For ``kind="max"`` the padding is minus infinity, so that it never wins;
    for ``kind="mean"`` it is zeros, which count among the pixels unless ``count_padding=False``. Returns [C, H_out,
    W_out], equal to ``F.max_pool2d`` and ``F.avg_pool2d``. Raises ValueError for padding above half the kernel.
    """
    image, kernel = _array("image", image, "C, H, W"), _pair("kernel", kernel)
    stride = kernel if stride is None else _pair("stride", stride)
    padding = _pair("padding", padding, 0)
    if kind not in ("max", "mean"):
        raise ValueError(f'kind must be "max" or "mean", got {kind!r}')
    if any(2 * p > k for p, k in zip(padding, kernel)):
        raise ValueError(f"padding {padding} is more than half of kernel {kernel}: a window could miss the image")
    for one in zip(image.shape[1:], kernel, stride, padding):
        output_size(*one)

    def windows(values, fill):
        padded = np.pad(values, ((0, 0), (padding[0],) * 2, (padding[1],) * 2), constant_values=fill)
        return sliding_window_view(padded, kernel, axis=(1, 2))[:, ::stride[0], ::stride[1]]

    if kind == "max":
        return windows(image, -np.inf).max(axis=(3, 4))
    pixels = kernel[0] * kernel[1] if count_padding else windows(np.ones_like(image), 0.0).sum(axis=(3, 4))
    return windows(image, 0.0).sum(axis=(3, 4)) / pixels


def normalise(x, axes, *, eps=1e-5):
    """(x - mean) / sqrt(variance + eps), both pooled over ``axes`` of ``x`` [N, C, H, W]: BATCH, LAYER or INSTANCE.

    The variance is the biased one (divided by the count), as in every such layer. Equal to ``F.batch_norm`` in
    training mode, ``F.layer_norm`` over [C, H, W] and ``F.instance_norm``, each without its learned scale and shift.
    """
    x = _array("x", x, "N, C, H, W")
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + _eps(eps))


def group_norm(x, groups, *, eps=1e-5):
    """Normalise each sample of ``x`` [N, C, H, W] over groups of adjacent channels; 1 = layer, C = instance norm."""
    x = _array("x", x, "N, C, H, W")
    _count("groups", groups)
    if x.shape[1] % groups:
        raise ValueError(f"{x.shape[1]} channels do not fall into {groups} equal groups")
    parts = x.reshape(x.shape[0], groups, -1)
    centred = parts - parts.mean(2, keepdims=True)
    return (centred / np.sqrt(parts.var(2, keepdims=True) + _eps(eps))).reshape(x.shape)


def switchable_norm(x, mean_logits, variance_logits, *, eps=1e-5):
    """Normalise ``x`` [N, C, H, W] by a learned mixture of the instance, layer and batch statistics.

    The mixing weights are the softmax of three learned logits (in that order), one set for the means and one for the
    variances (Luo et al.). Equal logits give a third of each.
    """
    x = _array("x", x, "N, C, H, W")
    weights = []
    for name, logits in (("mean_logits", mean_logits), ("variance_logits", variance_logits)):
        logits = _array(name, logits, "3")
        if logits.size != 3:
            raise ValueError(f"{name} needs 3 values (instance, layer, batch), got {logits.size}")
        weights.append(np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())
    pools = (INSTANCE, LAYER, BATCH)
    mean = sum(weight * x.mean(axes, keepdims=True) for weight, axes in zip(weights[0], pools))
    variance = sum(weight * x.var(axes, keepdims=True) for weight, axes in zip(weights[1], pools))
    return (x - mean) / np.sqrt(variance + _eps(eps))


def weight_norm(direction, gain):
    """Filters w = gain * v / |v| from directions v [C_out, ...] and gains [C_out]: length apart from direction."""
    direction, gain = np.asarray(direction, dtype=float), _array("gain", gain, "C_out")
    if direction.ndim < 2 or direction.shape[0] != gain.size:
        raise ValueError(f"direction {direction.shape} must be [C_out, ...] with one gain per filter, got {gain.size}")
    length = np.sqrt((direction.reshape(gain.size, -1) ** 2).sum(1))
    if not np.all(length > 0):
        raise ValueError(f"filter {int(np.argmin(length))} of direction is zero (or not a number): it has no direction")
    return direction * (gain / length).reshape(-1, *[1] * (direction.ndim - 1))


def pixel_shuffle(x, factor):
    """[C factor^2, H, W] -> [C, H factor, W factor]: channel c factor^2 + a factor + b goes to rows a, columns b."""
    x = _array("x", x, "C factor^2, H, W")
    _count("factor", factor)
    if x.shape[0] % factor**2:
        raise ValueError(f"pixel_shuffle by {factor} needs a multiple of {factor**2} channels, got {x.shape[0]}")
    channels, (rows, columns) = x.shape[0] // factor**2, x.shape[1:]
    phases = x.reshape(channels, factor, factor, rows, columns)
    return phases.transpose(0, 3, 1, 4, 2).reshape(channels, rows * factor, columns * factor)


def _taps(kernel, shape, stride, dilation):
    """For each kernel entry (j, i): the rows and columns of the padded input that it meets over all windows."""
    for j, i in np.ndindex(*kernel):
        top, left = j * dilation[0], i * dilation[1]
        yield (j, i, slice(top, top + (shape[0] - 1) * stride[0] + 1, stride[0]),
               slice(left, left + (shape[1] - 1) * stride[1] + 1, stride[1]))


def _grouped(array, groups):
    return array.reshape(groups, array.shape[0] // groups, *array.shape[1:])


def _array(name, value, layout):
    array = np.asarray(value, dtype=float)
    if array.ndim != layout.count(",") + 1 or array.size == 0:
        raise ValueError(f"{name} must be [{layout}], got shape {array.shape}; a single picture needs image[None]")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return array


def _pair(name, value, low=1):
    pair = (value, value) if np.isscalar(value) else tuple(value)
    if len(pair) != 2 or any(isinstance(one, bool) or not isinstance(one, (int, np.integer)) for one in pair):
        raise TypeError(f"{name} must be an int or a pair of ints (rows, columns), got {value!r}")
    if min(pair) < low:
        raise ValueError(f"{name} must be at least {low}, got {value!r}")
    return pair


def _count(name, value):
    if not np.isscalar(value):
        raise TypeError(f"{name} must be an int, got {value!r}")
    _pair(name, value)


def _eps(eps):
    if not eps > 0:
        raise ValueError(f"eps must be positive, got {eps!r}")
    return eps
