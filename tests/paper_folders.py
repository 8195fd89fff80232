"""Small folders in the layouts of Krypton's data sets, with names, sizes and modes as the real ones have them.

``python tests/paper_folders.py FOLDER`` writes the three, for a run by hand:
``python -m kryptonlib run --only 04 --profile quick --parameter chest_folder=FOLDER/ChestX-ray8``.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.transform import resize

from kryptonlib import samples


def write(path, sample, size, mode="L"):
    """A sample in grey, at ``size`` (rows, columns) and in a mode of PIL, as a file."""
    image = samples.load(sample).image
    grey = image if image.ndim == 2 else image.mean(2)
    grey = (255 * resize(grey, size, anti_aliasing=True)).round().astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).convert(mode).save(path)


def table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def kermany_oct(folder):
    """Kermany's OCT: train/ and test/, in each a folder a class, JPEG of about 496 x 512 or 768 pixels."""
    for number, name in enumerate(("CNV", "DME", "DRUSEN", "NORMAL")):
        for split in ("train", "test"):
            write(folder / split / name / f"{name}-{9251 + number}-1.jpeg", "retina", (496, 512 + 256 * (number % 2)))
    return folder


def chest_xray8(folder, mode="L"):
    """ChestX-ray8, of which two of twelve archives were unpacked: the table names images that are not there."""
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position".split(",")
    findings = ["Cardiomegaly|Effusion", "No Finding", "Pneumonia", "No Finding", "Infiltration|Pneumonia", "Hernia"]
    rows = [[f"{number + 1:08d}_000.png", found, 0, number + 1, 58, "M", "PA"] for number, found in enumerate(findings)]
    table(folder / "Data_Entry_2017_v2020.csv", [header, *rows])
    for number, row in enumerate(rows[:4]):  # some of the real files have four channels
        place = folder / f"images_{number // 2 + 1:03d}" / "images" / row[0]
        write(place, "xray-chest", (1024, 1024), "RGBA" if number == 1 else mode)
    return folder


def rsna_bone_age(folder):
    """RSNA's bone age: a table and hands of various sizes."""
    ids = range(1377, 1381)
    rows = [[number, 12 * (number - 1370), "True"] for number in ids]
    table(folder / "boneage-training-dataset.csv", [["id", "boneage", "male"], *rows])
    for number in ids:
        write(folder / "boneage-training-dataset" / f"{number}.png", "xray-extremity", (1514 + number % 3, 1134))
    return folder


LAYOUTS = {"OCT": kermany_oct, "ChestX-ray8": chest_xray8, "bone-age": rsna_bone_age}


if __name__ == "__main__":
    for name, make in LAYOUTS.items():
        print(make(Path(sys.argv[1]) / name))
