"""The colour spaces of FLIP: sRGB, linear RGB, the opponent space YCxCz and L*a*b*, all as [N, 3, H, W].

White is D65. YCxCz is linear in light, so that blurring in it is what the eye's optics do; L*a*b* is where distances
are to mean what people see.
"""

import torch

# sRGB's primaries as the fractions that FLIP's own code uses; the rows add up to the white point.
_RGB_TO_XYZ = (
    (10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794),
    (2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897),
    (1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382),
)
_KNEE = 6 / 29


def linear_from_srgb(image):
    """Undo the display's curve: values and result in [0, 1]."""
    return torch.where(image > 0.04045, ((image + 0.055) / 1.055) ** 2.4, image / 12.92)


def _relative_xyz(linear):
    """XYZ in parts of the white point's: white is (1, 1, 1)."""
    matrix = torch.tensor(_RGB_TO_XYZ, dtype=torch.float64)
    matrix = (matrix / matrix.sum(1, keepdim=True)).to(linear)
    return torch.einsum("ij,njhw->nihw", matrix, linear)


def ycxcz_from_linear(linear):
    """Linear RGB to YCxCz: Y = 116 y - 16, Cx = 500 (x - y), Cz = 200 (y - z) of the relative XYZ."""
    x, y, z = _relative_xyz(linear).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def linear_from_ycxcz(image):
    """The inverse of :func:`ycxcz_from_linear`; blurred colours may come out outside of [0, 1]."""
    y = (image[:, 0] + 16) / 116
    relative = torch.stack([y + image[:, 1] / 500, y, y - image[:, 2] / 200], 1)
    matrix = torch.tensor(_RGB_TO_XYZ, dtype=torch.float64)
    inverse = torch.linalg.inv(matrix / matrix.sum(1, keepdim=True)).to(image)
    return torch.einsum("ij,njhw->nihw", inverse, relative)


def lightness(y):
    """L* of relative luminance in [0, 1]: 0 to 100."""
    return 116 * _root(y) - 16


def lab_from_linear(linear):
    """Linear RGB in [0, 1] to L*a*b*."""
    x, y, z = _root(_relative_xyz(linear)).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _root(values):
    """L*a*b*'s cube root, straight near 0."""
    # The root of the clamped value keeps the infinite slope at 0 out of the gradient.
    curved = values.clamp(min=_KNEE**3) ** (1 / 3)
    return torch.where(values > _KNEE**3, curved, values / (3 * _KNEE**2) + 4 / 29)


def hunt(lab):
    """L*a*b* with its colourfulness a*, b* scaled by 0.01 L*: colours are told apart less well in the dark."""
    return torch.cat([lab[:, :1], lab[:, 1:] * (0.01 * lab[:, :1])], 1)


def hyab(a, b):
    """Distance |L - L'| + ||(a, b) - (a', b')|| per pixel [N, 1, H, W], meant for large differences of colour."""
    difference = a - b
    chroma = torch.linalg.vector_norm(difference[:, 1:], dim=1, keepdim=True)
    return difference[:, :1].abs() + chroma
