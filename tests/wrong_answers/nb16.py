"""Plausible wrong answers to notebook 16's exercises, and the hint each must get."""

GENERATOR = (
    "def mended():\n    draw = nn.Sequential(\n"
    "        nn.ConvTranspose2d(100, 32, 7, bias=False), nn.BatchNorm2d(32), nn.ReLU(),\n"
    "        nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),\n"
)
DISCRIMINATOR = (
    "    judge = nn.Sequential(\n"
    "        nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2),\n"
    "        nn.Conv2d(16, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2), nn.Conv2d(32, 1, 7))\n"
    "    return draw, judge\n"
)

WRONG_ANSWERS = {
    "16-optimal": {
        "the ratio": ("def optimal(p, q):\n    return p / q\n", r"D = 1/2|divide by the sum"),
        "the generator's share": ("def optimal(p, q):\n    return q / (p + q)\n", "divide by the sum|0 where p is 0"),
        "squared densities": ("def optimal(p, q):\n    return p**2 / (p**2 + q**2)\n", "divide by the sum"),
    },
    "16-generator-loss": {
        "saturating": (
            "def generator_loss(logits):\n    return -functional.softplus(logits).mean()\n",
            "the saturating loss",
        ),
        "overflow": (
            "def generator_loss(logits):\n    return -torch.log(torch.sigmoid(logits)).mean()\n",
            "stay finite",
        ),
        "not averaged": (
            "def generator_loss(logits):\n    return functional.softplus(-logits)\n",
            "take the mean over the minibatch",
        ),
        "the discriminator's": (
            "def generator_loss(logits):\n    return functional.softplus(logits).mean()\n",
            "small where the discriminator takes what is generated for real",
        ),
    },
    "16-discriminator-loss": {
        "not held": (
            "def discriminator_loss(generator, discriminator, real, z):\n"
            "    fake = discriminator(generator(z))\n"
            "    return functional.softplus(-discriminator(real)).mean() + functional.softplus(fake).mean()\n",
            "a gradient reaches the generator",
        ),
        "all held": (
            "def discriminator_loss(generator, discriminator, real, z):\n"
            "    with torch.no_grad():\n"
            "        fake = discriminator(generator(z))\n"
            "        return functional.softplus(-discriminator(real)).mean() + functional.softplus(fake).mean()\n",
            "no gradient reaches the discriminator",
        ),
        "its logits held": (
            "def discriminator_loss(generator, discriminator, real, z):\n"
            "    fake = discriminator(generator(z)).detach()\n"
            "    return functional.softplus(-discriminator(real)).mean() + functional.softplus(fake).mean()\n",
            "the discriminator learns from both parts",
        ),
        "labels exchanged": (
            "def discriminator_loss(generator, discriminator, real, z):\n"
            "    fake = discriminator(generator(z).detach())\n"
            "    return functional.softplus(discriminator(real)).mean() + functional.softplus(-fake).mean()\n",
            r"mean of softplus\(-logit\) over real examples",
        ),
    },
    "16-mend": {
        "batch norm at the output": (
            GENERATOR + "        nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False), nn.BatchNorm2d(1), nn.Tanh())\n" + DISCRIMINATOR,
            "no batch norm at G's output",
        ),
        "sigmoid at the output": (
            GENERATOR + "        nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Sigmoid())\n" + DISCRIMINATOR,
            "Sigmoid where tanh should be",
        ),
        "upsampling": (
            GENERATOR
            + "        nn.Upsample(scale_factor=2), nn.Conv2d(16, 1, 3, 1, 1), nn.Tanh())\n"
            + DISCRIMINATOR,
            "Upsample",
        ),
        "a wrong size": (
            GENERATOR + "        nn.ConvTranspose2d(16, 1, 4, 2), nn.Tanh())\n" + DISCRIMINATOR,
            r"expected \(4, 1, 28, 28\)",
        ),
    },
}  # fmt: skip
