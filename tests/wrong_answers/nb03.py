"""Plausible wrong answers to notebook 03's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "03-conv-parameters": {
        "groups forgotten": (
            "def conv_parameters(channels, filters, kernel, groups=1, bias=True):\n"
            "    return filters * (channels * kernel[0] * kernel[1] + bool(bias))\n",
            r"groups=2.*channels / groups channels",
        ),
        "groups divide the filters as well": (
            "def conv_parameters(channels, filters, kernel, groups=1, bias=True):\n"
            "    return filters // groups * (channels // groups * kernel[0] * kernel[1] + bool(bias))\n",
            "the number of filters stays",
        ),
        "bias forgotten": (
            "def conv_parameters(channels, filters, kernel, groups=1, bias=True):\n"
            "    return filters * channels // groups * kernel[0] * kernel[1]\n",
            "every filter also has one bias",
        ),
        "a square kernel taken for granted": (
            "def conv_parameters(channels, filters, kernel, groups=1, bias=True):\n"
            "    return filters * (channels // groups * kernel[0] ** 2 + bool(bias))\n",
            "need not be square",
        ),
    },
    "03-conv-macs": {
        "the input's area": (
            "def conv_macs(channels, filters, kernel, side, stride=1, padding=0, groups=1):\n"
            "    return channels // groups * kernel**2 * filters * side**2\n",
            r"conv_macs\(3, 8, 3, 6\).*side of the output",
        ),
        "padding on one side": (
            "def conv_macs(channels, filters, kernel, side, stride=1, padding=0, groups=1):\n"
            "    out = (side + padding - kernel) // stride + 1\n"
            "    return channels // groups * kernel**2 * filters * out**2\n",
            "padding on both sides",
        ),
        "groups forgotten": (
            "def conv_macs(channels, filters, kernel, side, stride=1, padding=0, groups=1):\n"
            "    out = (side + 2 * padding - kernel) // stride + 1\n"
            "    return channels * kernel**2 * filters * out**2\n",
            "channels / groups channels only",
        ),
        "a fraction": (
            "def conv_macs(channels, filters, kernel, side, stride=1, padding=0, groups=1):\n"
            "    out = (side + 2 * padding - kernel) / stride + 1\n"
            "    return channels / groups * kernel**2 * filters * out**2\n",
            "divide with //",
        ),
    },
    "03-receptive-field": {
        "the jump is left out": (
            "def receptive_field(stack):\n"
            "    size, jump = 1, 1\n"
            "    for kernel, stride, dilation in stack:\n"
            "        size += dilation * (kernel - 1)\n"
            "        jump *= stride\n"
            "    return size, jump\n",
            "one jump apart",
        ),
        "the stride comes before its own kernel": (
            "def receptive_field(stack):\n"
            "    size, jump = 1, 1\n"
            "    for kernel, stride, dilation in stack:\n"
            "        jump *= stride\n"
            "        size += dilation * (kernel - 1) * jump\n"
            "    return size, jump\n",
            "before this layer's own stride",
        ),
        "kernel instead of kernel - 1": (
            "def receptive_field(stack):\n"
            "    size, jump = 1, 1\n"
            "    for kernel, stride, dilation in stack:\n"
            "        size += dilation * kernel * jump\n"
            "        jump *= stride\n"
            "    return size, jump\n",
            "adds kernel - 1 pixels",
        ),
        "dilation forgotten": (
            "def receptive_field(stack):\n"
            "    size, jump = 1, 1\n"
            "    for kernel, stride, _ in stack:\n"
            "        size += (kernel - 1) * jump\n"
            "        jump *= stride\n"
            "    return size, jump\n",
            "a dilated kernel reaches",
        ),
        "strides added up": (
            "def receptive_field(stack):\n"
            "    size, jump = 1, 1\n"
            "    for kernel, stride, dilation in stack:\n"
            "        size += dilation * (kernel - 1) * jump\n"
            "        jump += stride - 1\n"
            "    return size, jump\n",
            "product of all strides",
        ),
    },
    "03-freeze": {
        "biases still train": (
            "def freeze_all_but(trunk, count):\n"
            "    convolutions = [layer for layer in trunk if isinstance(layer, nn.Conv2d)]\n"
            "    for layer in convolutions[: len(convolutions) - count]:\n"
            "        layer.weight.requires_grad_(False)\n"
            "    return sum(p.numel() for p in trunk.parameters() if p.requires_grad)\n",
            r"0\.bias got a gradient.*biases are weights too",
        ),
        "batch normalisation still trains": (
            "def freeze_all_but(trunk, count):\n"
            "    convolutions = [layer for layer in trunk if isinstance(layer, nn.Conv2d)]\n"
            "    for layer in convolutions[: len(convolutions) - count]:\n"
            "        layer.requires_grad_(False)\n"
            "    return sum(p.numel() for p in trunk.parameters() if p.requires_grad)\n",
            "batch normalisation too",
        ),
        "the wrong end": (
            "def freeze_all_but(trunk, count):\n"
            "    trunk.requires_grad_(False)\n"
            "    for layer in [layer for layer in trunk if isinstance(layer, nn.Conv2d)][:count]:\n"
            "        layer.requires_grad_(True)\n"
            "    return sum(p.numel() for p in trunk.parameters() if p.requires_grad)\n",
            "the early layers are the ones to freeze",
        ),
        "a slice that means everything when count is 0": (
            "def freeze_all_but(trunk, count):\n"
            "    trunk.requires_grad_(False)\n"
            "    for layer in [layer for layer in trunk if isinstance(layer, nn.Conv2d)][-count:]:\n"
            "        layer.requires_grad_(True)\n"
            "    return sum(p.numel() for p in trunk.parameters() if p.requires_grad)\n",
            r"freeze_all_but\(trunk, 0\).*got a gradient",
        ),
        "tensors counted, not numbers": (
            "def freeze_all_but(trunk, count):\n"
            "    trunk.requires_grad_(False)\n"
            "    convolutions = [layer for layer in trunk if isinstance(layer, nn.Conv2d)]\n"
            "    for layer in convolutions[len(convolutions) - count :]:\n"
            "        layer.requires_grad_(True)\n"
            "    return sum(p.requires_grad for p in trunk.parameters())\n",
            r"add up numel\(\)",
        ),
    },
}
