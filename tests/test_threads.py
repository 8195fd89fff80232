"""Threads wait passively unless the user has decided otherwise, and before torch is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kryptonlib import threads

ROOT = Path(__file__).resolve().parent.parent
# Says what the environment is at the moment in which somebody first looks for torch.
AT_TORCH = """
import os, sys
class Witness:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Witness)
import kryptonlib
import torch
"""


@pytest.mark.parametrize("name", threads.USERS_OWN)
def test_a_users_own_setting_wins(name):
    environment = {name: "7"}
    assert threads.wait_passively(environment) is False
    assert environment == {name: "7"}


def test_without_one_threads_wait_passively():
    environment = {"OMP_NUM_THREADS": "2"}
    assert threads.wait_passively(environment) is True
    assert environment == {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}


@pytest.mark.parametrize("own, at_torch", [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")])
def test_the_setting_is_made_before_torch_is_looked_for(own, at_torch):
    environment = {name: value for name, value in os.environ.items() if name not in threads.USERS_OWN}
    environment |= {"PYTHONPATH": str(ROOT), **own}
    done = subprocess.run([sys.executable, "-c", AT_TORCH], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == [at_torch], done.stderr


@pytest.mark.parametrize(
    "own, told", [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active"), ({"GOMP_SPINCOUNT": "1000"}, "none")]
)
def test_make_passes_the_setting_on_to_what_it_starts(own, told, tmp_path):
    """``make lab`` with an interpreter that prints its environment instead of starting anything."""
    witness = tmp_path / "python"
    witness.write_text('#!/bin/sh\necho "waits ${OMP_WAIT_POLICY:-none}" >&2\nexit 1\n')
    witness.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in threads.USERS_OWN}
    command = ["make", "lab", f"PYTHON={witness}"]
    done = subprocess.run(command, cwd=ROOT, env={**environment, **own}, capture_output=True, text=True)
    assert f"waits {told}" in done.stderr


def test_one_thread_and_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads.one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2

        @threads.one_thread()
        def fails():
            assert torch.get_num_threads() == 1
            raise KeyError("planted")

        with pytest.raises(KeyError):
            fails()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
