"""Plausible wrong answers to notebook 22's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "22-initial-spread": {
        "the variance": (
            "def initial_spread(shape, activation):\n"
            "    return float((2 if activation == 'relu' else 1) / np.prod(shape[1:]))\n",
            "the spread is its root",
        ),
        "the window forgotten": (
            "def initial_spread(shape, activation):\n"
            "    return float(np.sqrt((2 if activation == 'relu' else 1) / shape[1]))\n",
            "inputs times window",
        ),
        "the fan-out": (
            "def initial_spread(shape, activation):\n"
            "    fan = shape[0] * np.prod(shape[2:])\n"
            "    return float(np.sqrt((2 if activation == 'relu' else 1) / fan))\n",
            "every weight of one output",
        ),
    },
    "22-switch-norm": {
        "three normalised outputs mixed": (
            "def switch_norm(x, mean_logits, variance_logits):\n"
            "    out = 0\n"
            "    for pool, a in zip(((2, 3), (1, 2, 3), (0, 2, 3)), mean_logits.softmax(0)):\n"
            "        mean, variance = x.mean(pool, keepdim=True), x.var(pool, unbiased=False, keepdim=True)\n"
            "        out = out + a * (x - mean) / (variance + 1e-5).sqrt()\n"
            "    return out\n",
            "normalise once",
        ),
        "one set of weights": (
            "def switch_norm(x, mean_logits, variance_logits):\n"
            "    mean, variance = 0, 0\n"
            "    for pool, a in zip(((2, 3), (1, 2, 3), (0, 2, 3)), mean_logits.softmax(0)):\n"
            "        mean = mean + a * x.mean(pool, keepdim=True)\n"
            "        variance = variance + a * x.var(pool, unbiased=False, keepdim=True)\n"
            "    return (x - mean) / (variance + 1e-5).sqrt()\n",
            "weights of their own",
        ),
        "variances that divide by n - 1": (
            "def switch_norm(x, mean_logits, variance_logits):\n"
            "    mean, variance = 0, 0\n"
            "    pools = ((2, 3), (1, 2, 3), (0, 2, 3))\n"
            "    for pool, a, b in zip(pools, mean_logits.softmax(0), variance_logits.softmax(0)):\n"
            "        mean = mean + a * x.mean(pool, keepdim=True)\n"
            "        variance = variance + b * x.var(pool, keepdim=True)\n"
            "    return (x - mean) / (variance + 1e-5).sqrt()\n",
            "divide by n",
        ),
    },
    "22-pace": {
        "a first step that does nothing": (
            "def pace(step, steps, warm_up):\n"
            "    if step < warm_up:\n"
            "        return step / warm_up\n"
            "    return 0.5 * (1 + np.cos(np.pi * (step - warm_up) / (steps - warm_up)))\n",
            "already the first step moves",
        ),
        "the cosine over all steps": (
            "def pace(step, steps, warm_up):\n"
            "    if step < warm_up:\n"
            "        return (step + 1) / (warm_up + 1)\n"
            "    return 0.5 * (1 + np.cos(np.pi * step / steps))\n",
            "over the steps that are left",
        ),
        "a whole cosine": (
            "def pace(step, steps, warm_up):\n"
            "    if step < warm_up:\n"
            "        return (step + 1) / (warm_up + 1)\n"
            "    return np.cos(np.pi * (step - warm_up) / (steps - warm_up))\n",
            "from 1 to 0",
        ),
    },
    "22-early-stopping": {
        "compared with the last loss": (
            "def early_stopping(losses, patience):\n"
            "    kept, waited = 0, 0\n"
            "    for place in range(1, len(losses)):\n"
            "        waited = 0 if losses[place] < losses[place - 1] else waited + 1\n"
            "        if losses[place] < losses[kept]:\n"
            "            kept = place\n"
            "        if waited == patience:\n"
            "            return kept, place\n"
            "    return kept, len(losses) - 1\n",
            "not since the last fall",
        ),
        "the last weights kept": (
            "def early_stopping(losses, patience):\n"
            "    best = 0\n"
            "    for place, loss in enumerate(losses):\n"
            "        if loss < losses[best]:\n"
            "            best = place\n"
            "        if place - best == patience:\n"
            "            return place, place\n"
            "    return len(losses) - 1, len(losses) - 1\n",
            "not the last",
        ),
        "one measurement too patient": (
            "def early_stopping(losses, patience):\n"
            "    best = 0\n"
            "    for place, loss in enumerate(losses):\n"
            "        if loss < losses[best]:\n"
            "            best = place\n"
            "        if place - best > patience:\n"
            "            return best, place\n"
            "    return best, len(losses) - 1\n",
            "stop when there are `patience` of them",
        ),
    },
}
