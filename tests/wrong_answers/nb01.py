"""Plausible wrong answers to notebook 01's exercises, and the hint each must get."""

_NETWORK = """def hidden_gradients(x, target, W1, b1, W2, b2):
    hidden = sigmoid(W1 @ x + b1)
    output = sigmoid(W2 @ hidden + b2)
"""
_STEP = """def amsgrad_step(w, g, m, v, largest, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
"""
_ADAM = "    w = w - rate * (m / (1 - beta1**t)) / (np.sqrt(largest / (1 - beta2**t)) + eps)\n    return w, m, v, largest\n"

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
    "01-amsgrad": {
        "plain Adam": (_STEP + "    largest = v\n" + _ADAM, "never does"),
        "the maximum after the bias correction": (
            _STEP
            + "    largest = np.maximum(largest, v / (1 - beta2**t))\n"
            + "    w = w - rate * (m / (1 - beta1**t)) / (np.sqrt(largest) + eps)\n    return w, m, v, largest\n",
            "before v's bias correction",
        ),
        "uphill": (_STEP + "    largest = np.maximum(largest, v)\n" + _ADAM.replace("w - rate", "w + rate"), "wrong sign"),
        "the maximum of the squared gradients": (
            _STEP + "    largest = np.maximum(largest, g**2)\n" + _ADAM,
            "larger of itself and the new v",
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
    "01-eight-views": {
        "four turns and four flips that repeat": (
            "def eight_views(image):\n"
            "    turned = [np.rot90(image, k) for k in range(4)]\n"
            "    return turned + [image[::-1], image[:, ::-1], image[::-1, ::-1], image]\n",
            "only 6 of the 8",
        ),
        "the turns alone": (
            "def eight_views(image):\n    return [np.rot90(image, k) for k in range(4)]\n",
            "4 parts; expected a list of 8 views",
        ),
        "rolled instead of turned": (
            "def eight_views(image):\n    return [np.roll(image, k, axis=1) for k in range(8)]\n",
            "neither a turn nor a mirror",
        ),
    },
}
