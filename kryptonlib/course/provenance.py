"""Where the numbers of a run come from: versions, threads, device, and fingerprints of code, data and weights."""

import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path

from kryptonlib import store

PACKAGES = (
    "torch torchvision numpy scipy scikit-image matplotlib ipywidgets papermill safetensors h5py pydicom nibabel captum"
).split()
# These parts of the library write about a run or start it; they cannot change what a notebook computes.
NOT_READ_BY_NOTEBOOKS = {"cli.py", "__main__.py"} | {
    f"course/{name}.py" for name in ("claims", "form", "freshness", "papers", "readme", "report", "student")
}


def versions():
    """The versions of Python and of the packages that the numbers depend on."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def machine():
    """Threads and device of this machine, as torch sees them."""
    import torch

    cuda = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if cuda else "cpu"
    return {"device": device, "threads": torch.get_num_threads(), "cpus": os.cpu_count()}


def digest(value):
    """The sha256 of a JSON-able value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def library(folder):
    """One hash over every file of the library that a notebook may use."""
    folder = Path(folder)
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in (".py", ".json", ".safetensors", ".yaml") and name not in NOT_READ_BY_NOTEBOOKS:
            files[name] = store.sha256(path)
    return digest(files)


def checkpoints(folder):
    """The sha256 of each checkpoint that we trained: file name -> hash."""
    return {path.name: store.sha256(path) for path in sorted(Path(folder).glob("*.safetensors"))}


def data(folder):
    """One hash per data package over the sha256 of its files and of the weights converted from it."""
    found = {}
    for manifest in sorted((Path(folder) / store.MANIFESTS).glob("*.json")):
        record = store.read_manifest(folder, manifest.stem)
        if record is not None:
            files = {**record["files"], **record["weights"]}
            found[manifest.stem] = digest({name: facts["sha256"] for name, facts in files.items()})
    return found


def cells(notebook):
    """The hash of a notebook's code: its code cells in order, with their tags."""
    code = [[cell.source, cell.metadata.get("tags", [])] for cell in notebook.cells if cell.cell_type == "code"]
    return digest(code)


def numbers(recorded):
    """The hash of a committed record's numbers, those that are never compared (times) apart."""
    return digest(
        {name: [entry["value"], entry["agrees"]] for name, entry in recorded.items() if entry["kind"] != "info"}
    )


def collect(root):
    """Everything about this machine and library that a record's provenance holds, parameters apart."""
    root = Path(root)
    found = {"versions": versions(), **machine(), "checkpoints": checkpoints(root / "kryptonlib" / "checkpoints")}
    found["library"] = library(root / "kryptonlib")
    found["data"] = data(store.data_dir())
    return found
