"""Plausible wrong answers to notebook 00's exercise, and the hint each must get."""

WRONG_ANSWERS = {
    "00-brightness": {
        "the sum": ("def brightness(image):\n    return image.sum()\n", "divide it by the number"),
        "one value per colour": ("def brightness(image):\n    return image.mean((0, 1))\n", "over the colours"),
        "the middle of the range": (
            "def brightness(image):\n    return (image.min() + image.max()) / 2\n",
            "a loop over all values gives",
        ),
    }
}
