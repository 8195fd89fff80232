"""Read a DICOM file as it is meant to be looked at. For teaching, not for diagnosis.

The standard's part 3 says how stored values become grey: C.11.1 (to physical values) and C.11.2 (for display),
https://dicom.nema.org/medical/dicom/current/output/html/part03.html
"""

from pathlib import Path

import numpy as np

SUFFIXES = (".dcm", ".dicom", ".ima")


def is_dicom(path):
    """Whether a file is, or claims to be, DICOM: by its content, also without the usual preamble, or by its ending."""
    with open(path, "rb") as file:
        head = file.read(132)
    if head[128:] == b"DICM" or Path(path).suffix.lower() in SUFFIXES:
        return True
    # Without preamble a file begins with a tag of group 2 or 8, then the two letters of its type or its short length.
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    implicit = 0 < int.from_bytes(head[4:8], "little") <= 64
    return head[:2] in (b"\x02\x00", b"\x08\x00") and head[3:4] == b"\x00" and (explicit or implicit)


def read_dicom(path, frame=None):
    """The picture in a DICOM file, windowed as the file asks: float32 [H, W] in [0, 1], 1 = white.

    The stored values pass through the modality look-up table (to physical values, Hounsfield units in a CT), then
    through the look-up table or window for display (the first, if there are several), and are turned over if the file
    stores white as its smallest value (MONOCHROME1, as many X-rays do). All stored bits are used, nothing is reduced to
    8. A file without a window, or with half of one, is scaled from its smallest to its largest value.

    Args:
        path: a file with grey frames.
        frame: which one, from 0; None for a file with one.

    Raises:
        ValueError: no DICOM file, no image in it, colour, several frames and none chosen, or damage.

    Example:
        >>> read_dicom(store.path("pydicom-data/RG1_UNCR.dcm")).shape
        (1955, 1841)
    """
    try:
        # pydicom comes with the extra "course"; the rest of the library does without.
        import pydicom
    except ImportError as error:
        raise ValueError(f"{path} is a DICOM file; reading it needs pydicom: pip install pydicom") from error
    try:
        return _picture(_dataset(pydicom, path), frame)
    except Exception as error:  # pydicom reads lazily, and raises nearly every kind there is on damaged files
        raise ValueError(f"{path} cannot be read as DICOM: {error or type(error).__name__}") from error


def _dataset(pydicom, path):
    """The data set of a file, whose way of coding its pixels is known even where the preamble is missing."""
    dataset = pydicom.dcmread(path, force=True)
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise ValueError("it is no DICOM file, or one without an image")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, _ = dataset.original_encoding
        uid = pydicom.uid
        dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
    return dataset


def _picture(dataset, frame):
    photometric = dataset.get("PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise ValueError(
            f"{photometric} is not grey; only MONOCHROME1 and MONOCHROME2 are read. Save the picture as PNG"
            if photometric
            else "it does not say whether its smallest value is black or white (no PhotometricInterpretation)"
        )
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frame is None and frames > 1:
        raise ValueError(f"it has {frames} frames; page=0 takes the first (a command: --page 0)")
    frame = 0 if frame is None else frame
    if isinstance(frame, bool) or not isinstance(frame, int) or not 0 <= frame < frames:
        raise ValueError(f"it has the frames 0 to {frames - 1}, got frame={frame!r}")
    stored = dataset.pixel_array
    stored = stored[frame] if stored.ndim == 3 else stored
    shown = _shown(_physical(stored, dataset, frame), dataset, frame)
    return (1 - shown if photometric == "MONOCHROME1" else shown).astype(np.float32)


def _holder(dataset, frame, group, name):
    """Where ``name`` stands: in the file itself or, in enhanced files, in the group of the frame or of all frames."""
    holders = [dataset]
    for groups, index in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        groups = dataset.get(groups) or []
        holders += list(groups[index].get(group) or [])[:1] if index < len(groups) else []
    return next((holder for holder in holders if holder.get(name) is not None), {})


def _physical(stored, dataset, frame):
    """Stored to physical values (C.11.1): by the modality's table or by slope and intercept."""
    tables = dataset.get("ModalityLUTSequence")
    if tables:
        return _looked_up(stored, tables[0], dataset)[0]
    holder = _holder(dataset, frame, "PixelValueTransformationSequence", "RescaleSlope")
    slope, intercept = holder.get("RescaleSlope"), holder.get("RescaleIntercept")
    if not holder:
        intercept = dataset.get("RescaleIntercept")
    return stored.astype(np.float64) * (1 if slope is None else float(slope)) + float(intercept or 0)


def _shown(values, dataset, frame):
    """Physical values to grey in [0, 1] (C.11.2): by the display's table, by a window, or stretched."""
    tables = dataset.get("VOILUTSequence")
    if tables and tables[0].get("LUTDescriptor") is not None and tables[0].get("LUTData") is not None:
        entries, white = _looked_up(values, tables[0], dataset)
        return np.clip(entries / white, 0, 1)
    holder = _holder(dataset, frame, "FrameVOILUTSequence", "WindowWidth")
    centre, width = (_first(holder.get(name)) for name in ("WindowCenter", "WindowWidth"))
    # Some files say "no window" by a width of 0.
    if centre is None or width is None or width <= 0:
        low, high = values.min(), values.max()
        # A constant image has no range: black.
        return (values - low) / (high - low if high > low else 1)
    return window(values, centre, width, holder.get("VOILUTFunction") or "LINEAR")


def _first(value):
    """The first of several numbers, or the only one; None where there is none."""
    values = [] if value is None else np.ravel(value)
    return float(values[0]) if len(values) else None


def window(values, centre, width, function="LINEAR"):
    """Grey in [0, 1] of values seen through a window: C.11.2.1.2.1 (LINEAR), C.11.2.1.3 (SIGMOID, LINEAR_EXACT).

    LINEAR is made for whole numbers and has no meaning below a width of 1; there it is taken as LINEAR_EXACT.

    Args:
        values: [H, W] in physical units.
        centre, width: in the same units, width > 0.

    Raises:
        ValueError: another function.

    Example:
        >>> window(np.array([-200.0, 40.0, 300.0]), 40, 400, "LINEAR_EXACT")
        array([0. , 0.5, 1. ])
    """
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, None, 700)))
    if function not in ("LINEAR", "LINEAR_EXACT"):
        raise ValueError(f"its window has the unknown function {function!r}")
    if function == "LINEAR" and width >= 1:
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (values > centre).astype(np.float64)
    return np.clip((values - centre) / width + 0.5, 0, 1)


def _looked_up(values, table, dataset):
    """(entries of a look-up table, its white): values before the first or after the last entry get those."""
    count, first, bits = (int(number) for number in table.LUTDescriptor)
    # The length has 16 bits without a sign, 0 for 65,536, whatever type the file gives it.
    count = count % 2**16 or 2**16
    # The first value has a sign where the pixels have one, whatever type the file gives it.
    first -= 2**16 if first >= 2**15 and dataset.get("PixelRepresentation") == 1 else 0
    data = table.LUTData
    if isinstance(data, bytes):
        little = dataset.original_encoding[1] is not False
        kind = np.dtype("u1") if len(data) in (count, count + 1) and bits <= 8 else np.dtype("<u2" if little else ">u2")
        data = np.frombuffer(data[: count * kind.itemsize], kind)
    entries = np.asarray(data, dtype=np.float64)[:count]
    return entries[np.clip(np.rint(values).astype(np.int64) - first, 0, len(entries) - 1)], 2**bits - 1
