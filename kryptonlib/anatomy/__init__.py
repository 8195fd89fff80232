"""What a network is made of: one row per layer with its shape, parameters, cost and receptive field.

    from kryptonlib import anatomy

    table = anatomy.layers(net, 224)
    table["features.0"].receptive_field        # (11, 11) in AlexNet
    table.parameters, table.conv_macs

Cost is Krypton's eq. 10: Q = (Cin * Hk * Wk) * (Cout * Hout * Wout) multiply-adds of a convolution, whose sum over the
convolutions is eq. 11. Linear layers are counted in the same unit but kept apart, because eq. 11 leaves them out.
``effective`` measures what a unit does see, ``diagrams`` and ``drawing`` draw networks.
"""

from kryptonlib.anatomy.table import Layer, LayerTable
from kryptonlib.anatomy.watching import layers

__all__ = ["Layer", "LayerTable", "layers"]
