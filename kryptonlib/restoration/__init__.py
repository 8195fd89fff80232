"""Restoring images: networks that take noise, masks or blur out of a picture, and the front that runs them.

    from kryptonlib import restoration

    denoise = restoration.load("denoise-l2")
    restored = denoise(noisy)                  # float32 [H, W, 3]

``unet`` and ``networks`` are the architectures, ``restore`` applies one to whole images of any size. They are trained by
the studies of ``training``.
"""

from kryptonlib.restoration.ffdnet import FFDNet, ffdnet
from kryptonlib.restoration.networks import build
from kryptonlib.restoration.restore import Restorer, apply, load, names
from kryptonlib.restoration.unet import PlainUNet, UNet

__all__ = ["FFDNet", "PlainUNet", "Restorer", "UNet", "apply", "build", "ffdnet", "load", "names"]
