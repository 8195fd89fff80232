"""Plausible wrong answers to notebook 10's exercises, and the hint each must get."""

CONSTANTS = "C1, C2, C3 = 0.01**2, 0.03**2, 0.03**2 / 2\n"

WRONG_ANSWERS = {
    "10-rho": {
        "the formula without its limits": (
            "def rho(d, alpha, c):\n"
            "    z = (d / c) ** 2\n"
            "    with np.errstate(all='ignore'):\n"
            "        distance = np.float64(abs(alpha - 2))\n"
            "        return distance / alpha * ((z / distance + 1) ** (alpha / 2) - 1)\n",
            "at alpha = 2",
        ),
        "c forgotten": (
            "def rho(d, alpha, c):\n"
            "    z = d**2\n"
            "    if alpha == 2:\n"
            "        return z / 2\n"
            "    if alpha == 0:\n"
            "        return np.log(z / 2 + 1)\n"
            "    if alpha == -np.inf:\n"
            "        return 1 - np.exp(-z / 2)\n"
            "    return abs(alpha - 2) / alpha * ((z / abs(alpha - 2) + 1) ** (alpha / 2) - 1)\n",
            "divided by c before it is squared",
        ),
        "the power alpha": (
            "def rho(d, alpha, c):\n"
            "    z = (d / c) ** 2\n"
            "    if alpha == 2:\n"
            "        return z / 2\n"
            "    if alpha == 0:\n"
            "        return np.log(z / 2 + 1)\n"
            "    if alpha == -np.inf:\n"
            "        return 1 - np.exp(-z / 2)\n"
            "    return abs(alpha - 2) / alpha * ((z / abs(alpha - 2) + 1) ** alpha - 1)\n",
            "smooth l1",
        ),
    },
    "10-patch-ssim": {
        "variances as the thesis calls them": (
            CONSTANTS + "def patch_ssim(x, y):\n"
            "    mx, my, vx, vy = x.mean(), y.mean(), x.var(), y.var()\n"
            "    cov = ((x - mx) * (y - my)).mean()\n"
            "    l = (2 * mx * my + C1) / (mx**2 + my**2 + C1)\n"
            "    c = (2 * vx * vy + C2) / (vx**2 + vy**2 + C2)\n"
            "    s = (cov + C3) / (vx * vy + C3)\n"
            "    return l * c * s\n",
            "sigma is the standard deviation|of equal patches it is 1",
        ),
        "no constants": (
            CONSTANTS + "def patch_ssim(x, y):\n"
            "    mx, my, sx, sy = x.mean(), y.mean(), x.std(), y.std()\n"
            "    cov = ((x - mx) * (y - my)).mean()\n"
            "    return 2 * mx * my / (mx**2 + my**2) * 2 * sx * sy / (sx**2 + sy**2) * cov / (sx * sy)\n",
            "are C2 and C3 in c and s",
        ),
        "the size of the covariance": (
            CONSTANTS + "def patch_ssim(x, y):\n"
            "    mx, my, sx, sy = x.mean(), y.mean(), x.std(), y.std()\n"
            "    cov = abs(((x - mx) * (y - my)).mean())\n"
            "    l = (2 * mx * my + C1) / (mx**2 + my**2 + C1)\n"
            "    c = (2 * sx * sy + C2) / (sx**2 + sy**2 + C2)\n"
            "    return l * c * (cov + C3) / (sx * sy + C3)\n",
            "with its sign",
        ),
    },
    "10-feature-distance": {
        "features not normalised": (
            "def feature_distance(fx, fy, weights):\n"
            "    total = 0.0\n"
            "    for f, g, w in zip(fx, fy, weights):\n"
            "        total = total + (w[:, None, None] * (f - g) ** 2).sum(0).mean()\n"
            "    return float(total)\n",
            "divide each feature vector by its length",
        ),
        "the weights inside the square": (
            "def feature_distance(fx, fy, weights):\n"
            "    total = 0.0\n"
            "    for f, g, w in zip(fx, fy, weights):\n"
            "        f, g = f / f.norm(dim=0), g / g.norm(dim=0)\n"
            "        total = total + ((w[:, None, None] * (f - g)) ** 2).sum(0).mean()\n"
            "    return float(total)\n",
            "the weights multiply the squares",
        ),
        "the sum over the places": (
            "def feature_distance(fx, fy, weights):\n"
            "    total = 0.0\n"
            "    for f, g, w in zip(fx, fy, weights):\n"
            "        f, g = f / f.norm(dim=0), g / g.norm(dim=0)\n"
            "        total = total + (w[:, None, None] * (f - g) ** 2).sum()\n"
            "    return float(total)\n",
            "take the mean over the places",
        ),
        "one length for the whole layer": (
            "def feature_distance(fx, fy, weights):\n"
            "    total = 0.0\n"
            "    for f, g, w in zip(fx, fy, weights):\n"
            "        f, g = f / f.norm(), g / g.norm()\n"
            "        total = total + (w[:, None, None] * (f - g) ** 2).sum(0).mean()\n"
            "    return float(total)\n",
            "sum over the channels",
        ),
    },
    "10-at-error": {
        "the root forgotten": (
            "def at_error(x, y, error):\n    return y + (x - y) * (error / (x - y).square().mean())\n",
            "take the root of the ratio",
        ),
        "the image scaled": (
            "def at_error(x, y, error):\n    return x * (error / (x - y).square().mean()).sqrt()\n",
            "the square of the factor|scale x - y, not x",
        ),
        "a constant error": (
            "def at_error(x, y, error):\n    return y + error**0.5\n",
            "stay on the line",
        ),
    },
}
