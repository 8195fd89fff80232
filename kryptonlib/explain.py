"""Explain a reader's own image: ``python -m kryptonlib explain IMAGE --cnn NAME -o OUT.png``."""

from pathlib import Path

DICOM = (".dcm", ".dicom", ".ima")


def read_image(path):
    """A picture file as float32 [H, W] or [H, W, 3] in [0, 1].

    Args:
        path: PNG, JPEG or another file that Pillow reads, or a DICOM file (by its ending).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no picture.
    """
    from PIL import Image, ImageOps

    from kryptonlib.folders import pixels

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no image file {path}")
    if path.suffix.lower() in DICOM:
        from kryptonlib.dicom import read_dicom

        return read_dicom(path)
    try:
        with Image.open(path) as file:
            # Phones store the picture as the sensor saw it and how to turn it.
            return pixels(ImageOps.exif_transpose(file))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no picture that can be read ({error}); expected PNG, JPEG or DICOM") from error


def class_number(cnn, target):
    """The class index that a reader means: None, a number as text, or a class name (a part of it if only one fits)."""
    if target is None:
        return None
    names = list(cnn.class_names)
    if target.isdigit():
        if int(target) >= len(names):
            raise ValueError(f"there is no class {target}; {cnn.name} has {len(names)}, 0 to {len(names) - 1}")
        return int(target)
    for fits in (str.__eq__, str.__contains__):
        found = [i for i, name in enumerate(names) if fits(name.lower(), target.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(f"{i} {names[i]}" for i in found[:8])
            raise ValueError(f"{len(found)} classes fit {target!r}: {some}; give the number")
    raise ValueError(f"no class of {cnn.name} fits {target!r}; leave it out to explain the top class")


def explain(image, output, *, cnn="efficientnet-lite0", target=None, patch=32, stride=8, fill=0.5, ssim=None):
    """Draw an image, its occlusion heat map and the overlay into one picture file.

    Args:
        image: path of the image.
        output: path of the picture to write.
        cnn: a network of ``zoo.names()``.
        target: class name or number; None is the network's top class.
        patch, stride: in pixels of the network's input.
        fill: grey of the patch in [0, 1].
        ssim: how alike the map and the exact one shall be, in (0, 1); None computes the exact one.

    Returns:
        One sentence: what the network sees and where the picture lies.

    Raises:
        FileNotFoundError, ValueError: an image, network, class or setting that cannot be.
    """
    import matplotlib

    matplotlib.use("agg")
    from kryptonlib import occlusion, plots, zoo

    output = Path(output)
    if not output.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {output.parent} to write {output.name} into")
    picture = read_image(image)
    network = zoo.load(cnn)
    number = class_number(network, target)
    settings = {"patch": patch, "stride": stride, "fill": fill, "target": number, "ssim": ssim}
    heat = occlusion.heatmap(network, picture, **settings, progress=True)
    plots.use()
    plots.heatmap(heat).savefig(output)
    (name, probability), *_ = network.predict(picture, top=1)
    quality = "" if heat.estimated_ssim is None else f", estimated SSIM {heat.estimated_ssim.value:.2f}"
    told = f"heat map of class {heat.target}{quality} in {output}"
    return f"{cnn} sees {name} ({probability:.1%}); {told}. Not for diagnosis."
