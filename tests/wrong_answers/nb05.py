"""Plausible wrong answers to notebook 05's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "05-output-interval": {
        "the upper end is one short": (
            "def output_interval(low, high, kernel, stride, padding, size):\n"
            "    length = (size + 2 * padding - kernel) // stride + 1\n"
            "    first = max(-((kernel - 1 - padding - low) // stride), 0)\n"
            "    return first, min((high - 1 + padding) // stride, length)\n",
            r"output_interval\(5, 6, 3, 1, 0, 12\).*which o meet the change",
        ),
        "padding forgotten": (
            "def output_interval(low, high, kernel, stride, padding, size):\n"
            "    length = (size + 2 * padding - kernel) // stride + 1\n"
            "    first = max(-((kernel - 1 - low) // stride), 0)\n"
            "    return first, min((high - 1) // stride + 1, length)\n",
            "padding shifts what an output reads",
        ),
        "the lower end rounded down": (
            "def output_interval(low, high, kernel, stride, padding, size):\n"
            "    length = (size + 2 * padding - kernel) // stride + 1\n"
            "    first = max((low + padding - kernel + 1) // stride, 0)\n"
            "    return first, min((high - 1 + padding) // stride + 1, length)\n",
            "round the lower end up",
        ),
        "not cut off at the border": (
            "def output_interval(low, high, kernel, stride, padding, size):\n"
            "    first = -((kernel - 1 - padding - low) // stride)\n"
            "    return first, (high - 1 + padding) // stride + 1\n",
            "cut the interval off",
        ),
        "an empty interval the wrong way round": (
            "def output_interval(low, high, kernel, stride, padding, size):\n"
            "    length = (size + 2 * padding - kernel) // stride + 1\n"
            "    first = max(-((kernel - 1 - padding - low) // stride), 0)\n"
            "    return first, min((high - 1 + padding) // stride + 1, length)\n",
            r"return \(0, 0\)",
        ),
    },
    "05-window-growth": {
        "grown on one side only": (
            "def largest_windows(width, layers):\n"
            "    widths = []\n"
            "    for kernel, stride in layers:\n"
            "        width = -(-(width + kernel // 2) // stride)\n"
            "        widths.append(width)\n"
            "    return widths\n",
            "one cell further on either side",
        ),
        "every layer from the patch": (
            "def largest_windows(width, layers):\n"
            "    return [-(-(width + kernel - 1) // stride) for kernel, stride in layers]\n",
            "the window that the layer before it left",
        ),
        "rounded down": (
            "def largest_windows(width, layers):\n"
            "    widths = []\n"
            "    for kernel, stride in layers:\n"
            "        width = (width + kernel - 1) // stride\n"
            "        widths.append(width)\n"
            "    return widths\n",
            r"ceil\(\(20 \+ 2 - 1\) / 2\)",
        ),
        "stride before kernel": (
            "def largest_windows(width, layers):\n"
            "    widths = []\n"
            "    for kernel, stride in layers:\n"
            "        width = -(-width // stride) + kernel - 1\n"
            "        widths.append(width)\n"
            "    return widths\n",
            r"largest_windows\(10.*grow by kernel - 1 first",
        ),
    },
    "05-redundancy": {
        "one axis only": (
            "def redundancy(layers, size, low, high):\n"
            "    full = changed = 0\n"
            "    for c_in, c_out, kernel, stride, padding in layers:\n"
            "        length = (size + 2 * padding - kernel) // stride + 1\n"
            "        low = max(-((kernel - 1 - padding - low) // stride), 0)\n"
            "        high = min((high - 1 + padding) // stride + 1, length)\n"
            "        size = length\n"
            "        full += c_in * c_out * kernel**2 * size\n"
            "        changed += c_in * c_out * kernel**2 * (high - low)\n"
            "    return full / changed\n",
            "both axes count",
        ),
        "a mean of ratios": (
            "def redundancy(layers, size, low, high):\n"
            "    ratios = []\n"
            "    for c_in, c_out, kernel, stride, padding in layers:\n"
            "        length = (size + 2 * padding - kernel) // stride + 1\n"
            "        low = max(-((kernel - 1 - padding - low) // stride), 0)\n"
            "        high = min((high - 1 + padding) // stride + 1, length)\n"
            "        size = length\n"
            "        ratios.append((size / (high - low)) ** 2)\n"
            "    return sum(ratios) / len(ratios)\n",
            "divide the sums",
        ),
        "border forgotten": (
            "def redundancy(layers, size, low, high):\n"
            "    full = changed = 0\n"
            "    for c_in, c_out, kernel, stride, padding in layers:\n"
            "        size = (size + 2 * padding - kernel) // stride + 1\n"
            "        low = -((kernel - 1 - padding - low) // stride)\n"
            "        high = (high - 1 + padding) // stride + 1\n"
            "        full += c_in * c_out * kernel**2 * size**2\n"
            "        changed += c_in * c_out * kernel**2 * (high - low) ** 2\n"
            "    return full / changed\n",
            "at the border the window is cut off",
        ),
    },
}
