"""Krypton: CNN internals, fast occlusion heat maps, learned compression and loss functions, taught in notebooks.

The rooms are ``anatomy``, ``zoo``, ``samples``, ``datasets``, ``images``, ``reading``, ``occlusion``, ``plots``,
``basics``, ``widgets``, ``store`` and ``course``; import the one you need, for example
``from kryptonlib import occlusion``.
"""

from kryptonlib import torchvision_operators

__version__ = "0.1.0"

torchvision_operators.declare()
