"""Data sets that need a licence or a download by hand: give the folder, get a checked list of records.

Each loader takes the folder as it comes out of the official download, checks it, and either returns a list of
``Record`` (nothing is read into memory yet) or says what it expected, what it found and where the data are to be had.
Notebooks run on freely licensed stand-ins unless they are given such a folder.
"""

import csv
from collections import namedtuple
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}

Source = namedtuple("Source", "name expected address")

KODAK = Source(
    "Kodak", "the files kodim01.png ... kodim24.png, RGB, 768x512 or 512x768", "https://r0k.us/graphics/kodak/"
)
CLASSES = Source(
    "class folders",
    "one folder per class with images in it: FOLDER/<class>/<image>",
    "https://www.image-net.org for ImageNet",
)
OCT = Source(
    "Kermany OCT",
    "train/ and test/, each with CNV/, DME/, DRUSEN/ and NORMAL/, full of JPEGs",
    "https://data.mendeley.com/datasets/rscbjbr9sj",
)
CHEST = Source(
    "Kermany chest X-rays",
    "train/ and test/, each with NORMAL/ and PNEUMONIA/, full of JPEGs",
    "https://data.mendeley.com/datasets/rscbjbr9sj",
)
CHESTXRAY8 = Source(
    "ChestX-ray8",
    "Data_Entry_2017*.csv (columns Image Index, Finding Labels, Patient ID) and its PNGs, in any subfolders",
    "https://nihcc.app.box.com/v/ChestXray-NIHCC",
)
FASTMRI = Source(
    "fastMRI single-coil",
    "*.h5 of singlecoil_train or _val with kspace [slices, rows, columns] and reconstruction_esc [slices, 320, 320]",
    "https://fastmri.med.nyu.edu",
)
BONE_AGE = Source(
    "RSNA bone age",
    "boneage-training-dataset.csv (columns id, boneage, male) and boneage-training-dataset/<id>.png",
    "the RSNA Pediatric Bone Age Challenge (2017), https://www.rsna.org",
)


@dataclass(frozen=True)
class Record:
    """One image of a data set, read when asked for.

    Attributes:
        path: the file.
        label: class name, tuple of findings, age in months, or None.
        facts: what else the data set tells, such as the patient or the slice.
        image: float32 [H, W] or [H, W, 3]; 8 and 16 bits become [0, 1] and lose nothing. fastMRI: magnitude as stored.
    """

    path: Path
    label: object = None
    facts: dict = field(default_factory=dict)
    read: object = field(default=None, repr=False, compare=False)

    @property
    def image(self):
        return (self.read or read_image)(self.path)


def read_image(path, grey=False):
    """An 8- or 16-bit image file as float32 in [0, 1]: [H, W] if it is grey or ``grey`` is set, else [H, W, 3].

    Raises:
        ValueError: the file is no image, is cut short, or stores floats or 32-bit integers that have no known range.
    """
    try:
        with Image.open(path) as image:
            return pixels(image, grey)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as an image ({error}); download it again") from error


def pixels(image, grey=False):
    """An open Pillow image as float32 in [0, 1], as ``read_image`` gives it; OSError if its file is cut short."""
    image.load()
    if image.mode.startswith("I"):  # 16 bits; some versions of Pillow call a 16-bit PNG "I"
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its values do not fit 16 bits")
        return values.astype(np.float32) / 65535
    if image.mode == "F":
        raise ValueError("it stores floats, whose range is not known")
    mode = "L" if grey or image.mode in ("L", "LA", "1") else "RGB"
    return np.asarray(image.convert(mode), dtype=np.float32) / 255


def kodak(folder):
    """The 24 photos of the Kodak suite, in order, after a check of names, sizes and colour."""
    folder = _folder(folder, KODAK)
    there = {path.name.lower(): path for path in folder.iterdir()}
    names = [f"kodim{number:02}.png" for number in range(1, 25)]
    missing = [name for name in names if name not in there]
    if missing:
        raise _wrong(KODAK, folder, f"{_content(folder)}; {len(missing)} of 24 are missing, first {missing[0]}")
    for name in names:
        try:
            with Image.open(there[name]) as image:
                size, mode = image.size, image.mode
        except OSError as error:
            raise _wrong(KODAK, folder, f"{name}, which is no image ({error})") from error
        if sorted(size) != [512, 768] or mode != "RGB":
            raise _wrong(KODAK, folder, f"{name} with {size[0]}x{size[1]} pixels of mode {mode}")
    return [Record(there[name]) for name in names]


def class_folders(folder, classes=None, source=CLASSES):
    """ImageNet-style folders: FOLDER/<class>/<image>, also with folders below the class.

    Args:
        folder: the folder that holds one folder per class, for example ILSVRC's ``val`` after sorting into classes.
        classes: names of the folders that must be there; None takes all of them.

    Returns:
        Records sorted by class and name; ``label`` is the folder's name, ``facts["index"]`` its place.
    """
    folder = _folder(folder, source)
    there = {path.name: path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    classes = sorted(there if classes is None else classes)
    missing = [name for name in classes if name not in there]
    if missing or not classes:
        raise _wrong(source, folder, f"{_content(folder)}" + (f"; no folder {missing[0]}/" if missing else ""))
    records = []
    for index, name in enumerate(classes):
        files = (path for path in there[name].rglob("*") if path.suffix.lower() in IMAGES)
        images = sorted(path for path in files if not path.name.startswith("."))
        if not images:
            raise _wrong(source, folder, f"no image in {name}/")
        records += [Record(path, name, {"index": index}) for path in images]
    return records


def kermany_oct(folder, split="test"):
    """Retinal OCT of Kermany et al. (Cell, 2018); label CNV, DME, DRUSEN or NORMAL."""
    return _kermany(folder, split, ["CNV", "DME", "DRUSEN", "NORMAL"], OCT)


def kermany_chest(folder, split="test", classes=3):
    """Chest X-rays of Kermany et al. (Cell, 2018).

    Args:
        split: "train" or "test", or another folder that is there.
        classes: 3 tells BACTERIA from VIRUS by the file's name, as Krypton's experiments do; 2 keeps PNEUMONIA.
    """
    if classes not in (2, 3):
        raise ValueError(f"kermany_chest() got classes={classes!r}, expected 2 or 3")
    records = _kermany(folder, split, ["NORMAL", "PNEUMONIA"], CHEST)
    if classes == 2:
        return records
    causes = [_cause(record) for record in records]
    order = sorted(set(causes))
    return [
        Record(record.path, cause, {"index": order.index(cause)}, record.read) for record, cause in zip(records, causes)
    ]


def _cause(record):
    if record.label == "NORMAL":
        return "NORMAL"
    for word in ("bacteria", "virus"):
        if word in record.path.name.lower():
            return word.upper()
    found = f"{record.path.name}, whose name says neither bacteria nor virus; use classes=2"
    raise _wrong(CHEST, record.path.parent, found)


def _kermany(folder, split, classes, source):
    folder = _folder(folder, source)
    if not (folder / split).is_dir():
        raise _wrong(source, folder, f"{_content(folder)}; no folder {split}/")
    grey = partial(read_image, grey=True)
    records = class_folders(folder / split, classes, source)
    return [Record(record.path, record.label, record.facts, grey) for record in records]


def chest_xray8(folder, partial_download=False):
    """ChestX-ray8/14 of the NIH: label is the tuple of findings; ``facts["patient"]`` serves to split by patient.

    Args:
        partial_download: True takes the images that are there; False asks for every image of the table.
    """
    folder = _folder(folder, CHESTXRAY8)
    tables = sorted(folder.rglob("Data_Entry_2017*.csv"))
    if not tables:
        raise _wrong(CHESTXRAY8, folder, f"{_content(folder)}; no Data_Entry_2017*.csv")
    rows = _table(tables[0], ["Image Index", "Finding Labels", "Patient ID"], CHESTXRAY8)
    there = {path.name: path for path in folder.rglob("*.png")}
    missing = [row["Image Index"] for row in rows if row["Image Index"] not in there]
    none = len(missing) == len(rows)
    if none or missing and not partial_download:
        hint = "" if none else "; partial_download=True takes the others"
        raise _wrong(CHESTXRAY8, folder, f"{len(missing)} of {len(rows)} images missing, first {missing[0]}{hint}")
    grey = partial(read_image, grey=True)
    return [
        Record(there[row["Image Index"]], tuple(row["Finding Labels"].split("|")), {"patient": row["Patient ID"]}, grey)
        for row in rows
        if row["Image Index"] in there
    ]


def rsna_bone_age(folder):
    """Hand radiographs of the RSNA challenge: label is the age in months, ``facts["male"]`` the sex."""
    folder = _folder(folder, BONE_AGE)
    table = folder / "boneage-training-dataset.csv"
    if not table.is_file():
        raise _wrong(BONE_AGE, folder, f"{_content(folder)}; no {table.name}")
    there = {path.stem: path for path in folder.rglob("*.png")}
    rows = _table(table, ["id", "boneage", "male"], BONE_AGE)
    missing = [row["id"] for row in rows if row["id"] not in there]
    if missing:
        raise _wrong(BONE_AGE, folder, f"{len(missing)} of {len(rows)} images missing, first {missing[0]}.png")
    try:
        ages = [float(row["boneage"]) for row in rows]
    except ValueError as error:
        raise _wrong(BONE_AGE, folder, f"an age that is no number ({error})") from error
    grey = partial(read_image, grey=True)
    return [
        Record(there[row["id"]], age, {"male": row["male"].strip().lower() == "true"}, grey)
        for row, age in zip(rows, ages)
    ]


def fastmri(folder):
    """Slices of single-coil fastMRI volumes, in order.

    Returns:
        Records: ``image`` is reconstruction_esc [320, 320], ``kspace(record)`` the complex k-space [rows, columns];
        ``facts`` holds slice, slices, acquisition, patient and ``max``, the volume's largest value (its data_range).
    """
    import h5py  # comes with the extra "course"

    folder = _folder(folder, FASTMRI)
    records = []
    for path in sorted(folder.glob("*.h5")):
        try:
            with h5py.File(path) as file:
                shapes = {name: file[name].shape for name in ("kspace", "reconstruction_esc") if name in file}
                names = {"acquisition": "acquisition", "patient": "patient_id", "max": "max"}
                facts = {key: file.attrs.get(name) for key, name in names.items()}
        except OSError as error:
            raise _wrong(FASTMRI, folder, f"{path.name}, which is damaged ({error})") from error
        if len(shapes) < 2 or any(len(shape) != 3 for shape in shapes.values()):
            kind = " (four axes: multi-coil data)" if len(shapes.get("kspace", ())) == 4 else ""
            if not kind and "reconstruction_esc" not in shapes:
                kind = " (no reconstruction: a test or challenge set)"
            raise _wrong(FASTMRI, folder, f"{path.name} with {shapes or 'neither'}{kind}")
        count = shapes["reconstruction_esc"][0]
        records += [
            Record(path, None, facts | {"slice": n, "slices": count}, partial(_read_slice, "reconstruction_esc", n))
            for n in range(count)
        ]
    if not records:
        raise _wrong(FASTMRI, folder, f"{_content(folder)}; no *.h5")
    return records


def kspace(record):
    """The measured k-space of a fastMRI record: complex64 [rows, columns], centred."""
    if not isinstance(record, Record) or "slice" not in record.facts:
        raise TypeError(f"kspace() got {type(record).__name__}, expected a Record of folders.fastmri()")
    return _read_slice("kspace", record.facts["slice"], record.path)


def _read_slice(name, number, path):
    import h5py

    with h5py.File(path) as file:
        return file[name][number]


def _folder(folder, source):
    if not isinstance(folder, (str, Path)):
        raise TypeError(f"{source.name}: got {type(folder).__name__}, expected the path of a folder")
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{source.name}: there is no folder {folder}. Expected: {source.expected}. Get it: {source.address}"
        )
    return folder


def _wrong(source, folder, found):
    expected = f"expected in {folder}: {source.expected}"
    return ValueError(f"{source.name}: {expected}. Found: {found}. Get it: {source.address}")


def _content(folder):
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    if not names:
        return "an empty folder"
    return f"{len(names)} entries ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})"


def _table(path, columns, source):
    """Rows of a csv file as dicts, after a check of its columns."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        header, rows = list(reader.fieldnames or []), list(reader)
    if not rows or not set(columns) <= set(header):
        raise _wrong(source, path.parent, f"{path.name} with columns {header} and {len(rows)} rows")
    short = next((number for number, row in enumerate(rows, 2) if any(row[name] is None for name in columns)), None)
    if short:
        raise _wrong(source, path.parent, f"{path.name}, cut short in line {short}")
    return rows


def images_of(folder, loader, stand_ins):
    """Images of a reader's own data set, or of the samples that stand in for it: the pattern of the notebooks.

    Args:
        folder: the data set's folder; "" or None where the reader has none.
        loader: a function of this module that reads such a folder.
        stand_ins: names of samples.

    Returns:
        A list of ``Record`` or ``samples.Sample``; both have ``image`` and ``label``.

    Example:
        >>> images_of("", rsna_bone_age, ["xray-extremity"])[0].kind
        'x-ray'
    """
    if folder:
        return loader(folder)
    from kryptonlib import samples

    return [samples.load(name) for name in stand_ins]
