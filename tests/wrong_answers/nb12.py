"""Plausible wrong answers to notebook 12's exercises, and the hint each must get."""

WRONG_ANSWERS = {
    "12-column-mask": {
        "one in so many of all columns": (
            "def column_mask(columns, acceleration, center, numbers):\n"
            "    middle = round(columns * center)\n"
            "    mask = numbers < 1 / acceleration\n"
            "    begin = (columns - middle + 1) // 2\n"
            "    mask[begin : begin + middle] = True\n"
            "    return mask\n",
            "less the middle, are spread over the columns that are left",
        ),
        "the middle half a column too far left": (
            "def column_mask(columns, acceleration, center, numbers):\n"
            "    middle = round(columns * center)\n"
            "    mask = numbers < (columns / acceleration - middle) / (columns - middle)\n"
            "    begin = (columns - middle) // 2\n"
            "    mask[begin : begin + middle] = True\n"
            "    return mask\n",
            "must all be measured",
        ),
        "the middle left to chance": (
            "def column_mask(columns, acceleration, center, numbers):\n"
            "    middle = round(columns * center)\n"
            "    return numbers < (columns / acceleration - middle) / (columns - middle)\n",
            "must all be measured",
        ),
    },
    "12-data-consistent": {
        "the other columns": (
            "def data_consistent(image, measured, mask):\n"
            "    return to_image(np.where(mask, to_kspace(image), measured)).real\n",
            "the wrong columns were replaced",
        ),
        "added instead of replaced": (
            "def data_consistent(image, measured, mask):\n    return to_image(to_kspace(image) + measured).real\n",
            "they must take their place",
        ),
        "a complex image": (
            "def data_consistent(image, measured, mask):\n"
            "    return to_image(np.where(mask, measured, to_kspace(image)))\n",
            "return its real part",
        ),
        "the magnitude": (
            "def data_consistent(image, measured, mask):\n"
            "    return abs(to_image(np.where(mask, measured, to_kspace(image))))\n",
            "take the real part",
        ),
    },
    "12-volume-psnr": {
        "the mean of the slices": (
            "def volume_psnr(test, reference):\n"
            "    errors = ((test - reference) ** 2).mean((1, 2))\n"
            "    return (10 * np.log10(reference.max() ** 2 / errors)).mean()\n",
            "first average the squared errors over the volume",
        ),
        "each slice by its own maximum": (
            "def volume_psnr(test, reference):\n"
            "    errors = ((test - reference) ** 2).mean((1, 2))\n"
            "    return (10 * np.log10(reference.max((1, 2)) ** 2 / errors)).mean()\n",
            "take the volume's",
        ),
        "a peak of 1": (
            "def volume_psnr(test, reference):\n    return -10 * np.log10(((test - reference) ** 2).mean())\n",
            "not 1",
        ),
    },
}
