"""Plausible wrong answers to notebook 02's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "02-output-size": {
        "the first window is forgotten": (
            "def output_size(size, kernel, stride=1, padding=0, dilation=1):\n"
            "    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride\n",
            r"output_size\(5, 3\).*the first one too",
        ),
        "padding on one side only": (
            "def output_size(size, kernel, stride=1, padding=0, dilation=1):\n"
            "    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1\n",
            r"output_size\(5, 3, 1, 1\).*both sides",
        ),
        "rounded up": (
            "def output_size(size, kernel, stride=1, padding=0, dilation=1):\n"
            "    return -(-(size + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1\n",
            "round down",
        ),
        "eq. 8 as printed, a fraction": (
            "def output_size(size, kernel, stride=1, padding=0, dilation=1):\n"
            "    return (size - kernel + 2 * padding) / stride + 1\n",
            "divide with //",
        ),
        "dilation forgotten": (
            "def output_size(size, kernel, stride=1, padding=0, dilation=1):\n"
            "    return (size - kernel + 2 * padding) // stride + 1\n",
            "dilated kernel spans",
        ),
    },
    "02-max-pool": {
        "padding with zeros": (
            "def max_pool(image, kernel, stride, padding):\n"
            "    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))\n"
            "    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))\n"
            "    return windows[:, ::stride, ::stride].max(axis=(3, 4))\n",
            "pad with -np.inf",
        ),
        "the maximum over channels too": (
            "def max_pool(image, kernel, stride, padding):\n"
            "    edge = ((0, 0), (padding, padding), (padding, padding))\n"
            "    padded = np.pad(image, edge, constant_values=-np.inf)\n"
            "    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))\n"
            "    best = windows[:, ::stride, ::stride].max(axis=(0, 3, 4))\n"
            "    return np.broadcast_to(best, (len(image), *best.shape))\n",
            "every channel is pooled by itself",
        ),
        "the kernel used as the stride": (
            "def max_pool(image, kernel, stride, padding):\n"
            "    edge = ((0, 0), (padding, padding), (padding, padding))\n"
            "    padded = np.pad(image, edge, constant_values=-np.inf)\n"
            "    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))\n"
            "    return windows[:, ::kernel, ::kernel].max(axis=(3, 4))\n",
            r"starts at row \* stride",
        ),
    },
    "02-depthwise": {
        "flipped kernel": (
            "def depthwise(image, kernels):\n"
            "    flipped = kernels[:, ::-1, ::-1]\n"
            "    size = kernels.shape[1:]\n"
            "    windows = np.lib.stride_tricks.sliding_window_view(image, size, axis=(1, 2))\n"
            "    return np.einsum('cyxji,cji->cyx', windows, flipped)\n",
            "does not flip the kernel",
        ),
        "summed over channels": (
            "def depthwise(image, kernels):\n"
            "    size = kernels.shape[1:]\n"
            "    windows = np.lib.stride_tricks.sliding_window_view(image, size, axis=(1, 2))\n"
            "    mixed = np.einsum('kyxji,kji->yx', windows, kernels)\n"
            "    return np.broadcast_to(mixed, (len(image), *mixed.shape))\n",
            "channel 0 leaked into channel 1",
        ),
        "the first kernel for all channels": (
            "def depthwise(image, kernels):\n"
            "    size = kernels.shape[1:]\n"
            "    windows = np.lib.stride_tricks.sliding_window_view(image, size, axis=(1, 2))\n"
            "    return np.einsum('cyxji,ji->cyx', windows, kernels[0])\n",
            "its own kernel",
        ),
    },
    "02-adjoint": {
        "flipped kernel": (
            "def adjoint(y, kernel, stride, length):\n"
            "    x = np.zeros(length)\n"
            "    for n in range(len(y)):\n"
            "        x[n * stride:n * stride + len(kernel)] += y[n] * kernel[::-1]\n"
            "    return x\n",
            "no flip",
        ),
        "overwritten instead of added": (
            "def adjoint(y, kernel, stride, length):\n"
            "    x = np.zeros(length)\n"
            "    for n in range(len(y)):\n"
            "        x[n * stride:n * stride + len(kernel)] = y[n] * kernel\n"
            "    return x\n",
            r"overlap.*\+=",
        ),
        "stride forgotten": (
            "def adjoint(y, kernel, stride, length):\n"
            "    x = np.zeros(length)\n"
            "    for n in range(len(y)):\n"
            "        x[n:n + len(kernel)] += y[n] * kernel\n"
            "    return x\n",
            r"starts at n \* stride",
        ),
        "too short": (
            "def adjoint(y, kernel, stride, length):\n"
            "    x = np.zeros((len(y) - 1) * stride + len(kernel))\n"
            "    for n in range(len(y)):\n"
            "        x[n * stride:n * stride + len(kernel)] += y[n] * kernel\n"
            "    return x\n",
            "as long as x",
        ),
    },
    "02-receptive-field": {
        "kernels added up": (
            "def receptive_field(stack):\n    return sum(kernel for kernel, stride in stack)\n",
            "adds kernel - 1 pixels",
        ),
        "strides ignored": (
            "def receptive_field(stack):\n    return 1 + sum(kernel - 1 for kernel, stride in stack)\n",
            "each step counts double",
        ),
        "the layer's own stride counted": (
            "def receptive_field(stack):\n"
            "    field, distance = 1, 1\n"
            "    for kernel, stride in stack:\n"
            "        distance *= stride\n"
            "        field += (kernel - 1) * distance\n"
            "    return field\n",
            "own stride",
        ),
        "distances not multiplied": (
            "def receptive_field(stack):\n"
            "    field, distance = 1, 1\n"
            "    for kernel, stride in stack:\n"
            "        field += (kernel - 1) * distance\n"
            "        distance = stride\n"
            "    return field\n",
            "distances multiply",
        ),
    },
}
