"""Plausible wrong answers to notebook 01's exercises, and the hint each must get."""

_NETWORK = """def hidden_gradients(x, target, W1, b1, W2, b2):
    hidden = sigmoid(W1 @ x + b1)
    output = sigmoid(W2 @ hidden + b2)
"""
_DIFFERENCES = """def central_differences(loss, w, h):
    gradient = np.zeros(w.shape)
    for place in np.ndindex(w.shape):
        step = np.zeros(w.shape)
        step[place] = h
        gradient[place] = {quotient}
    return gradient
"""
_EPOCH = """def sgd_epoch(w, points, answers, order, size, rate):
    for begin in range(0, {end}, size):
        chosen = {chosen}
        w = w + rate * (answers[chosen] - points[chosen] @ w) @ points[chosen] / {divisor}
    return w
"""
_TAKEN = "order[begin : begin + size]"

WRONG_ANSWERS = {
    "01-hidden-gradients": {
        "the slope of the hidden units is forgotten": (
            _NETWORK + "    return np.outer(W2.T @ ((output - target) * output * (1 - output)), x)\n",
            r"hidden units, out_h \(1 - out_h\), is missing",
        ),
        "the slope of the outputs is forgotten": (
            _NETWORK + "    return np.outer(W2.T @ (output - target) * hidden * (1 - hidden), x)\n",
            r"output units, out_o \(1 - out_o\), is missing",
        ),
        "W2 is not transposed": (
            _NETWORK
            + "    return np.outer(W2 @ ((output - target) * output * (1 - output)) * hidden * (1 - hidden), x)\n",
            "turned the wrong way",
        ),
        "the sign of the slides": (
            _NETWORK
            + "    signal = (target - output) * output * (1 - output)\n"
            + "    return np.outer(W2.T @ signal * hidden * (1 - hidden), x)\n",
            "every sign is reversed",
        ),
    },
    "01-central-differences": {
        "forward differences": (_DIFFERENCES.format(quotient="(loss(w + step) - loss(w)) / h"), "forward differences"),
        "divided by h": (_DIFFERENCES.format(quotient="(loss(w + step) - loss(w - step)) / h"), "2 h apart"),
        "below minus above": (
            _DIFFERENCES.format(quotient="(loss(w - step) - loss(w + step)) / (2 * h)"),
            "sign is reversed",
        ),
        "all weights at once": (
            "def central_differences(loss, w, h):\n"
            "    return np.full(w.shape, (loss(w + h) - loss(w - h)) / (2 * h))\n",
            "one weight at a time",
        ),
        "the weights are left moved": (
            "def central_differences(loss, w, h):\n"
            "    gradient = np.zeros(w.shape)\n"
            "    for place in np.ndindex(w.shape):\n"
            "        w[place] += h\n"
            "        above = loss(w)\n"
            "        w[place] -= 2 * h\n"
            "        gradient[place] = (above - loss(w)) / (2 * h)\n"
            "    return gradient\n",
            "weights were changed",
        ),
    },
    "01-sgd-epoch": {
        "the sum instead of the mean": (
            _EPOCH.format(end="len(order)", chosen=_TAKEN, divisor="1"),
            "divide by the number",
        ),
        "the last batch is dropped": (
            _EPOCH.format(end="len(order) - size + 1", chosen=_TAKEN, divisor="len(chosen)"),
            "smaller batch is left out",
        ),
        "the last batch is divided by the full size": (
            _EPOCH.format(end="len(order)", chosen=_TAKEN, divisor="size"),
            "over the samples it has",
        ),
        "the order is forgotten": (
            _EPOCH.format(
                end="len(order)", chosen="np.arange(begin, min(begin + size, len(order)))", divisor="len(chosen)"
            ),
            "in the given order",
        ),
        "the sign of the slides": (
            _EPOCH.format(end="len(order)", chosen=_TAKEN, divisor="len(chosen)").replace("w + rate", "w - rate"),
            "already carries the minus",
        ),
        "all gradients at the first weights": (
            "def sgd_epoch(w, points, answers, order, size, rate):\n"
            "    first = w\n"
            "    for begin in range(0, len(order), size):\n"
            "        chosen = order[begin : begin + size]\n"
            "        w = w + rate * (answers[chosen] - points[chosen] @ first) @ points[chosen] / len(chosen)\n"
            "    return w\n",
            "the batch before it left",
        ),
    },
    "01-k-folds": {
        "the remainder is dropped": (
            "def k_folds(samples, k, seed):\n"
            "    order = np.random.default_rng(seed).permutation(samples)\n"
            "    size = samples // k\n"
            "    tests = [order[i * size : (i + 1) * size] for i in range(k)]\n"
            "    return [(np.setdiff1d(order, test), test) for test in tests]\n",
            "never tested",
        ),
        "each fold drawn anew": (
            "def k_folds(samples, k, seed):\n"
            "    draw = np.random.default_rng(seed)\n"
            "    tests = [draw.choice(samples, samples // k, replace=False) for _ in range(k)]\n"
            "    return [(np.setdiff1d(np.arange(samples), test), test) for test in tests]\n",
            "must be disjoint",
        ),
        "trained on everything": (
            "def k_folds(samples, k, seed):\n"
            "    order = np.random.default_rng(seed).permutation(samples)\n"
            "    return [(order, test) for test in np.array_split(order, k)]\n",
            "is a test sample trained on",
        ),
        "not shuffled": (
            "def k_folds(samples, k, seed):\n"
            "    order = np.arange(samples)\n"
            "    return [(np.setdiff1d(order, test), test) for test in np.array_split(order, k)]\n",
            "shuffle first",
        ),
    },
}
