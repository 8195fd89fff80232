"""The pattern by which notebooks take a reader's own data set: its folder, or samples that stand in for it."""

from kryptonlib import samples


def images_of(folder, loader, stand_ins):
    """Images of a reader's own data set, or of the samples that stand in for it.

    Args:
        folder: the data set's folder; "" or None where the reader has none.
        loader: a function of ``datasets`` that reads such a folder.
        stand_ins: names of samples.

    Returns:
        A list of ``Record`` or ``samples.Sample``; both have ``image`` and ``label``.

    Example:
        >>> images_of("", rsna_bone_age, ["xray-extremity"])[0].kind
        'x-ray'
    """
    return loader(folder) if folder else [samples.load(name) for name in stand_ins]
