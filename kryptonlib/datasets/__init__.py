"""Data sets that need a licence or a download by hand: give the folder, get a checked list of records.

    from kryptonlib import datasets

    photos = datasets.kodak("~/kodak")
    photos[0].image                              # float32 [512, 768, 3] in [0, 1]

Each loader takes the folder as it comes out of the official download, checks it, and either returns a list of
``Record`` (nothing is read into memory yet) or says what it expected, what it found and where the data are to be had.
Hidden files and folders, and what is only named like an image, are left out. Notebooks run on freely licensed
stand-ins unless they are given such a folder.
"""

from kryptonlib.datasets.folder import Record
from kryptonlib.datasets.medical import KRYPTON, chest_xray8, kermany_chest, kermany_oct, rsna_bone_age
from kryptonlib.datasets.mr import fastmri, kspace, nifti_heads
from kryptonlib.datasets.photographs import class_folders, kodak, photos
from kryptonlib.datasets.stand_ins import images_of

__all__ = [
    "KRYPTON", "Record", "chest_xray8", "class_folders", "fastmri", "images_of", "kermany_chest", "kermany_oct",
    "kodak", "kspace", "nifti_heads", "photos", "rsna_bone_age",
]  # fmt: skip
