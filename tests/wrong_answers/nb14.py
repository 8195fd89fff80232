"""Plausible wrong answers to notebook 14's exercises, and the hint each must get."""

COUNT = (
    "def count(rows, observers, candidates):\n"
    "    wins = np.zeros((len(observers), len(candidates), len(candidates)), dtype=int)\n"
    "    for row in rows:\n"
    "        k = observers.index(row['observer'])\n"
    "        i, j = candidates.index(row['winner']), candidates.index(row['loser'])\n"
    "        {line}\n"
    "    return {wins}\n"
)
LIKELIHOOD = (
    "def log_likelihood(scores, wins):\n"
    "    d = (scores[:, None] - scores) / {unit}\n"
    "    log_p = {log_p}\n"
    "    pull = wins * np.exp(-(d**2) / 2 - log_ndtr(d)) / np.sqrt(2 * np.pi) / {inner}\n"
    "    return (wins * log_p).sum(), {slopes}\n"
)
RIGHT = {"unit": "1.4826", "log_p": "log_ndtr(d)", "inner": "1.4826", "slopes": "pull.sum(1) - pull.sum(0)"}
INTERVALS = (
    "def intervals(wins, scale, samples, random):\n"
    "    found = []\n"
    "    for _ in range(samples):\n"
    "        drawn = {drawn}\n"
    "        found.append(scale(wins[drawn].sum(0)))\n"
    "    return np.percentile(found, {shares}, axis=0)\n"
)

WRONG_ANSWERS = {
    "14-count": {
        "columns are winners": (COUNT.format(line="wins[k, j, i] += 1", wins="wins"), "the winner's index comes before"),
        "votes that do not add up": (COUNT.format(line="wins[k, i, j] = 1", wins="wins"), "votes add up"),
        "one table for all": (COUNT.format(line="wins[k, i, j] += 1", wins="wins.sum(0)"), "observers, candidates, candidates"),
        "both lost and won": (
            COUNT.format(line="wins[k, i, j] += 1; wins[k, j, i] -= 1", wins="wins"),
            "the winner's index",
        ),
    },
    "14-likelihood": {
        "without the unit": (LIKELIHOOD.format(**{**RIGHT, "unit": "1.0"}), "divided by 1.4826 before Phi|the slopes"),
        "log of ndtr": (LIKELIHOOD.format(**{**RIGHT, "log_p": "np.log(ndtr(d))"}), "use log_ndtr"),
        "the inner derivative forgotten": (LIKELIHOOD.format(**{**RIGHT, "inner": "1.0"}), "divided by 1.4826 once more"),
        "the loser is not pushed": (LIKELIHOOD.format(**{**RIGHT, "slopes": "pull.sum(1)"}), "pull its score up and the other's down"),
        "pulled the wrong way": (LIKELIHOOD.format(**{**RIGHT, "slopes": "pull.sum(0) - pull.sum(1)"}), "pull its score up"),
    },
    "14-bootstrap": {
        "without replacement": (
            INTERVALS.format(drawn="random.permutation(len(wins))", shares="[2.5, 97.5]"),
            "with replacement",
        ),
        "single votes": (
            "def intervals(wins, scale, samples, random):\n"
            "    total, found = wins.sum(0), []\n"
            "    for _ in range(samples):\n"
            "        drawn = np.zeros_like(total)\n"
            "        for i in range(len(total)):\n"
            "            for j in range(i):\n"
            "                n = total[i, j] + total[j, i]\n"
            "                drawn[i, j] = random.binomial(n, total[i, j] / max(n, 1))\n"
            "                drawn[j, i] = n - drawn[i, j]\n"
            "        found.append(scale(drawn))\n"
            "    return np.percentile(found, [2.5, 97.5], axis=0)\n",
            "draw whole observers, not single votes",
        ),
        "half of the observers": (
            INTERVALS.format(drawn="random.integers(len(wins), size=len(wins) // 2)", shares="[2.5, 97.5]"),
            "draw whole observers|as many observers as there are",
        ),
        "one-sided percentiles": (
            INTERVALS.format(drawn="random.integers(len(wins), size=len(wins))", shares="[5, 95]"),
            "as many observers as there are|with replacement",
        ),
    },
    "14-two-alternatives": {
        "the shares of the first": (
            "def two_alternatives(first, second, preferred):\n"
            "    return np.where(first == second, 0.5, np.where(second < first, 1 - preferred, preferred)).mean()\n",
            "everybody chose it",
        ),
        "ties count for the first": (
            "def two_alternatives(first, second, preferred):\n"
            "    return np.where(second < first, preferred, 1 - preferred).mean()\n",
            "a tie gets a half",
        ),
        "the majority decides": (
            "def two_alternatives(first, second, preferred):\n"
            "    agrees = (second < first) == (preferred > 0.5)\n"
            "    return np.where(first == second, 0.5, agrees).mean()\n",
            "gets the share of people",
        ),
    },
}
