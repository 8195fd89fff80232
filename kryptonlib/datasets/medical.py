"""Medical images in folders as they come out of the official downloads. For teaching, not for diagnosis."""

from functools import partial

from kryptonlib.datasets.folder import Record, Source, checked_folder, content, files, read_table, wrong
from kryptonlib.datasets.photographs import class_folders
from kryptonlib.reading import read_image

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
BONE_AGE = Source(
    "RSNA bone age",
    "boneage-training-dataset.csv (columns id, boneage, male) and boneage-training-dataset/<id>.png",
    "the RSNA Pediatric Bone Age Challenge (2017), https://www.rsna.org",
)


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
    raise wrong(CHEST, record.path.parent, found)


def _kermany(folder, split, classes, source):
    folder = checked_folder(folder, source)
    if not (folder / split).is_dir():
        raise wrong(source, folder, f"{content(folder)}; no folder {split}/")
    grey = partial(read_image, grey=True)
    records = class_folders(folder / split, classes, source)
    return [Record(record.path, record.label, record.facts, grey) for record in records]


def chest_xray8(folder, partial_download=False):
    """ChestX-ray8/14 of the NIH: label is the tuple of findings; ``facts["patient"]`` serves to split by patient.

    Args:
        partial_download: True takes the images that are there; False asks for every image of the table.
    """
    folder = checked_folder(folder, CHESTXRAY8)
    tables = [path for path in files(folder, {".csv"}) if path.name.lower().startswith("data_entry_2017")]
    if not tables:
        raise wrong(CHESTXRAY8, folder, f"{content(folder)}; no Data_Entry_2017*.csv")
    rows = read_table(tables[0], ["Image Index", "Finding Labels", "Patient ID"], CHESTXRAY8)
    there = {path.name.lower(): path for path in files(folder, {".png"})}
    found = [row for row in rows if row["Image Index"].lower() in there]
    missing = [row["Image Index"] for row in rows if row["Image Index"].lower() not in there]
    none = len(missing) == len(rows)
    if none or missing and not partial_download:
        hint = "" if none else "; partial_download=True takes the others"
        raise wrong(CHESTXRAY8, folder, f"{len(missing)} of {len(rows)} images missing, first {missing[0]}{hint}")
    grey = partial(read_image, grey=True)
    return [
        Record(
            there[row["Image Index"].lower()],
            tuple(row["Finding Labels"].split("|")),
            {"patient": row["Patient ID"]},
            grey,
        )
        for row in found
    ]


def rsna_bone_age(folder):
    """Hand radiographs of the RSNA challenge: label is the age in months, ``facts["male"]`` the sex."""
    folder = checked_folder(folder, BONE_AGE)
    table = folder / "boneage-training-dataset.csv"
    if not table.is_file():
        raise wrong(BONE_AGE, folder, f"{content(folder)}; no {table.name}")
    there = {path.stem: path for path in files(folder, {".png"})}
    rows = read_table(table, ["id", "boneage", "male"], BONE_AGE)
    missing = [row["id"] for row in rows if row["id"] not in there]
    if missing:
        raise wrong(BONE_AGE, folder, f"{len(missing)} of {len(rows)} images missing, first {missing[0]}.png")
    try:
        ages = [float(row["boneage"]) for row in rows]
    except ValueError as error:
        raise wrong(BONE_AGE, folder, f"an age that is no number ({error})") from error
    grey = partial(read_image, grey=True)
    return [
        Record(there[row["id"]], age, {"male": row["male"].strip().lower() == "true"}, grey)
        for row, age in zip(rows, ages)
    ]


KRYPTON = {
    "kermany_oct": kermany_oct,
    "chest_xray8": partial(chest_xray8, partial_download=True),
    "rsna_bone_age": rsna_bone_age,
}
"""Krypton's three data sets by name, as a notebook reads them: of ChestX-ray8 the archives that were unpacked."""
