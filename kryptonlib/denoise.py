"""Denoise a reader's own X-ray: ``python -m kryptonlib denoise xray.dcm -o clean.png``. Not for diagnosis."""

from pathlib import Path

import numpy as np

ENDINGS = (".png", ".tif", ".tiff")
"""Kinds of files that keep 8 and 16 bits of grey without loss."""
NETWORK = "xray-bdcnn"


def denoise(image, output, *, network=NETWORK):
    """Take the noise out of a grey X-ray file and write it with as many bits as it came with.

    An image of 16 bits is taken in the range that it uses: white is the largest number of as many bits as its largest
    value needs, 4095 for one of 12 bits, and it is written in that range again. A DICOM file is windowed first
    (``dicom.read_dicom``), and written with 16 bits where it stores more than 8.

    Args:
        image: path of a DICOM, PNG, TIFF or other picture file, grey (also where it is stored as red, green and blue).
        output: path of the PNG or TIFF to write; without an ending it becomes a PNG.
        network: one of ``restoration.names()``, of grey images.

    Returns:
        Two sentences: the noise that was estimated, in grey levels of 8 bits, and where the picture lies.

    Raises:
        FileNotFoundError: no such image, or no folder to write into.
        ValueError: a colour photo, a picture below 32x32 pixels, a network or an ending that cannot be.
    """
    from kryptonlib import restoration
    from kryptonlib.restoration import noise_level

    output = target(output)
    picture, bits, white = read(image)
    restorer = restoration.load(network)
    if restorer.network.channels != 1:
        raise ValueError(f"{network} restores colour photos; for X-rays take {NETWORK}")
    scaled = picture / white
    found = noise_level.estimate(np.clip(255 * scaled, 0, 255))
    restored = np.round(restorer(scaled) * white).astype(np.uint16 if bits == 16 else np.uint8)
    save(restored, output)
    estimates = told(found, own_estimate(restorer, scaled))
    return f"{estimates} {output} is denoised by {network}, with {bits} bits as it came."


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


def read(path):
    """(values float32 [H, W], bits 8 or 16, white): the grey numbers of a file and the one that stands for white.

    Raises:
        FileNotFoundError, ValueError: no file, no image, or colour.
    """
    from kryptonlib.reading import bits_of, read_image

    picture = read_image(path)
    if picture.ndim == 3:
        if not (picture == picture[..., :1]).all():
            raise ValueError(
                f"{path} is in colour, and this denoiser learned from X-rays. For a photo load a network of "
                'restoration.names() that begins with "denoise"; or save the picture in grey if it is an X-ray'
            )
        picture = picture[..., 0]
    bits = 8 if bits_of(path) <= 8 else 16
    values = (picture * np.float32(2**bits - 1)).astype(np.float32)
    if bits == 8:
        return values, 8, 255.0
    used = max(round(float(values.max())), 255).bit_length()
    return values, 16, float(2**used - 1)


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

    photons = f"{found.eta:.2g} photons per grey level" if np.isfinite(found.eta) else "no photon noise"
    text = f"Noise by variance against mean: {photons} (eta), electronic noise of {found.sigma:.1f} grey levels (sigma)"
    if own is not None:
        text += f"; by the sub-network: {own[0]:.2g} and {own[1]:.1f}"
    total = np.sqrt(variance(128.0, found.eta, found.sigma))
    if total < 1:
        text += ". That is hardly any noise: the picture is clean, or its noise was smoothed"
    elif found.eta < ETAS[0] or found.sigma > SIGMAS[1]:
        text += f". The network learned eta from {ETAS[0]} and sigma up to {SIGMAS[1]:g}: expect less of it here"
    return text + "."


def save(values, output):
    """Write uint8 or uint16 [H, W] as PNG or TIFF, whole or not at all."""
    from PIL import Image

    from kryptonlib.store import written_whole

    kind = "PNG" if output.suffix.lower() == ".png" else "TIFF"
    with written_whole(output) as part:
        Image.fromarray(values).save(part, format=kind)
