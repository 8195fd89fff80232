"""Denoise a reader's own X-ray: ``python -m kryptonlib denoise xray.dcm -o clean.png``. Not for diagnosis."""

from pathlib import Path

import numpy as np

ENDINGS = (".png", ".tif", ".tiff")
"""Kinds of files that keep 8 and 16 bits of grey without loss."""
NETWORK = "xray-bdcnn"


def denoise(image, output, *, network=NETWORK, page=None, white=None):
    """Take the noise out of a grey X-ray file and write it with 8 bits, or with 16 where it came with more than 8.

    An image of 16 bits is taken in the range that it uses: white is the largest number of as many bits as its largest
    value needs, 4095 for one of 12 bits, and it is written in that range again. One hot pixel is enough to move it; a
    warning says so, and ``white`` sets it. A DICOM file is windowed first (``dicom.read_dicom``).

    Args:
        image: path of a DICOM, PNG, TIFF or other picture file, grey (also where it is stored as red, green and blue).
        output: path of the PNG or TIFF to write; without an ending it becomes a PNG.
        network: one of ``restoration.names()``, of grey images.
        page: of a file of several pages or frames, from 0.
        white: the number that stands for white in an image of 16 bits; larger ones become white.

    Returns:
        Sentences: the noise that was estimated, in grey levels of 8 bits, what was taken for white, where the picture
        lies.

    Raises:
        FileNotFoundError: no such image, or no folder to write into.
        ValueError: a colour photo, a picture below 32x32 pixels, a network, an ending or a white that cannot be, an
            output that is the image itself.
    """
    from kryptonlib import restoration
    from kryptonlib.reading import bits_of
    from kryptonlib.restoration import noise_level

    output = target(output)
    if output.exists() and Path(image).exists() and output.samefile(image):
        raise ValueError(f"{output} is the picture itself and would be overwritten; give the result another name")
    picture, bits, white, remark = read(image, page, white)
    restorer = restoration.load(network)
    if restorer.network.channels != 1:
        raise ValueError(f"{network} restores colour photos; for X-rays take {NETWORK}")
    scaled = picture / white
    found = noise_level.estimate(np.clip(255 * scaled, 0, 255))
    restored = np.round(restorer(scaled) * white).astype(np.uint16 if bits == 16 else np.uint8)
    save(restored, output)
    estimates = told(found, own_estimate(restorer, scaled))
    own = bits_of(image)
    depth = f"with {bits} bits as it came" if own == bits else f"with {bits} bits (the file has {own})"
    return f"{estimates}{remark} {output} is denoised by {network} and written {depth}. Not for diagnosis."


def target(output):
    """Where the picture is written, with .png added if it has no ending; checked before any work is done."""
    output = Path(output)
    if output.is_dir():
        raise ValueError(f"{output} is a folder; give the picture a name, for example -o {output / 'clean.png'}")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {output.parent} to write {output.name} into")
    if output.suffix and output.suffix.lower() not in ENDINGS:
        raise ValueError(f"{output.name} ends in none of {', '.join(ENDINGS)}, which keep 8 and 16 bits of grey")
    return output if output.suffix else output.with_name(f"{output.name}.png")


def read(path, page=None, white=None):
    """(values float32 [H, W], bits 8 or 16, white, remark): a file's grey numbers, and the one that stands for white.

    The remark is a sentence about the white, "" where there is nothing to say: 8 bits, and DICOM, which has a window.

    Args:
        page, white: as in :func:`denoise`.

    Raises:
        FileNotFoundError, ValueError: no file, no image, colour, or a white that the file cannot have.
    """
    from kryptonlib.dicom import is_dicom
    from kryptonlib.reading import bits_of, read_image

    picture = read_image(path, page=page)
    if picture.ndim == 3:
        if not (picture == picture[..., :1]).all():
            raise ValueError(
                f"{path} is in colour, and this denoiser learned from X-rays. For a photo load a network of "
                'restoration.names() that begins with "denoise"; or save the picture in grey if it is an X-ray'
            )
        picture = picture[..., 0]
    bits = 8 if bits_of(path) <= 8 else 16
    values = (picture * np.float32(2**bits - 1)).astype(np.float32)
    if white is not None:
        if bits == 8 or is_dicom(path):
            raise ValueError(f"{path} has its own white, {bits} bits or a DICOM window; leave the white out")
        if not 255 <= white < 2**16:
            raise ValueError(f"white: got {white}; expected 255 to 65535")
        return np.minimum(values, np.float32(white)), 16, float(white), f" White was taken as {white}."
    if bits == 8:
        return values, 8, 255.0, ""
    largest, most = (max(round(float(value)), 255).bit_length() for value in (values.max(), np.quantile(values, 0.999)))
    white = 2**largest - 1
    if is_dicom(path):
        return values, 16, float(white), ""
    remark = f" White was taken as {white}, from the largest number."
    if most < largest:
        remark += (
            f" Warning: 99.9 % of the pixels need only {most} bits, so a few hot ones may have set it; "
            f"--white {2**most - 1} takes the range of the others."
        )
    return values, 16, float(white), remark


def own_estimate(restorer, image):
    """(eta, sigma) of the network's sub-network, or None where it has none."""
    import torch

    if not hasattr(restorer.network, "both"):
        return None
    from kryptonlib.restoration import noise

    # The middle is enough for two numbers, and of a bounded size.
    side = 512
    top, left = (max(0, (length - side) // 2) for length in image.shape)
    piece = torch.from_numpy(np.ascontiguousarray(image[top : top + side, left : left + side]))[None, None]
    with torch.no_grad():
        maps = restorer.network.both(piece)[1]
    return None if maps is None else tuple(float(level) for level in noise.levels_of_maps(maps))


def told(found, own):
    """The estimates as a sentence, and what they mean for the result."""
    from kryptonlib.restoration.noise import ETAS, SIGMAS, variance

    photons = f"{short(found.eta)} photons per grey level"
    if not np.isfinite(found.eta):
        photons = "no photon noise, or noise that this model does not fit (in a displayed X-ray few photons give white)"
    text = f"Noise by variance against mean: {photons} (eta), electronic noise of {found.sigma:.1f} grey levels (sigma)"
    if own is not None:
        text += f"; by the sub-network: {short(own[0])} and {own[1]:.1f}"
    total = np.sqrt(variance(128.0, found.eta, found.sigma))
    if total < 1:
        text += (
            ". That is hardly any noise: the picture is clean, or its noise was smoothed; "
            "the result can only lose detail"
        )
    elif found.eta < ETAS[0] or found.sigma > SIGMAS[1]:
        text += f". The network learned eta from {ETAS[0]} and sigma up to {SIGMAS[1]:g}: expect less of it here"
    return text + "."


def short(number):
    """A number with two digits that count, never with an exponent for a large one: 0.52, 27, 2700; "inf"."""
    text = f"{number:.2g}"
    return f"{float(text):.0f}" if 99.5 <= number < np.inf else text


def save(values, output):
    """Write uint8 or uint16 [H, W] as PNG or TIFF, whole or not at all."""
    from PIL import Image

    from kryptonlib.store import written_whole

    kind = "PNG" if output.suffix.lower() == ".png" else "TIFF"
    with written_whole(output) as part:
        Image.fromarray(values).save(part, format=kind)
