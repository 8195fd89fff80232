"""environment.yml, pyproject.toml and requirements.lock name the same dependencies; the environment script works."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from kryptonlib import store

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"torch": "pytorch"}


def requirements():
    """Every direct dependency of pyproject.toml, all extras included, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = project["dependencies"] + [r for extra in project["optional-dependencies"].values() for r in extra]
    found = {}
    for requirement in map(Requirement, texts):
        known = found.setdefault(requirement.name, requirement)
        assert str(known.specifier) == str(requirement.specifier), f"{requirement.name} has two ranges in pyproject.toml"
    return found


def pins():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return dict(line.lower().replace("_", "-").split("==") for line in lines if line and not line.startswith("#"))


def conda():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    texts = [entry for entry in listed if isinstance(entry, str)]
    texts += [entry for group in listed if isinstance(group, dict) for entry in group["pip"]]
    return {r.name: r for r in map(Requirement, texts)}


def environment_script():
    return store.load_script("get_environment")


def test_the_lock_pins_every_dependency_within_its_range():
    pinned = pins()
    for name, requirement in requirements().items():
        assert name.lower() in pinned, f"requirements.lock does not pin {name}: run `make lock`"
        assert Version(pinned[name.lower()]) in requirement.specifier, f"the lock's {name} is outside {requirement}"


def test_the_conda_file_lists_the_same_dependencies_and_ranges():
    expected = {CONDA_NAMES.get(name, name): str(r.specifier) for name, r in requirements().items()}
    listed = {name: str(r.specifier) for name, r in conda().items() if name not in ("python", "pip")}
    assert listed == expected


def test_python_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == str(conda()["python"].specifier) == ">=3.11"


def test_the_lock_leaves_the_cuda_packages_to_torch():
    assert not [name for name in pins() if re.match(r"(nvidia|cuda)-|triton", name)]
    assert "+" not in pins()["torch"]


def test_the_build_of_torch_follows_the_gpu_and_the_readers_choice(monkeypatch):
    script = environment_script()
    monkeypatch.setattr(script.sys, "platform", "linux")
    monkeypatch.setattr(script.shutil, "which", lambda name: None)
    assert script.torch_build("auto") == "cpu"
    assert script.torch_build("cuda") == "cuda"
    monkeypatch.setattr(script.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert script.torch_build("auto") == "cuda"
    assert script.torch_build("cpu") == "cpu"
    monkeypatch.setattr(script.sys, "platform", "darwin")
    assert script.torch_build("auto") == "ordinary"


def test_without_a_cpu_build_in_sight_uv_is_asked_and_then_the_ordinary_build_taken(monkeypatch):
    script = environment_script()
    asked = []
    monkeypatch.setattr(script, "pip", lambda python, *what, **options: asked.append(what) or what != ("torch==9+cpu",))
    monkeypatch.setattr(
        script.subprocess, "run", lambda command, **options: asked.append(tuple(command[1:4])) or subprocess.CompletedProcess([], 1)
    )
    assert script.install_torch(Path("python"), "cpu", "9")
    assert asked == [("torch==9+cpu",), ("uv",), ("-m", "uv", "pip"), ("torch==9",)]


@pytest.mark.parametrize("found", ["both", "torch", "uv"])
def test_torchvision_comes_in_torchs_build_where_it_can_be_had(monkeypatch, found):
    script = environment_script()
    asked = []
    both, alone = ("torch==9+cpu", "torchvision==8+cpu"), ("torch==9+cpu",)
    good = {"both": [both], "torch": [alone], "uv": [("uv",)]}[found]
    monkeypatch.setattr(script, "pip", lambda python, *what, **options: asked.append(what) or what in good)
    monkeypatch.setattr(
        script.subprocess, "run", lambda command, **options: asked.append(tuple(command[-2:])) or subprocess.CompletedProcess([], 0)
    )
    assert script.install_torch(Path("python"), "cpu", "9", "8")
    assert asked == [both, alone, ("uv",), ("torch==9", "torchvision==8")][: {"both": 1, "torch": 2, "uv": 4}[found]]


# torchvision compiled for another torch: its operators are declared, whatever is imported first.


FAKE = """import torch
assert not hasattr(torch, "executed")
torch.executed = True
torch.library.register_fake("torchvision::nms")(lambda dets, scores, threshold: dets.new_empty(0))
"""
"""What torchvision does when it is imported; it fails where the operator is unknown."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with this one's packages, helped as get_environment.py helps those that it makes."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=sys.platform != "win32")
    script = environment_script()
    script.help_torchvision(folder)
    packages = next(folder.rglob("krypton_torchvision_operators.pth")).parent
    (packages / "others.pth").write_text("\n".join([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
    script.help_torchvision(folder)  # as every later `make` does
    return script.python_of(folder)


def run(python, code, *paths):
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": os.pathsep.join(map(str, paths))}
    )


@pytest.mark.parametrize("code", ["import torchvision; import kryptonlib", "import torch; from torchvision import ops"])
def test_torchvision_imports_whatever_comes_first(environment, code):
    done = run(environment, f"{code}; print('imported')", ROOT)
    assert done.stdout.strip() == "imported", done.stderr


@pytest.mark.parametrize("first", ["torchvision", "kryptonlib"])
def test_operators_are_declared_for_a_build_that_does_not_load(environment, tmp_path, first):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(FAKE)
    (tmp_path / "torchvision" / "_C.so").write_bytes(b"compiled for another torch")
    second = {"torchvision": "kryptonlib", "kryptonlib": "torchvision"}[first]
    code = f"import {first}, {second}, torch; print(torch.executed, torchvision.__file__)"
    done = run(environment, code, tmp_path, ROOT)
    assert done.stdout.strip() == f"True {tmp_path / 'torchvision' / '__init__.py'}", done.stderr
    if first == "torchvision":
        without = "import sys; sys.meta_path = [f for f in sys.meta_path if getattr(f, '__name__', '') != '_Declaring']"
        assert "torchvision::nms does not exist" in run(environment, f"{without}; {code}", tmp_path, ROOT).stderr


def test_python_starts_without_torch_and_finding_torchvision_imports_nothing(environment):
    code = "import sys, importlib.util; importlib.util.find_spec('torchvision'); print('torch' in sys.modules)"
    done = run(environment, code)
    assert done.stdout.strip() == "False" and not done.stderr


def test_an_unwritable_cache_is_named_with_the_remedy(monkeypatch, tmp_path):
    script = environment_script()
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("KRYPTON_CACHE", str(blocked))
    with pytest.raises(SystemExit, match="KRYPTON_CACHE"):
        script.make("cpu")


def test_a_missing_pin_of_torch_is_named():
    with pytest.raises(SystemExit, match="make lock"):
        environment_script().pinned("torch", ["numpy==2.0"])


@pytest.mark.long
def test_a_wheel_can_be_built_and_imports_from_elsewhere(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, str(ROOT)], check=True
    )
    (wheel,) = tmp_path.glob("kryptonlib-*.whl")
    target = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(target)
    names = {str(path.relative_to(target)) for path in target.rglob("*.py")}
    assert "kryptonlib/data_scripts/get_data.py" in names
    assert not [name for name in names if name.startswith(("tests/", "notebooks/"))]
    code = "import kryptonlib, kryptonlib.occlusion, kryptonlib.zoo, kryptonlib.samples; print(kryptonlib.__file__)"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(target)}, capture_output=True, text=True
    )
    assert shown.stdout.startswith(str(target)), shown.stderr
