"""MR images in a folder: fastMRI's files of one or several coils, and heads as NIfTI volumes. Not for diagnosis."""

from functools import partial

import numpy as np

from kryptonlib.datasets.folder import Record, Source, checked_folder, content, files, hidden, wrong

FASTMRI = Source(
    "fastMRI",
    "*.h5 of a train or val set with kspace and reconstruction_esc (single-coil: kspace [slices, rows, columns]) or "
    "reconstruction_rss (multi-coil: kspace [slices, coils, rows, columns])",
    "https://fastmri.med.nyu.edu",
)
NIFTI = Source("MR heads", "*.nii or *.nii.gz, volumes whose last axis runs along the body", "from your scanner")
AXES = {"reconstruction_esc": 3, "reconstruction_rss": 4}
"""The reconstruction that a file holds -> axes of its k-space."""


def fastmri(folder):
    """Slices of fastMRI volumes, in order; single-coil and multi-coil files may lie side by side.

    Args:
        folder: with the files themselves, such as singlecoil_val or multicoil_train.

    Returns:
        Records: ``image`` is the magnitude as stored, [320, 320] mostly, ``kspace(record)`` the complex k-space [rows,
        columns] or [coils, rows, columns]; ``facts`` holds slice, slices, coils (1 where there is no such axis),
        acquisition, patient and ``max``, the volume's largest value (its data_range).

    Raises:
        ValueError, FileNotFoundError, TypeError: no such folder or files; the message says what was found.
    """
    folder = checked_folder(folder, FASTMRI)
    records = [
        record
        for path in files(folder, {".h5"})
        if path.parent == folder
        for record in _slices(path, folder)
    ]
    if not records:
        raise wrong(FASTMRI, folder, f"{content(folder)}; no *.h5")
    return records


def _slices(path, folder):
    import h5py  # comes with the extra "course"

    try:
        with h5py.File(path) as file:
            shapes = {name: file[name].shape for name in ("kspace", *AXES) if name in file}
            names = {"acquisition": "acquisition", "patient": "patient_id", "max": "max"}
            facts = {key: file.attrs.get(name) for key, name in names.items()}
    except OSError as error:
        raise wrong(FASTMRI, folder, f"{path.name}, which is damaged ({error})") from error
    images = next((name for name in AXES if name in shapes), None)
    measured = shapes.get("kspace", ())
    if images is None or len(shapes[images]) != 3 or len(measured) != AXES[images] or len(measured) and (
        measured[0] != shapes[images][0]
    ):
        kind = " (no reconstruction: a test or challenge set)" if measured and images is None else ""
        raise wrong(FASTMRI, folder, f"{path.name} with {shapes or 'neither'}{kind}")
    count, coils = shapes[images][0], measured[1] if len(measured) == 4 else 1
    facts |= {"coils": coils, "slices": count}
    return [Record(path, None, facts | {"slice": n}, partial(_read_slice, images, n)) for n in range(count)]


def kspace(record):
    """The measured k-space of a fastMRI record, centred: complex64 [rows, columns], or [coils, rows, columns]."""
    if not isinstance(record, Record) or "slice" not in record.facts:
        raise TypeError(f"kspace() got {type(record).__name__}, expected a Record of datasets.fastmri()")
    return _read_slice("kspace", record.facts["slice"], record.path)


def _read_slice(name, number, path):
    import h5py

    with h5py.File(path) as file:
        return file[name][number]


def nifti_heads(folder):
    """MR volumes of a folder and below: NIfTI files whose first axis runs from ear to ear and the last along the body.

    Returns:
        Records, one a volume: ``image`` is float32 [slices, H, W] as stored, the nose up or down as it lies in the
        file; ``facts["patient"]`` is the file's name up to the first "_": volumes of one person begin alike.

    Raises:
        ValueError, FileNotFoundError, TypeError: no such folder or files, or a file that holds no volume.
    """
    folder = checked_folder(folder, NIFTI)
    paths = [path for path in sorted(folder.rglob("*")) if path.name.lower().endswith((".nii", ".nii.gz"))]
    paths = [path for path in paths if not any(hidden(part) for part in path.relative_to(folder).parts)]
    if not paths:
        raise wrong(NIFTI, folder, f"{content(folder)}; no *.nii or *.nii.gz")
    return [Record(path, None, {"patient": path.name.split(".")[0].split("_")[0]}, _read_volume) for path in paths]


def _read_volume(path):
    import nibabel  # comes with the extra "course"

    try:
        volume = np.asarray(nibabel.load(path).dataobj, np.float32)
    except (OSError, EOFError, nibabel.filebasedimages.ImageFileError) as error:
        raise wrong(NIFTI, path.parent, f"{path.name}, which is damaged ({error})") from error
    if volume.ndim != 3:
        raise wrong(NIFTI, path.parent, f"{path.name} with axes {volume.shape}")
    return np.ascontiguousarray(volume.transpose(2, 1, 0))
