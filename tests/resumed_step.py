"""For the tests of studies: a step that is taken from a saved state."""

import numpy as np
import pytest
import torch


def check_a_step_is_saved_and_resumed(make, tmp_path):
    """What a step makes of a loaded state is what it makes of the state itself.

    Args:
        make: function without arguments that begins the study anew.
    """
    whole = make()
    assert np.isfinite(whole.learn(0, 1.0)["loss"])
    torch.save(whole.state(), tmp_path / "state.pt")
    resumed = make()
    resumed.load_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert resumed.learn(1, 1.0)["loss"] == pytest.approx(whole.learn(1, 1.0)["loss"], rel=1e-3)
    for name, value in whole.weights().items():
        torch.testing.assert_close(resumed.weights()[name], value, rtol=1e-3, atol=1e-5)
