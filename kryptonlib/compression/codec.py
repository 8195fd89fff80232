"""The codec: luma images to bytes and back, at any of the paper's rates with one transform.

    from kryptonlib import compression

    codec = compression.Codec.load("codec-10000")
    data = codec.encode(luma, beta=2.0)        # uint8 [H, W] -> bytes
    codec.decode(data)                         # uint8 [H, W]
"""

import hashlib

import numpy as np
import torch
from safetensors import safe_open

from kryptonlib import store
from kryptonlib.choices import check_choice
from kryptonlib.compression import binarization, bitstream, context_coding
from kryptonlib.compression.autoencoder import STRIDE, Autoencoder
from kryptonlib.compression.bitstream import FormatError, Header
from kryptonlib.compression.context import ContextModel
from kryptonlib.compression.quantization import BETAS, quantize
from kryptonlib.small_weights import read_small

TABLES = "tables."
"""How the names of a checkpoint's tables begin."""
PARTS = ("encoder", "decoder", "steps")
"""How the names of the network's own weights begin; the density's, which only training needs, stand beside them."""
CONTEXT = "-context"
"""What is added to a codec's name for the file of its context model."""


def names(folder=None):
    """Codecs that can be loaded: networks stored with their tables.

    Example:
        >>> names()  # doctest: +SKIP
        ['codec-10000', 'codec-steps']
    """
    folder = store.CHECKPOINTS if folder is None else folder
    found = []
    for file in sorted(folder.glob("codec-*.safetensors")):
        with safe_open(file, "pt") as weights:
            if TABLES + "means" in weights.keys():
                found.append(file.stem)
    return found


class Codec:
    """A trained transform with its tables.

    Args:
        name: what files call it; ASCII, at most 255 characters.
        net: :class:`Autoencoder`.
        tables: of ``coding_tables.count``.
        context: a fitted ``ContextModel``, or None.

    Attributes:
        context: the model in exact arithmetic, on the CPU, or None.
        fingerprint: 4 bytes that tell weights, tables and context model from all others.
    """

    def __init__(self, name, net, tables, context=None):
        self.name, self.net, self.tables = name, net.eval().requires_grad_(False), tables
        self.context = None if context is None else context.cpu().exact()
        parts = [net.state_dict(), tables, {} if context is None else self.context.state_dict()]
        digest = hashlib.sha256()
        for part in parts:
            for key, value in sorted(part.items()):
                digest.update(key.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        self.fingerprint = digest.digest()[:4]

    @property
    def modes(self):
        """Ways to code that this codec has, the best last."""
        return ("paper", "adaptive") if self.context is None else ("paper", "adaptive", "context")

    @classmethod
    def load(cls, name, device="cpu"):
        """A codec of ``names()``.

        Raises:
            ValueError: an unknown name; the message lists those that are there.
        """
        check_choice("codec", name, names())
        weights = read_small(store.checkpoint(name))
        tables = {key.removeprefix(TABLES): value for key, value in weights.items() if key.startswith(TABLES)}
        context = None
        if (store.CHECKPOINTS / f"{name}{CONTEXT}.safetensors").is_file():
            fitted = read_small(store.checkpoint(name + CONTEXT))
            context = ContextModel(fitted["scales"].exp(), fitted["order"])
            context.load_state_dict(fitted)
        return cls(name, network(weights).to(device), tables, context)

    @property
    def device(self):
        """Where it computes."""
        return self.net.steps.device

    @torch.no_grad()
    def latents(self, luma):
        """What the transform makes of an image: float tensor [1, maps, h, w]. ``luma`` is a uint8 array [H, W]."""
        return self.net.encode(torch.from_numpy(checked_luma(luma)).to(self.device).float()[None, None])

    def symbols(self, luma, beta):
        """Whole numbers that an image's latents are rounded to: int32 array [maps, h, w].

        Args:
            luma: uint8 array [H, W].
            beta: factor of the step sizes, any positive number.
        """
        _, symbols = quantize(self.latents(luma), beta * self.net.steps, self._means())
        return symbols[0].cpu().numpy()

    def reconstruct(self, symbols, beta, size):
        """The image of rounded latents: uint8 array [H, W].

        Args:
            symbols: int array [maps, h, w]. beta: as they were rounded with. size: (H, W).
        """
        steps, means = (value.reshape(1, -1, 1, 1) for value in (beta * self.net.steps, self._means()))
        latents = torch.from_numpy(np.asarray(symbols)).to(self.device).float()[None] * steps + means
        with torch.no_grad():
            image = self.net.decode(latents, size)[0, 0]
        return image.clamp(0, 255).round().to(torch.uint8).cpu().numpy()

    def _means(self):
        return self.tables["means"].to(self.device)

    def encode(self, luma, beta=1.0, *, mode=None):
        """The file of an image.

        Args:
            luma: uint8 array [H, W].
            beta: one of ``BETAS``; larger ones make smaller files.
            mode: "paper" (binary decisions with fixed probabilities), "adaptive" (the same, with probabilities counted
                anew on the way) or "context" (probabilities predicted from what is decoded already); None takes the
                last of ``modes``.

        Returns:
            bytes.

        Raises:
            TypeError, ValueError: no 8-bit luma, or a beta or mode that cannot be.
        """
        mode, luma = self._mode(beta, mode), checked_luma(luma)
        bitstream.check_size(luma.shape)
        return self.encode_symbols(self.symbols(luma, beta), luma.shape, beta, mode=mode)

    def encode_symbols(self, symbols, size, beta=1.0, *, mode=None):
        """The file of rounded latents: what ``encode`` makes of an image, and ``decode_symbols`` gives back.

        Args:
            symbols: int array [maps, h, w] of ``symbols``. size: (H, W) of the image. beta, mode: as in ``encode``.

        Raises:
            ValueError: symbols of another shape than an image of that size has, or a beta or mode that cannot be.
        """
        expected = (self.net.maps, *(-(-length // STRIDE) for length in size))
        if symbols.shape != expected:
            raise ValueError(f"encode_symbols() got symbols {symbols.shape} for an image {tuple(size)}; expected {expected}")
        header = Header(self._mode(beta, mode), float(beta), tuple(size), self.name, self.fingerprint)
        if header.mode == "context":
            return bitstream.pack(header, context_coding.encode(self.context, symbols, BETAS.index(beta)))
        probabilities, options = self._binary(header.beta, header.mode)
        return bitstream.pack(header, binarization.encode(symbols.reshape(len(symbols), -1), probabilities, **options))

    def cost(self, symbols, beta=1.0, *, mode=None):
        """Bits that each of an image's rounded latents takes in a file: float array [maps, h, w].

        The file has its header and up to 10 bytes more.

        Args:
            symbols: int array [maps, h, w] of ``symbols``. beta, mode: as in ``encode``.
        """
        mode = self._mode(beta, mode)
        if mode == "context":
            return context_coding.cost(self.context, symbols, BETAS.index(beta))
        probabilities, options = self._binary(beta, mode)
        return binarization.cost(symbols.reshape(len(symbols), -1), probabilities, **options).reshape(symbols.shape)

    def _mode(self, beta, mode):
        check_choice("beta", beta, BETAS)
        mode = self.modes[-1] if mode is None else mode
        check_choice(f"mode of {self.name}", mode, self.modes)
        return mode

    def _binary(self, beta, mode):
        """(probabilities, options) of ``binarization``."""
        probabilities = self.tables["probabilities"][BETAS.index(beta)].numpy().astype(np.uint16)
        return probabilities, {"exceptional": int(self.tables["exceptional"]), "adaptive": mode == "adaptive"}

    def decode_symbols(self, data):
        """(symbols, header) of a file: exactly what ``symbols`` gave its encoder.

        Raises:
            FormatError: bytes that are no file, a damaged file, or one of another model.
        """
        header, words = bitstream.unpack(data)
        if (header.name, header.fingerprint) != (self.name, self.fingerprint):
            raise FormatError(
                f"made by the model {header.name} ({header.fingerprint.hex()}); this one is {self.name} "
                f"({self.fingerprint.hex()})"
            )
        if header.mode not in self.modes:
            raise FormatError(f"written with the mode {header.mode}; {self.name} has {', '.join(self.modes)} here")
        height, width = (-(-length // STRIDE) for length in header.size)
        try:
            if header.mode == "context":
                beta = BETAS.index(header.beta)
                return context_coding.decode(self.context, words, (height, width), beta), header
            probabilities, options = self._binary(header.beta, header.mode)
            symbols = binarization.decode(words, self.net.maps, height * width, probabilities, **options)
        except ValueError as error:
            raise FormatError(f"damaged: {error}") from error
        return symbols.reshape(-1, height, width), header

    def decode(self, data):
        """The image of a file: uint8 array [H, W].

        Raises:
            FormatError: as ``decode_symbols``.
        """
        symbols, header = self.decode_symbols(data)
        return self.reconstruct(symbols, header.beta, header.size)


def network(weights):
    """The autoencoder that a checkpoint's weights belong to: its sizes and its case are read off them."""
    normalized = "encoder.5.beta" in weights
    hidden = weights["encoder.0.bias"].numel(), weights["encoder.2.bias"].numel()
    net = Autoencoder(weights["encoder.4.bias"].numel(), hidden=hidden, normalized=normalized)
    net.load_state_dict({key: value for key, value in weights.items() if key.split(".")[0] in PARTS})
    return net


def checked_luma(luma):
    """The image, if it is 8-bit luma, contiguous; TypeError says what came."""
    luma = np.asarray(luma)
    if luma.dtype != np.uint8 or luma.ndim != 2 or 0 in luma.shape:
        colour = luma.ndim == 3 and luma.shape[-1] in (3, 4)
        hint = "; the codec knows luma only, images.luma() or images.limited_luma() makes it" if colour else ""
        raise TypeError(f"got {luma.dtype} of shape {luma.shape}, expected 8-bit luma, uint8 [H, W]{hint}")
    return np.ascontiguousarray(luma)
