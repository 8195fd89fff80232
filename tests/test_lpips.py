"""LPIPS against the authors' own code, with the same trunk and its own heads."""

import lpips
import numpy as np
import pytest
import torch
from skimage import data

from kryptonlib import losses, store


def official(net):
    """The authors' LPIPS 0.1 with the heads of its package; the trunk of ours, which its package does not hold."""
    from safetensors.torch import load_file

    # pnet_rand keeps torchvision from fetching the trunk.
    model = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False).eval()
    trunk = load_file(store.path(f"weights/{'alexnet' if net == 'alex' else 'vgg16'}-trunk.safetensors"))
    for name, value in model.net.named_parameters():
        value.data.copy_(trunk.pop(name.split(".", 1)[1]))
    assert not trunk
    return model


def photos():
    y = np.stack([image[:90, :101, :3] for image in (data.astronaut(), data.coffee())]).astype(np.float32) / 255
    y = torch.from_numpy(y).permute(0, 3, 1, 2).contiguous()
    return (y + 0.1 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1), y


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_values_gradients_and_maps_are_the_authors(net):
    x, y = photos()
    model = official(net)
    theirs, ours = (x.clone().requires_grad_() for _ in range(2))
    expected = model(2 * theirs - 1, 2 * y - 1).flatten()
    expected.sum().backward()
    found = losses.lpips(ours, y, net=net, reduction="none")
    found.sum().backward()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-3 * theirs.grad.abs().max().item())
    model.spatial = True
    with torch.no_grad():
        torch.testing.assert_close(losses.lpips_map(x, y, net=net), model(2 * x - 1, 2 * y - 1), rtol=1e-3, atol=1e-5)


def test_the_weights_stay_as_they_are():
    """Training with the loss must not train the loss."""
    x, y = photos()
    before = losses.lpips(x, y).item()
    losses.lpips(x.requires_grad_(), y).backward()
    from kryptonlib.losses.lpips import _network

    network = _network("alex", x.dtype, x.device)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all((head >= 0).all() for head in network.heads)
    assert losses.lpips(x, y).item() == before


def test_a_grey_image_is_refused_instead_of_broadcast():
    grey = torch.rand(1, 1, 64, 64)
    with pytest.raises(ValueError, match="3 channel"):
        losses.lpips(grey, grey)


def test_missing_weights_name_the_remedy(monkeypatch, tmp_path):
    from kryptonlib.losses.lpips import _network

    _network.cache_clear()
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="python -m kryptonlib data"):
        losses.lpips(torch.ones(1, 3, 64, 64), torch.ones(1, 3, 64, 64))
