"""Plausible wrong answers to notebook 13's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "13-noise": {
        "the count itself": (
            "def hybrid(grey, eta, sigma, random):\n"
            "    return np.clip(random.poisson(eta * grey) + random.normal(0, sigma, grey.shape), 0, 255)\n",
            "divide the count by eta again",
        ),
        "eta on the other side": (
            "def hybrid(grey, eta, sigma, random):\n"
            "    photons = eta * random.poisson(grey / eta)\n"
            "    return np.clip(photons + random.normal(0, sigma, grey.shape), 0, 255)\n",
            "the count has mean eta g",
        ),
        "sigma taken for a variance": (
            "def hybrid(grey, eta, sigma, random):\n"
            "    photons = random.poisson(eta * grey) / eta\n"
            "    return np.clip(photons + random.normal(0, np.sqrt(sigma), grey.shape), 0, 255)\n",
            "sigma is a standard deviation",
        ),
        "not clipped": (
            "def hybrid(grey, eta, sigma, random):\n"
            "    return random.poisson(eta * grey) / eta + random.normal(0, sigma, grey.shape)\n",
            r"clip the sum to \[0, 255\]",
        ),
        "one draw of the electronics for all pixels": (
            "def hybrid(grey, eta, sigma, random):\n"
            "    return np.clip(random.poisson(eta * grey) / eta + random.normal(0, sigma), 0, 255)\n",
            "the variance is",
        ),
    },
    "13-line": {
        "the slope for eta": (
            "def levels_of_line(means, variances):\n"
            "    slope, height = np.polyfit(means, variances, 1)\n"
            "    return (slope if slope > 0 else np.inf), np.sqrt(max(height, 0))\n",
            "the slope is 1 / eta",
        ),
        "the variance for sigma": (
            "def levels_of_line(means, variances):\n"
            "    slope, height = np.polyfit(means, variances, 1)\n"
            "    return (1 / slope if slope > 0 else np.inf), max(height, 0)\n",
            "the height at 0 is sigma squared",
        ),
        "a negative photon count": (
            "def levels_of_line(means, variances):\n"
            "    slope, height = np.polyfit(means, variances, 1)\n"
            "    return 1 / slope, np.sqrt(max(height, 0))\n",
            "no photon noise is to be seen",
        ),
        "standard deviations on a line": (
            "def levels_of_line(means, variances):\n"
            "    slope, height = np.polyfit(means, np.sqrt(variances), 1)\n"
            "    return 1 / slope, max(height, 0)\n",
            "the slope is 1 / eta",
        ),
    },
    "13-asymmetric": {
        "the printed sign": (
            "def asymmetric(estimated, true, alpha=0.3):\n"
            "    error = estimated - true\n"
            "    return np.mean(np.abs(alpha - (error > 0)) * error**2)\n",
            "under-estimation must cost more",
        ),
        "absolute errors": (
            "def asymmetric(estimated, true, alpha=0.3):\n"
            "    error = estimated - true\n"
            "    return np.mean(np.abs(alpha - (error < 0)) * np.abs(error))\n",
            "times the squared error",
        ),
        "the sum": (
            "def asymmetric(estimated, true, alpha=0.3):\n"
            "    error = estimated - true\n"
            "    return np.sum(np.abs(alpha - (error < 0)) * error**2)\n",
            r"squared error|the mean is taken",
        ),
        "the mean error decides for all": (
            "def asymmetric(estimated, true, alpha=0.3):\n"
            "    error = estimated - true\n"
            "    return abs(alpha - (error.mean() < 0)) * np.mean(error**2)\n",
            "each place has its own weight",
        ),
    },
    "13-spot": {
        "the clean image forgotten in the share": (
            "def kept_and_index(restored, restored_without, clean, template, contrast):\n"
            "    read = lambda image: (template * (image - clean)).sum() / template.sum()\n"
            "    present = [read(one) for one in restored]\n"
            "    absent = [read(one) for one in restored_without]\n"
            "    difference = np.mean(present) - np.mean(absent)\n"
            "    spread = np.sqrt((np.var(present, ddof=1) + np.var(absent, ddof=1)) / 2)\n"
            "    return difference / contrast, difference / spread\n",
            r"sum\(t\^2\)",
        ),
        "only the images with a spot": (
            "def kept_and_index(restored, restored_without, clean, template, contrast):\n"
            "    present = [(template * (one - clean)).sum() / (template**2).sum() for one in restored]\n"
            "    return np.mean(present) / contrast, np.mean(present) / np.std(present, ddof=1)\n",
            "divide the difference of the means by the contrast",
        ),
        "the deviation without ddof": (
            "def kept_and_index(restored, restored_without, clean, template, contrast):\n"
            "    read = lambda image: (template * (image - clean)).sum() / (template**2).sum()\n"
            "    present = [read(one) for one in restored]\n"
            "    absent = [read(one) for one in restored_without]\n"
            "    difference = np.mean(present) - np.mean(absent)\n"
            "    return difference / contrast, difference / np.sqrt((np.var(present) + np.var(absent)) / 2)\n",
            "with ddof=1",
        ),
        "the share in grey levels": (
            "def kept_and_index(restored, restored_without, clean, template, contrast):\n"
            "    read = lambda image: (template * (image - clean)).sum() / (template**2).sum()\n"
            "    present = [read(one) for one in restored]\n"
            "    absent = [read(one) for one in restored_without]\n"
            "    difference = np.mean(present) - np.mean(absent)\n"
            "    return difference, difference / np.sqrt((np.var(present, ddof=1) + np.var(absent, ddof=1)) / 2)\n",
            "by the contrast",
        ),
    },
}
