"""The networks that checkpoints name: a card's entry ``"restores": {"network": "unet", "channels": 3}`` builds one."""

from kryptonlib.choices import check_choice
from kryptonlib.restoration.denoisers import XBDCNN, DnCNN, ReCNN
from kryptonlib.restoration.unet import PlainUNet, UNet

BUILDERS = {"unet": UNet, "plain-unet": PlainUNet, "xbdcnn": XBDCNN, "dncnn": DnCNN, "recnn": ReCNN}
"""Name -> class or function. What it makes is a module with ``channels``, ``inputs``, ``multiple`` and ``reach``, that
maps [N, inputs, H, W] to [N, channels, H, W]."""


def build(settings):
    """A network with its initial weights.

    Args:
        settings: dict with "network", a key of ``BUILDERS``, and the arguments of that class.

    Raises:
        ValueError: an unknown network, or settings that it cannot have.

    Example:
        >>> build({"network": "unet", "channels": 1}).channels
        1
    """
    if not isinstance(settings, dict) or "network" not in settings:
        raise ValueError(f'network: got {settings!r}, expected a dict such as {{"network": "unet", "channels": 3}}')
    arguments = dict(settings)
    name = arguments.pop("network")
    check_choice("network", name, BUILDERS)
    try:
        return BUILDERS[name](**arguments)
    except TypeError as error:
        raise ValueError(f"network {name}: {error}") from None
