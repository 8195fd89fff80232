"""Krypton: CNN internals, fast occlusion heat maps, learned compression and loss functions, taught in notebooks.

The rooms are ``anatomy``, ``zoo``, ``samples``, ``occlusion``, ``plots``, ``basics``, ``widgets``, ``store`` and
``course``; import the one you need, for example ``from kryptonlib import occlusion``.
"""

import ctypes
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from kryptonlib import threads

__version__ = "0.1.0"

threads.wait_passively()  # before anything here loads torch


def _declare_torchvision_operators():
    """Let ``import torchvision`` work beside a CPU-only torch.

    torchvision's ordinary wheel is compiled for CUDA. Beside a CPU-only torch its compiled file cannot be loaded, and
    the import then fails because two operators that nothing here uses are unknown. Declaring their schemas is
    enough. Where the compiled file loads (CUDA torch, conda-forge's builds) nothing is declared.
    """
    vision = PathFinder.find_spec("torchvision")
    if vision is None or not vision.submodule_search_locations or find_spec("torch") is None:
        return
    compiled = list(Path(vision.submodule_search_locations[0]).glob("_C.*"))
    if not compiled:
        return
    import torch

    try:
        ctypes.CDLL(str(compiled[0]))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        # A library's declarations last as long as the object that made them.
        torch._krypton_torchvision_operators = library


_declare_torchvision_operators()
