"""``python -m kryptonlib encode`` and ``decode``: from picture files to files of the codec and back."""

from pathlib import Path

import numpy as np
from PIL import Image

from kryptonlib import images, store
from kryptonlib.compression import bitstream
from kryptonlib.compression.codec import Codec
from kryptonlib.reading import read_image


def encode(image, output, codec="codec-10000", beta=1.0, mode=None, luma=None):
    """Write a picture file as a file of the codec.

    Args:
        image: path of a grey picture; of a colour one with ``luma`` "full" or "limited".
        output: path of the file to write.
        codec, beta, mode: as ``Codec.load`` and ``Codec.encode`` take them.

    Returns:
        One sentence: what was written.

    Raises:
        FileNotFoundError, ValueError, TypeError: what cannot be read, found or coded.
    """
    picture = read_image(image)
    if picture.ndim == 3:
        if luma is None:
            raise ValueError(
                f"{image} is in colour and the codec knows luma only; --luma full codes its luma (as JPEG has it), "
                "--luma limited that of the paper (16 to 235)"
            )
        picture = images.luma(picture) if luma == "full" else images.limited_luma(picture)
    picture = images.to_uint8(picture)
    data = Codec.load(codec).encode(picture, beta, mode=mode)
    with store.written_whole(output) as part:
        part.write_bytes(data)
    height, width = picture.shape
    return f"{output}: {len(data):,} bytes for {width}x{height} pixels, {8 * len(data) / picture.size:.3f} bit/pixel"


def decode(file, output):
    """Write the image of a codec's file as a picture file.

    Returns:
        One sentence: what was written.

    Raises:
        FileNotFoundError: no such file. FormatError: it is none of this codec's, damaged, or of another model.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    data = file.read_bytes()
    header, _ = bitstream.unpack(data)
    image = Codec.load(header.name).decode(data)
    Image.fromarray(np.asarray(image)).save(output)
    return f"{output}: {header.size[1]}x{header.size[0]} pixels, made by {header.name} with beta {header.beta:g}"
