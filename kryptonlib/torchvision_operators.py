"""Let torchvision be imported beside a CPU-only torch, whichever of the two or of kryptonlib comes first.

torchvision's ordinary wheel is compiled for CUDA. Beside a CPU-only torch its compiled file cannot be loaded, and the
import then fails because two operators that nothing here uses are unknown. Declaring their schemas is enough. Where the
compiled file loads (a matching build, CUDA torch, conda-forge's builds) nothing is declared.

``kryptonlib`` calls ``declare`` when it is imported. For readers who import torchvision first,
``data_scripts/get_environment.py`` copies this file into the environment that it makes and lets Python run
``declare_on_import`` whenever it starts. The file therefore uses the standard library alone and imports little.
"""

from importlib.machinery import PathFinder


def declare():
    """Declare the operators if torchvision's import would fail without them."""
    import ctypes
    from importlib.util import find_spec
    from pathlib import Path

    vision = PathFinder.find_spec("torchvision")
    if vision is None or not vision.submodule_search_locations or find_spec("torch") is None:
        return
    compiled = list(Path(vision.submodule_search_locations[0]).glob("_C.*"))
    if not compiled:
        return
    import torch

    if hasattr(torch, "_krypton_torchvision_operators"):
        return
    try:
        ctypes.CDLL(str(compiled[0]))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        # A library's declarations last as long as the object that made them.
        torch._krypton_torchvision_operators = library


class _Declaring:
    """A finder that finds torchvision where Python does, and has it preceded by ``declare``."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = PathFinder.find_spec(name, path) if name == "torchvision" else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def declare_and_execute(module):
            declare()
            execute(module)

        spec.loader.exec_module = declare_and_execute
        return spec


def declare_on_import():
    """From now on ``import torchvision`` declares first; nothing is imported or looked for until then."""
    import sys

    # Python may read the .pth files of an environment twice.
    if _Declaring not in sys.meta_path:
        sys.meta_path.insert(0, _Declaring)
