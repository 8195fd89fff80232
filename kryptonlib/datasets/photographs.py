"""Photographs in folders of the reader's own: the Kodak suite, class folders such as ImageNet's, or just any."""

from PIL import Image

from kryptonlib.datasets.folder import Record, Source, checked_folder, content, files, hidden, wrong

KODAK = Source(
    "Kodak", "the files kodim01.png ... kodim24.png, RGB, 768x512 or 512x768", "https://r0k.us/graphics/kodak/"
)
CLASSES = Source(
    "class folders",
    "one folder per class with images in it: FOLDER/<class>/<image>",
    "https://www.image-net.org for ImageNet",
)
PHOTOS = Source("photos", "images (PNG, JPEG, BMP or TIFF), in any subfolders", "from your camera, or BSDS500")


def kodak(folder):
    """The 24 photos of the Kodak suite, in order, after a check of names, sizes and colour."""
    folder = checked_folder(folder, KODAK)
    there = {path.name.lower(): path for path in files(folder, {".png"}) if path.parent == folder}
    names = [f"kodim{number:02}.png" for number in range(1, 25)]
    missing = [name for name in names if name not in there]
    if missing:
        raise wrong(KODAK, folder, f"{content(folder)}; {len(missing)} of 24 are missing, first {missing[0]}")
    for name in names:
        try:
            with Image.open(there[name]) as image:
                size, mode = image.size, image.mode
        except (OSError, Image.DecompressionBombError) as error:
            raise wrong(KODAK, folder, f"{name}, which is no image ({error})") from error
        if sorted(size) != [512, 768] or mode != "RGB":
            raise wrong(KODAK, folder, f"{name} with {size[0]}x{size[1]} pixels of mode {mode}")
    return [Record(there[name]) for name in names]


def class_folders(folder, classes=None, source=CLASSES):
    """ImageNet-style folders: FOLDER/<class>/<image>, also with folders below the class.

    Args:
        folder: the folder that holds one folder per class, for example ILSVRC's ``val`` after sorting into classes.
        classes: names of the folders that must be there; None takes all of them.

    Returns:
        Records sorted by class and name; ``label`` is the folder's name, ``facts["index"]`` its place.
    """
    folder = checked_folder(folder, source)
    there = {path.name: path for path in folder.iterdir() if path.is_dir() and not hidden(path.name)}
    classes = sorted(there if classes is None else classes)
    missing = [name for name in classes if name not in there]
    if missing or not classes:
        raise wrong(source, folder, f"{content(folder)}" + (f"; no folder {missing[0]}/" if missing else ""))
    records = []
    for index, name in enumerate(classes):
        images = files(there[name])
        if not images:
            raise wrong(source, folder, f"no image in {name}/")
        records += [Record(path, name, {"index": index}) for path in images]
    return records


def photos(folder):
    """Every image in a folder and below, sorted by path: one's own photos, or BSDS500's ``images/train``.

    Example:
        >>> patches = samples.Patches(datasets.photos("BSDS500/data/images/train"), size=112, seed=0, mirror=True)
    """
    folder = checked_folder(folder, PHOTOS)
    records = [Record(path) for path in files(folder)]
    if not records:
        raise wrong(PHOTOS, folder, content(folder))
    return records
