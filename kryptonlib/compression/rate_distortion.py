"""Rate and distortion: of this codec by the paper's count and in real files, of other coders on the same pixels, and
the Bjøntegaard difference between two curves.

Luma is BT.601 in limited range (16 to 235) and the peak of the PSNR 255, as in the paper's code; with ``images.luma`` instead
of ``images.limited_luma`` everything is in full range. The two are never comparable: the same picture has 1.3 dB less in
full range.
"""

import io
import re
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from kryptonlib.choices import check_choice
from kryptonlib.compression.containers import container_bytes, jpeg2000_header_bytes
from kryptonlib.compression.density import map_bits

PEAK = 255


@dataclass(frozen=True)
class Point:
    """What one setting of a coder did to one image: bits per pixel, PSNR in dB, the setting, bytes of a container that
    ``bpp`` does not count, and bytes of a header that it counts (told for JPEG 2000)."""

    bpp: float
    psnr: float
    setting: object = None
    container: int = 0
    header: int = 0


def psnr(luma, decoded):
    """Peak signal to noise ratio of uint8 images in dB, peak 255; infinite for equal ones.

    Example:
        >>> round(psnr(np.zeros((2, 2), np.uint8), np.full((2, 2), 5, np.uint8)), 2)
        34.15
    """
    if luma.shape != decoded.shape or luma.dtype != np.uint8 or decoded.dtype != np.uint8:
        raise ValueError(f"psnr() got {luma.dtype} {luma.shape} and {decoded.dtype} {decoded.shape}; expected equal, uint8")
    error = np.square(luma.astype(np.float64) - decoded).mean()
    return float(10 * np.log10(PEAK**2 / error)) if error else float("inf")


def entropy_point(codec, luma, beta):
    """The paper's count: the empirical entropy of each map over this image, times its coefficients; no header, no tables.

    Args:
        codec: :class:`kryptonlib.compression.codec.Codec`. luma: uint8 [H, W]. beta: any positive number.
    """
    import torch

    symbols = codec.symbols(luma, beta)
    return Point(map_bits(torch.from_numpy(symbols)) / luma.size, psnr(luma, codec.reconstruct(symbols, beta, luma.shape)), beta)


def file_point(codec, luma, beta, mode=None):
    """A real file, everything included, decoded again."""
    data = codec.encode(luma, beta, mode=mode)
    return Point(8 * len(data) / luma.size, psnr(luma, codec.decode(data)), beta)


def as_files(codec, luma, curve):
    """A curve by the paper's count with the sizes of real files in place of entropies, and the same PSNRs.

    Args:
        codec, luma: as in ``file_point``. curve: list of :class:`Point` whose settings are of ``BETAS``.
    """
    return [Point(8 * len(codec.encode(luma, p.setting)) / luma.size, p.psnr, p.setting) for p in curve]


def _jpeg2000(irreversible, mode):
    def write(luma, setting):
        settings = {"quality_mode": mode, "quality_layers": [setting], "irreversible": irreversible}
        return _written(luma, "JPEG2000", no_jp2=True, **settings)

    return write


def _written(luma, kind, **settings):
    file = io.BytesIO()
    Image.fromarray(luma).save(file, kind, **settings)
    return file.getvalue()


def _heif(luma, setting):
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(luma)).save(file, quality=setting)
    return file.getvalue()


def _read_heif(data):
    import pillow_heif

    return pillow_heif.open_heif(io.BytesIO(data)).to_pillow()


CODERS = {
    # The paper made JPEG 2000 files with ImageMagick's -quality, which asks OpenJPEG for a PSNR and leaves its default,
    # the reversible 5/3 wavelet.
    "JPEG 2000, 5/3, fixed PSNR": (_jpeg2000(False, "dB"), (26, 28, 30, 32, 34, 36, 38, 40)),
    "JPEG 2000, 9/7, fixed PSNR": (_jpeg2000(True, "dB"), (26, 28, 30, 32, 34, 36, 38, 40)),
    "JPEG 2000, 9/7, fixed rate": (_jpeg2000(True, "rates"), (80, 40, 24, 16, 12, 10, 8)),
    "JPEG": (lambda luma, setting: _written(luma, "JPEG", quality=setting, optimize=True), (5, 10, 20, 30, 50, 70, 85)),
    "WebP": (lambda luma, setting: _written(luma, "WEBP", quality=setting, method=6), (1, 10, 30, 50, 70, 85, 95)),
    # Not the paper's HM-16.15: another encoder of the same standard.
    "HEVC intra (x265 in HEIF)": (_heif, (10, 20, 30, 40, 50, 60, 70)),
}
"""Name -> (function of luma and setting that gives a file, settings). Sizes are those of codestreams where the format has
one (JPEG 2000 without the JP2 box); HEIF's container is told apart by ``container_bytes``."""


def other_coded(name, luma, setting):
    """What another coder makes of an image: (decoded uint8 [H, W], :class:`Point`).

    Args:
        name: of ``CODERS``.
        luma: uint8 [H, W].
        setting: as in ``CODERS``.

    Raises:
        ValueError: an unknown coder.
    """
    check_choice("coder", name, CODERS)
    data = CODERS[name][0](luma, setting)
    heif = "HEIF" in name
    decoded = np.asarray((_read_heif(data) if heif else Image.open(io.BytesIO(data))).convert("L"))
    container = container_bytes(data) if heif else 0
    header = jpeg2000_header_bytes(data) if "JPEG 2000" in name else 0
    return decoded, Point(8 * (len(data) - container) / luma.size, psnr(luma, decoded), setting, container, header)


def other_point(name, luma, setting):
    """Rate and PSNR of another coder; arguments as for ``other_coded``."""
    return other_coded(name, luma, setting)[1]


def other_curves(name, lumas):
    """The curves of another coder at all its settings: for each image a list of :class:`Point`."""
    return [[other_point(name, luma, setting) for setting in CODERS[name][1]] for luma in lumas]


def other_at_rate(name, luma, bpp, settings):
    """(decoded uint8 [H, W], :class:`Point`) of another coder, at the setting whose rate comes nearest to ``bpp``."""
    coded = (other_coded(name, luma, setting) for setting in settings)
    return min(coded, key=lambda found: abs(found[1].bpp - bpp))


def without_headers(points, pixels):
    """The points at the rates that they would have if the headers cost nothing.

    Args:
        points: list of :class:`Point`. pixels: of the image.

    Example:
        >>> without_headers([Point(1.0, 30.0, header=10)], 160)[0].bpp
        0.5
    """
    return [replace(point, bpp=point.bpp - 8 * point.header / pixels, header=0) for point in points]


def mean_curve(curves):
    """The mean over images at each setting: list of :class:`Point` from lists of equal length.

    Means of rates and of PSNRs at a fixed setting make one curve of many; where a coder spends its bits unevenly
    over images, that curve lies elsewhere than its images' curves do. ``bd_rate`` of it must be called what it is.
    """
    lengths = {len(curve) for curve in curves}
    if len(lengths) != 1:
        raise ValueError(f"mean_curve() got curves of {sorted(lengths)} points; expected equal ones")
    return [
        Point(float(np.mean([p.bpp for p in points])), float(np.mean([p.psnr for p in points])), points[0].setting)
        for points in zip(*curves)
    ]


def mean_curves(curves, below=float("inf")):
    """Name -> mean curve, from name -> a curve for each image; points at ``below`` bit/pixel or more are left out."""
    return {name: [point for point in mean_curve(some) if point.bpp < below] for name, some in curves.items()}


def slug(name):
    """A coder's name as part of a record's.

    Example:
        >>> slug("JPEG 2000, 5/3, fixed PSNR")
        'jpeg-2000-5-3-fixed-psnr'
    """
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def bd_rate(anchor, test):
    """Bjøntegaard's difference of rates in per cent: how much more rate ``test`` needs at equal PSNR; below 0 it is better.

    Cubic polynomials of ln(rate) over PSNR, averaged over the PSNRs that both curves reach: Bjøntegaard, VCEG-M33, 2001.

    Args:
        anchor, test: lists of at least 4 :class:`Point`.

    Raises:
        ValueError: fewer points, or no PSNR that both reach.
    """
    low, high, means = _fitted([(p.psnr, np.log(p.bpp)) for p in anchor], [(p.psnr, np.log(p.bpp)) for p in test], "PSNR")
    return float(100 * (np.exp((means[1] - means[0]) / (high - low)) - 1))


def bd_psnr(anchor, test):
    """Bjøntegaard's difference of PSNRs in dB at equal rate; above 0 ``test`` is better. As ``bd_rate``."""
    low, high, means = _fitted([(np.log(p.bpp), p.psnr) for p in anchor], [(np.log(p.bpp), p.psnr) for p in test], "rate")
    return float((means[1] - means[0]) / (high - low))


def _fitted(anchor, test, what):
    """(low, high, integrals of both cubics from low to high) of two lists of (x, y)."""
    if min(len(anchor), len(test)) < 4:
        raise ValueError(f"a cubic needs 4 points, got {len(anchor)} and {len(test)}")
    sides = [np.array(sorted(points)) for points in (anchor, test)]
    low, high = overlap(*(side[:, 0] for side in sides))
    if low >= high:
        raise ValueError(f"the two curves share no {what}")
    integrals = []
    for side in sides:
        integral = np.polyint(np.polyfit(side[:, 0], side[:, 1], 3))
        integrals.append(np.polyval(integral, high) - np.polyval(integral, low))
    return low, high, integrals


def overlap(*lists):
    """(low, high) of what lists of numbers have in common; low >= high where they share no interval."""
    return max(map(min, lists)), min(map(max, lists))


def bd_rate_per_image(anchors, tests):
    """The BD-rate of every image: array. Its mean is the honest figure where coders spend bits unevenly over images.

    NaN stands for an image whose two curves share no PSNR: a hard one may lie below all settings of the other coder.
    """
    return np.array([_bd_rate_or_nan(anchor, test) for anchor, test in zip(anchors, tests, strict=True)])


def _bd_rate_or_nan(anchor, test):
    low, high = overlap(*([p.psnr for p in curve] for curve in (anchor, test)))
    return bd_rate(anchor, test) if low < high else float("nan")


def two_bd_rates(anchors, tests):
    """The BD-rate both ways: (of the mean curves, array of every image's). Arguments: a curve for each image.

    The two may differ in sign. The first also measures how a coder's settings divide bits among images.
    """
    return bd_rate(mean_curve(anchors), mean_curve(tests)), bd_rate_per_image(anchors, tests)


def two_bd_psnrs(anchors, tests):
    """The BD-PSNR both ways: (of the mean curves, array of every image's); NaN where two curves share no rate."""
    each = [_bd_psnr_or_nan(anchor, test) for anchor, test in zip(anchors, tests, strict=True)]
    return bd_psnr(mean_curve(anchors), mean_curve(tests)), np.array(each)


def _bd_psnr_or_nan(anchor, test):
    low, high = overlap(*([p.bpp for p in curve] for curve in (anchor, test)))
    return bd_psnr(anchor, test) if low < high else float("nan")


def bd_table(test, rows):
    """Both differences of a coder to others, both ways, as a table in Markdown.

    Args:
        test: the coder's name.
        rows: name of another -> (BD-rate of the mean curve, array of images', BD-PSNR of the mean curve, array of
            images').
    """
    head = f"| {test} against | BD-rate, mean curve | per image | needs less for | BD-PSNR, mean curve | per image |"
    lines = [head, "|-" * 6 + "|"]
    for name, (rate, rates, gain, gains) in rows.items():
        fewer = f"{(rates < 0).sum()} of {len(rates)} images"
        means = np.nanmean(rates), np.nanmean(gains)
        lines.append(f"| {name} | {rate:+.1f} % | {means[0]:+.1f} % | {fewer} | {gain:+.2f} dB | {means[1]:+.2f} dB |")
    return "\n".join(lines)


def titles(original, decoded):
    """What pictures of one image are headed with: their names, and rate and PSNR where they are not the original.

    Args:
        original: uint8 [H, W]. decoded: name -> (uint8 [H, W], bits per pixel).
    """
    return [
        name if picture is original else f"{name}\n{bpp:.3f} bit/pixel, {psnr(original, picture):.1f} dB"
        for name, (picture, bpp) in decoded.items()
    ]
