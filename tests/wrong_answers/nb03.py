"""Plausible wrong answers to notebook 03's exercises, and the hint each must get."""

HOOKED = (
    "def count_macs(module, picture):\n"
    "    total = []\n"
    "    def hook(layer, inputs, output):\n"
    "        if isinstance(layer, nn.Conv2d):\n"
    "            total.append({conv})\n"
    "        else:\n"
    "            total.append(layer.in_features * layer.out_features)\n"
    "    kinds = {kinds}\n"
    "    handles = [p.register_forward_hook(hook) for p in {parts} if isinstance(p, kinds)]\n"
    "    module(picture)\n"
    "    for handle in handles:\n"
    "        {after}\n"
    "    return sum(total)\n"
)


def hooked(
    conv="layer.weight[0].numel() * output[0].numel()",
    kinds="(nn.Conv2d, nn.Linear)",
    parts="module.modules()",
    after="handle.remove()",
):
    return HOOKED.format(conv=conv, kinds=kinds, parts=parts, after=after)


WRONG_ANSWERS = {
    "03-count-macs": {
        "the input's area": (
            hooked("layer.weight.numel() * inputs[0].shape[2] * inputs[0].shape[3]"),
            r"Conv2d\(3, 8, 3\) on 6 x 6.*not of the input",
        ),
        "groups forgotten": (
            hooked("layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1] * output[0].numel()"),
            r"channels / groups",
        ),
        "linear layers forgotten": (hooked(kinds="nn.Conv2d"), "a linear layer needs in_features products"),
        "only the outer container": (hooked(parts="module.children()"), r"Conv2d\(3, 8, 1\)|looks into containers"),
        "hooks left behind": (hooked(after="pass"), "left behind"),
        "weights counted once per layer": (
            "def count_macs(module, picture):\n"
            "    sizes = {}\n"
            "    def hook(layer, inputs, output):\n"
            "        one = layer.weight[0].numel()\n"
            "        sizes[layer] = one * output[0].numel()\n"
            "    kinds = (nn.Conv2d, nn.Linear)\n"
            "    handles = [p.register_forward_hook(hook) for p in module.modules() if isinstance(p, kinds)]\n"
            "    module(picture)\n"
            "    [handle.remove() for handle in handles]\n"
            "    return sum(sizes.values())\n",
            "called twice works twice",
        ),
    },
    "03-residual-block": {
        "ReLU before the sum": (
            "def residual_block(x, first, second, project=None):\n"
            "    shortcut = x if project is None else project(x)\n"
            "    return F.relu(second(F.relu(first(x)))) + shortcut\n",
            "comes behind the sum",
        ),
        "no ReLU inside": (
            "def residual_block(x, first, second, project=None):\n"
            "    shortcut = x if project is None else project(x)\n"
            "    return F.relu(second(first(x)) + shortcut)\n",
            "between first and second",
        ),
        "no shortcut": (
            "def residual_block(x, first, second, project=None):\n"
            "    return F.relu(second(F.relu(first(x))))\n",
            "is the shortcut there",
        ),
        "projection forgotten": (
            "def residual_block(x, first, second, project=None):\n"
            "    return F.relu(second(F.relu(first(x))) + x)\n",
            "the projection takes x.*torch says",
        ),
        "sum in place": (
            "def residual_block(x, first, second, project=None):\n"
            "    inner = second(F.relu(first(x)))\n"
            "    x = x if project is None else project(x)\n"
            "    x += inner\n"
            "    return F.relu(x)\n",
            "changed in place",
        ),
    },
    "03-measured-field": {
        "the whole map instead of one unit": (
            "def measured_field(module, picture, row, column):\n"
            "    pixels = picture.clone().requires_grad_()\n"
            "    module(pixels).sum().backward()\n"
            "    rows, columns = (pixels.grad[0] != 0).any(0).nonzero().T\n"
            "    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())\n",
            "this one unit",
        ),
        "only positive gradients": (
            "def measured_field(module, picture, row, column):\n"
            "    pixels = picture.clone().requires_grad_()\n"
            "    module(pixels)[0, :, row, column].sum().backward()\n"
            "    rows, columns = (pixels.grad[0] > 0).any(0).nonzero().T\n"
            "    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())\n",
            "a negative gradient counts too",
        ),
        "small gradients left out": (
            "def measured_field(module, picture, row, column):\n"
            "    pixels = picture.clone().requires_grad_()\n"
            "    module(pixels)[0, :, row, column].sum().backward()\n"
            "    rows, columns = (pixels.grad[0].abs() > 1e-3).any(0).nonzero().T\n"
            "    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())\n",
            "a small gradient is a gradient",
        ),
        "the first channel of the picture only": (
            "def measured_field(module, picture, row, column):\n"
            "    pixels = picture.clone().requires_grad_()\n"
            "    module(pixels)[0, :, row, column].sum().backward()\n"
            "    found = (pixels.grad[0, 0] != 0).nonzero()\n"
            "    if len(found) == 0:\n"
            "        return 0, 0, 0, 0\n"
            "    rows, columns = found.T\n"
            "    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())\n",
            "any of its channels",
        ),
        "the first map only": (
            "def measured_field(module, picture, row, column):\n"
            "    pixels = picture.clone().requires_grad_()\n"
            "    module(pixels)[0, 0, row, column].backward()\n"
            "    rows, columns = (pixels.grad[0] != 0).any(0).nonzero().T\n"
            "    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())\n",
            "add up the unit's channels",
        ),
        "rows and columns exchanged": (
            "def measured_field(module, picture, row, column):\n"
            "    pixels = picture.clone().requires_grad_()\n"
            "    module(pixels)[0, :, row, column].sum().backward()\n"
            "    rows, columns = (pixels.grad[0] != 0).any(0).nonzero().T\n"
            "    return int(columns.min()), int(columns.max()), int(rows.min()), int(rows.max())\n",
            "this one unit|rows come before columns",
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
