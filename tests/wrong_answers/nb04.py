"""Plausible wrong answers to notebook 04's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "04-place-patch": {
        "changes the image itself": (
            "def place_patch(image, top, left, height, width, fill):\n"
            "    image[top:top + height, left:left + width] = fill\n"
            "    return image\n",
            "cover a copy",
        ),
        "rows and columns exchanged": (
            "def place_patch(image, top, left, height, width, fill):\n"
            "    covered = image.copy()\n"
            "    covered[left:left + width, top:top + height] = fill\n"
            "    return covered\n",
            "`top` counts rows",
        ),
        "slice to the size, not to the end": (
            "def place_patch(image, top, left, height, width, fill):\n"
            "    covered = image.copy()\n"
            "    covered[top:height, left:width] = fill\n"
            "    return covered\n",
            "not every pixel of the patch",
        ),
    },
    "04-occlusion-maps": {
        "the last position is forgotten": (
            "def occlusion_maps(scores, image, patch, stride, fill, batch):\n"
            "    tops = range(0, image.shape[0] - patch, stride)\n"
            "    lefts = range(0, image.shape[1] - patch, stride)\n"
            "    places = [(top, left) for top in tops for left in lefts]\n"
            "    values = []\n"
            "    for start in range(0, len(places), batch):\n"
            "        part = places[start : start + batch]\n"
            "        covered = np.repeat(image[None], len(part), axis=0)\n"
            "        for one, (top, left) in zip(covered, part):\n"
            "            one[top : top + patch, left : left + patch] = fill\n"
            "        values.append(scores(covered))\n"
            "    return np.concatenate(values).T.reshape(-1, len(tops), len(lefts))\n",
            "the last one that fits",
        ),
        "patches are left in the image": (
            "def occlusion_maps(scores, image, patch, stride, fill, batch):\n"
            "    tops = range(0, image.shape[0] - patch + 1, stride)\n"
            "    lefts = range(0, image.shape[1] - patch + 1, stride)\n"
            "    places = [(top, left) for top in tops for left in lefts]\n"
            "    values = []\n"
            "    for start in range(0, len(places), batch):\n"
            "        part = places[start : start + batch]\n"
            "        covered = np.repeat(image[None], len(part), axis=0)\n"
            "        for number, (top, left) in enumerate(part):\n"
            "            covered[number:, top : top + patch, left : left + patch] = fill\n"
            "        values.append(scores(covered))\n"
            "    return np.concatenate(values).T.reshape(-1, len(tops), len(lefts))\n",
            "each image has one patch",
        ),
        "classes and positions are not exchanged": (
            "def occlusion_maps(scores, image, patch, stride, fill, batch):\n"
            "    tops = range(0, image.shape[0] - patch + 1, stride)\n"
            "    lefts = range(0, image.shape[1] - patch + 1, stride)\n"
            "    places = [(top, left) for top in tops for left in lefts]\n"
            "    values = []\n"
            "    for start in range(0, len(places), batch):\n"
            "        part = places[start : start + batch]\n"
            "        covered = np.repeat(image[None], len(part), axis=0)\n"
            "        for one, (top, left) in zip(covered, part):\n"
            "            one[top : top + patch, left : left + patch] = fill\n"
            "        values.append(scores(covered))\n"
            "    return np.concatenate(values).reshape(-1, len(tops), len(lefts))\n",
            "each image has one patch",
        ),
        "the rest of the last batch is dropped": (
            "def occlusion_maps(scores, image, patch, stride, fill, batch):\n"
            "    tops = range(0, image.shape[0] - patch + 1, stride)\n"
            "    lefts = range(0, image.shape[1] - patch + 1, stride)\n"
            "    places = [(top, left) for top in tops for left in lefts]\n"
            "    values = []\n"
            "    for start in range(0, len(places) - batch + 1, batch):\n"
            "        part = places[start : start + batch]\n"
            "        covered = np.repeat(image[None], len(part), axis=0)\n"
            "        for one, (top, left) in zip(covered, part):\n"
            "            one[top : top + patch, left : left + patch] = fill\n"
            "        values.append(scores(covered))\n"
            "    values.append(np.zeros((len(places) % batch, 2)))\n"
            "    return np.concatenate(values).T.reshape(-1, len(tops), len(lefts))\n",
            "positions fill 3 batches",
        ),
        "one pass for each position": (
            "def occlusion_maps(scores, image, patch, stride, fill, batch):\n"
            "    tops = range(0, image.shape[0] - patch + 1, stride)\n"
            "    lefts = range(0, image.shape[1] - patch + 1, stride)\n"
            "    places = [(top, left) for top in tops for left in lefts]\n"
            "    values = []\n"
            "    for start in range(0, len(places)):\n"
            "        part = places[start : start + 1]\n"
            "        covered = np.repeat(image[None], len(part), axis=0)\n"
            "        for one, (top, left) in zip(covered, part):\n"
            "            one[top : top + patch, left : left + patch] = fill\n"
            "        values.append(scores(covered))\n"
            "    return np.concatenate(values).T.reshape(-1, len(tops), len(lefts))\n",
            "positions fill 1 batches",
        ),
    },
    "04-log-odds": {
        "through the probability": (
            "def log_odds(logits, target):\n"
            "    z = np.exp(logits - logits.max(1, keepdims=True))\n"
            "    p = z[:, target] / z.sum(1)\n"
            "    return np.log(p / (1 - p))\n",
            "work with the logits",
        ),
        "the target stays in the sum": (
            "def log_odds(logits, target):\n"
            "    top = logits.max(1)\n"
            "    return logits[:, target] - top - np.log(np.exp(logits - top[:, None]).sum(1))\n",
            "left out of the sum",
        ),
        "exponentials overflow": (
            "def log_odds(logits, target):\n"
            "    others = np.delete(logits, target, axis=1)\n"
            "    return logits[:, target] - np.log(np.exp(others).sum(1))\n",
            "largest of the others",
        ),
        "the largest other instead of all": (
            "def log_odds(logits, target):\n"
            "    return logits[:, target] - np.delete(logits, target, axis=1).max(1)\n",
            "exact arithmetic gives",
        ),
    },
    "04-per-pixel": {
        "sums instead of means": (
            "def per_pixel(values, size, patch, stride):\n"
            "    total = np.zeros(size)\n"
            "    for i, j in np.ndindex(values.shape):\n"
            "        top, left = i * stride[0], j * stride[1]\n"
            "        total[top:top + patch[0], left:left + patch[1]] += values[i, j]\n"
            "    return total\n",
            "divide by how many",
        ),
        "the stride is forgotten": (
            "def per_pixel(values, size, patch, stride):\n"
            "    total, count = np.zeros(size), np.zeros(size)\n"
            "    for i, j in np.ndindex(values.shape):\n"
            "        total[i:i + patch[0], j:j + patch[1]] += values[i, j]\n"
            "        count[i:i + patch[0], j:j + patch[1]] += 1\n"
            "    return total / np.maximum(count, 1)\n",
            "begins at pixel row",
        ),
        "the last patch wins": (
            "def per_pixel(values, size, patch, stride):\n"
            "    pixels = np.full(size, np.nan)\n"
            "    for i, j in np.ndindex(values.shape):\n"
            "        top, left = i * stride[0], j * stride[1]\n"
            "        pixels[top:top + patch[0], left:left + patch[1]] = values[i, j]\n"
            "    return pixels\n",
            "differ from a loop",
        ),
        "zero where nothing was tried": (
            "def per_pixel(values, size, patch, stride):\n"
            "    total, count = np.zeros(size), np.zeros(size)\n"
            "    for i, j in np.ndindex(values.shape):\n"
            "        box = np.s_[i * stride[0]:i * stride[0] + patch[0], j * stride[1]:j * stride[1] + patch[1]]\n"
            "        total[box] += values[i, j]\n"
            "        count[box] += 1\n"
            "    return total / np.maximum(count, 1)\n",
            "must be NaN",
        ),
    },
}
