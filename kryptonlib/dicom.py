"""Read a DICOM file as it is meant to be looked at. For teaching, not for diagnosis."""

import numpy as np


def read_dicom(path):
    """The picture in a DICOM file, windowed as the file asks: float32 [H, W] in [0, 1], 1 = white.

    The stored values pass through the modality look-up table (to physical values, Hounsfield units in a CT), then
    through the window or look-up table for display (the first, if there are several), and are turned over if the file
    stores white as its smallest value (MONOCHROME1, as many X-rays do). All stored bits are used, nothing is reduced to
    8. A file without a window is scaled from its smallest to its largest value.

    DICOM PS3.3, C.11.1 and C.11.2, https://dicom.nema.org/medical/dicom/current/output/html/part03.html

    Args:
        path: a file with one grey frame.

    Raises:
        ValueError: the file holds colour or several frames.

    Example:
        >>> read_dicom(store.path("pydicom-data/RG1_UNCR.dcm")).shape
        (1955, 1841)
    """
    # pydicom comes with the extra "course"; the rest of the library does without.
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    dataset = pydicom.dcmread(path)
    photometric = dataset.PhotometricInterpretation
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise ValueError(f"{path}: {photometric} is not grey; only MONOCHROME1 and MONOCHROME2 are read")
    if int(dataset.get("NumberOfFrames", 1) or 1) != 1:
        raise ValueError(f"{path}: {dataset.NumberOfFrames} frames; only files with one frame are read")
    physical = apply_modality_lut(dataset.pixel_array, dataset)
    # One window or several; some files say "no window" by a width of 0.
    width = float(np.ravel(dataset.get("WindowWidth") or 0)[0])
    if "VOILUTSequence" in dataset:
        shown = apply_voi_lut(physical, dataset, prefer_lut=True).astype(np.float64)
        low, high = 0, 2 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1
    elif width >= 1:
        # pydicom's black and white depend on bits, sign and rescaling: ask it what far too dark and bright become.
        with np.errstate(over="ignore"):
            shown = apply_voi_lut(physical, dataset, prefer_lut=False).astype(np.float64)
            low, high = apply_voi_lut(np.array([-1e9, 1e9]), dataset, prefer_lut=False)
    else:
        shown = physical.astype(np.float64)
        low, high = shown.min(), shown.max()
    # A constant image has no range: black.
    picture = np.clip((shown - low) / (high - low if high != low else 1), 0, 1)
    return (1 - picture if photometric == "MONOCHROME1" else picture).astype(np.float32)
