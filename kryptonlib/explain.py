"""Explain a reader's own image: ``python -m kryptonlib explain IMAGE --cnn NAME -o OUT.png``."""

from pathlib import Path


def class_number(cnn, target):
    """The class index that a reader means: None, a number, or a class name (a part of it if only one fits)."""
    if target is None:
        return None
    names, target = list(cnn.class_names), str(target).strip()
    # Not isdigit(), which takes "²" for a digit.
    if target.isdecimal():
        if int(target) >= len(names):
            raise ValueError(f"there is no class {target}; {cnn.name} has {len(names)}, 0 to {len(names) - 1}")
        return int(target)
    if not target:
        raise ValueError("the target is empty; give a class name or its number, or leave it out for the top class")
    for fits in (str.__eq__, str.__contains__):
        found = [i for i, name in enumerate(names) if fits(name.lower(), target.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(f"{i} {names[i]}" for i in found[:8])
            raise ValueError(f"{len(found)} classes fit {target!r}: {some}; give the number")
    raise ValueError(f"no class of {cnn.name} fits {target!r}; leave it out to explain the top class")


def picture_path(output):
    """Where the picture is written: ``output``, with .png added if it has no ending.

    Raises:
        FileNotFoundError: its folder is not there. ValueError: it is a folder, or its ending is of no kind of picture.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    output = Path(output)
    if output.is_dir():
        raise ValueError(f"{output} is a folder; give the picture a name, for example -o {output / 'heatmap.png'}")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {output.parent} to write {output.name} into")
    known = FigureCanvasBase.get_supported_filetypes()
    if output.suffix and output.suffix[1:].lower() not in known:
        raise ValueError(f"{output.name} ends in none of {', '.join(f'.{kind}' for kind in sorted(known))}")
    return output if output.suffix else output.with_name(f"{output.name}.png")


def explain(
    image, output, *, cnn="efficientnet-lite0", target=None, patch=32, stride=8, fill=0.5, ssim=None, page=None
):
    """Draw an image, its occlusion heat map and the overlay into one picture file.

    Args:
        image: path of the image, or another that ``reading.as_image`` takes.
        output: path of the picture to write; without an ending it becomes a PNG.
        cnn: a network of ``zoo.names()``.
        target: class name or number; None is the network's top class.
        patch, stride: in pixels of the network's input.
        fill: grey of the patch in [0, 1].
        ssim: how alike the map and the exact one shall be, in (0, 1); None computes the exact one.
        page: of a file of several pages or frames, from 0.

    Returns:
        One sentence: what the network sees and where the picture lies.

    Raises:
        FileNotFoundError, ValueError: an image, network, class or setting that cannot be.
        ConnectionError: the network's weights are neither here nor to be had.
        OSError: the picture cannot be written.
    """
    import matplotlib

    matplotlib.use("agg")
    from kryptonlib import occlusion, plots, zoo
    from kryptonlib.reading import as_image, read_image

    output = picture_path(output)
    picture = as_image(image) if page is None else read_image(image, page=page)
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
