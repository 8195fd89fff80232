"""Plausible wrong answers to notebook 02's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "02-window-matrix": {
        "windows as rows": (
            "def window_matrix(image, size, stride):\n"
            "    shape = [(n - size) // stride + 1 for n in image.shape[1:]]\n"
            "    starts = [(y * stride, x * stride) for y, x in np.ndindex(*shape)]\n"
            "    return np.array([image[:, y:y + size, x:x + size].ravel() for y, x in starts])\n",
            r"expected \(9, 4\).*column 0|at \(0, 1\).*column 0",
        ),
        "channels innermost": (
            "def window_matrix(image, size, stride):\n"
            "    shape = [(n - size) // stride + 1 for n in image.shape[1:]]\n"
            "    starts = [(y * stride, x * stride) for y, x in np.ndindex(*shape)]\n"
            "    windows = [image[:, y:y + size, x:x + size].transpose(1, 2, 0).ravel() for y, x in starts]\n"
            "    return np.array(windows).T\n",
            "all of channel 0's window, then channel 1's",
        ),
        "stride forgotten": (
            "def window_matrix(image, size, stride):\n"
            "    shape = [(n - size) // stride + 1 for n in image.shape[1:]]\n"
            "    windows = [image[:, y:y + size, x:x + size].ravel() for y, x in np.ndindex(*shape)]\n"
            "    return np.array(windows).T\n",
            r"y \* stride",
        ),
        "windows column by column": (
            "def window_matrix(image, size, stride):\n"
            "    rows, columns = [(n - size) // stride + 1 for n in image.shape[1:]]\n"
            "    starts = [(y * stride, x * stride) for x in range(columns) for y in range(rows)]\n"
            "    return np.array([image[:, y:y + size, x:x + size].ravel() for y, x in starts]).T\n",
            "read row by row|follow each other row by row",
        ),
        "one window too many": (
            "def window_matrix(image, size, stride):\n"
            "    wide = np.pad(image, ((0, 0), (0, stride), (0, stride)))\n"
            "    shape = [-(-(n - size) // stride) + 1 for n in image.shape[1:]]\n"
            "    starts = [(y * stride, x * stride) for y, x in np.ndindex(*shape)]\n"
            "    return np.array([wide[:, y:y + size, x:x + size].ravel() for y, x in starts]).T\n",
            "does not fit is not taken",
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
    "02-kernel-gradient": {
        "stride forgotten": (
            "def kernel_gradient(image, slope, size, stride):\n"
            "    c_out, rows, columns = slope.shape\n"
            "    result = np.zeros((c_out, len(image), size, size))\n"
            "    for j, i in np.ndindex(size, size):\n"
            "        read = image[:, j:j + rows, i:i + columns]\n"
            "        result[:, :, j, i] = np.einsum('cyx,kyx->ck', slope, read)\n"
            "    return result\n",
            r"y \* stride \+ j",
        ),
        "flipped": (
            "def kernel_gradient(image, slope, size, stride):\n"
            "    c_out, rows, columns = slope.shape\n"
            "    result = np.zeros((c_out, len(image), size, size))\n"
            "    for j, i in np.ndindex(size, size):\n"
            "        read = image[:, j:j + rows * stride:stride, i:i + columns * stride:stride][:, :rows, :columns]\n"
            "        result[:, :, j, i] = np.einsum('cyx,kyx->ck', slope, read)\n"
            "    return result[:, :, ::-1, ::-1]\n",
            "not flipped",
        ),
        "mean instead of sum": (
            "def kernel_gradient(image, slope, size, stride):\n"
            "    c_out, rows, columns = slope.shape\n"
            "    result = np.zeros((c_out, len(image), size, size))\n"
            "    for j, i in np.ndindex(size, size):\n"
            "        read = image[:, j:j + rows * stride:stride, i:i + columns * stride:stride][:, :rows, :columns]\n"
            "        result[:, :, j, i] = np.einsum('cyx,kyx->ck', slope, read) / (rows * columns)\n"
            "    return result\n",
            "the first window itself|not a mean",
        ),
        "channels mixed": (
            "def kernel_gradient(image, slope, size, stride):\n"
            "    c_out, rows, columns = slope.shape\n"
            "    result = np.zeros((c_out, len(image), size, size))\n"
            "    for j, i in np.ndindex(size, size):\n"
            "        read = image[:, j:j + rows * stride:stride, i:i + columns * stride:stride][:, :rows, :columns]\n"
            "        result[:, :, j, i] = np.einsum('cyx,yx->c', slope, read.sum(0))[:, None]\n"
            "    return result\n",
            "every input channel has its own weights",
        ),
        "input channels first": (
            "def kernel_gradient(image, slope, size, stride):\n"
            "    c_out, rows, columns = slope.shape\n"
            "    result = np.zeros((c_out, len(image), size, size))\n"
            "    for j, i in np.ndindex(size, size):\n"
            "        read = image[:, j:j + rows * stride:stride, i:i + columns * stride:stride][:, :rows, :columns]\n"
            "        result[:, :, j, i] = np.einsum('cyx,kyx->ck', slope, read)\n"
            "    return result.transpose(1, 0, 2, 3)\n",
            "own gradient|let the filters come first",
        ),
    },
}
