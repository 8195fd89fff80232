"""Make the virtual environment that ``make`` works in, and print the path of its Python.

Needs nothing but the standard library. The environment lies outside the checkout, in a folder named after the hash of
``requirements.lock``: clones with the same lock share it, a new lock gets a new one. A run that was stopped is
continued by the next one. Progress goes to standard error, the path to standard output.

    python data_scripts/get_environment.py              # make it if it is missing
    python data_scripts/get_environment.py --torch cuda # torch's ordinary build, also where no GPU is seen now
    python data_scripts/get_environment.py --lock       # write requirements.lock anew from pyproject.toml
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
EXTRAS = ["course", "test", "grading", "browser"]
# Brought in by torch itself where its build needs them, so a lock must not ask for them everywhere.
TORCH_OWN = re.compile(r"(nvidia|cuda)-.*|triton|uv")


def cache_dir():
    """The folder for everything Krypton keeps outside the checkout: $KRYPTON_CACHE or the user's cache folder."""
    if os.environ.get("KRYPTON_CACHE"):
        return Path(os.environ["KRYPTON_CACHE"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "krypton"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "krypton"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "krypton"


def python_of(folder):
    """The Python of the virtual environment in ``folder``."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def tell(message):
    print(message, file=sys.stderr, flush=True)


def pip(python, *arguments, quiet=True):
    """Run pip in an environment; True if it ended well."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    if quiet:
        command.append("--quiet")
    return subprocess.run(command, stdout=sys.stderr).returncode == 0


def torch_build(choice):
    """Which torch to install: "cpu", "cuda" or "ordinary" (the registry's own, where it has no CUDA in it)."""
    if not sys.platform.startswith("linux"):
        return "ordinary"
    if choice == "auto":
        return "cuda" if shutil.which("nvidia-smi") else "cpu"
    return choice


def pinned(name, lines):
    """The version that the lock pins ``name`` to."""
    for line in lines:
        if line.startswith(f"{name}=="):
            return line.split("==")[1].strip()
    raise SystemExit(f"{LOCK.name} does not pin {name}: add a line {name}==VERSION, then run `make lock`")


def install_torch(python, build, version, vision=None):
    """Install torch: with CUDA's libraries only where they are of use, since they take several GB.

    The registry's ordinary torch for Linux brings CUDA. The CPU build is taken from where pip is set up to look, else
    by uv, which knows where PyTorch publishes it, else the ordinary build is taken after all. torchvision of version
    ``vision`` comes in the same build if it can be had; if not, the lock's ordinary one needs ``help_torchvision``.
    """
    if build != "cpu":
        return pip(python, f"torch=={version}")
    if vision:
        if pip(python, f"torch=={version}+cpu", f"torchvision=={vision}+cpu"):
            return True
        tell(
            "  pip does not see CPU builds of torch and torchvision; trying torch alone (the lines above are no error)"
        )
    if pip(python, f"torch=={version}+cpu"):
        return True
    tell("  pip does not see a CPU build of torch; asking uv for it (the lines above are not an error)")
    if pip(python, "uv"):
        command = [str(python), "-m", "uv", "pip", "install", "--python", str(python), "--torch-backend", "cpu"]
        wanted = [f"torch=={version}", *([f"torchvision=={vision}"] if vision else [])]
        if subprocess.run([*command, *wanted], stdout=sys.stderr).returncode == 0:
            return True
    tell("  no CPU build can be had here; taking the ordinary build of torch, a download of several GB")
    return pip(python, f"torch=={version}")


def help_torchvision(folder):
    """Let ``import torchvision`` work in the environment in ``folder`` whatever is imported first.

    Python runs the .pth files of an environment when it starts. What this one runs, and why, is told in
    ``kryptonlib/torchvision_operators.py``.
    """
    packages = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)}))
    name = "krypton_torchvision_operators"
    code = (ROOT / "kryptonlib" / "torchvision_operators.py").read_text(encoding="utf-8")
    for file, text in (f"{name}.py", code), (f"{name}.pth", f"import {name}; {name}.declare_on_import()\n"):
        if not (packages / file).exists() or (packages / file).read_text(encoding="utf-8") != text:
            (packages / file).write_text(text, encoding="utf-8")


def make(torch_choice="auto"):
    """The Python of the locked environment, made first if it is missing.

    Raises:
        SystemExit: with the remedy, if Python is too old, the lock is missing or an installation failed.
    """
    if sys.version_info < (3, 11):
        raise SystemExit(
            f"Krypton needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=python3.11 …"
        )
    if not LOCK.exists():
        raise SystemExit(f"{LOCK} is missing: this does not look like a whole checkout")
    build = torch_build(torch_choice)
    text = LOCK.read_text(encoding="utf-8")
    identity = hashlib.sha256(f"{text}{sys.version_info[:2]}{build}".encode()).hexdigest()[:12]
    folder = cache_dir() / "environments" / f"{identity}-{build}"
    python, ready = python_of(folder), folder / ".ready"
    if ready.exists():
        help_torchvision(folder)
        return python
    start = time.monotonic()
    tell(f"Making the environment {folder}\n  (torch: {build} build; once per lock, a few minutes)")
    try:
        venv.create(folder, with_pip=True)
    except OSError as error:
        raise SystemExit(f"Cannot write {folder}: {error}. Set KRYPTON_CACHE to a folder you can write to.") from error
    # Not --quiet when a person looks: pip's own bars show what is being fetched.
    quiet = not sys.stderr.isatty()
    torch, vision = (pinned(name, text.splitlines()) for name in ("torch", "torchvision"))
    if not install_torch(python, build, torch, vision) or not pip(python, "-r", str(LOCK), quiet=quiet):
        raise SystemExit(f"pip could not install {LOCK.name} (its message is above). The same command continues.")
    help_torchvision(folder)
    ready.write_text(f"{build}\n", encoding="utf-8")
    tell(f"Environment ready after {time.monotonic() - start:.0f} s")
    return python


def lock():
    """Write requirements.lock: the versions that pip picks now for pyproject.toml, with all extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + [r for extra in EXTRAS for r in project["optional-dependencies"][extra]]
    # torch stays at the pin, or torchvision's newest release would draw in another torch than the one installed first;
    # a new torch is chosen by editing its line and running this.
    torch = pinned("torch", LOCK.read_text(encoding="utf-8").splitlines())
    with tempfile.TemporaryDirectory() as temporary:
        venv.create(temporary, with_pip=True)
        python = python_of(Path(temporary))
        if not install_torch(python, torch_build("auto"), torch) or not pip(python, f"torch=={torch}", *wanted):
            raise SystemExit("pip could not install pyproject.toml's dependencies; requirements.lock is unchanged")
        frozen = subprocess.check_output([str(python), "-m", "pip", "freeze"], text=True).splitlines()
    lines = [re.sub(r"\+.*", "", line) for line in frozen if "==" in line]
    lines = [line for line in lines if not TORCH_OWN.fullmatch(line.split("==")[0])]
    header = "# Written by `make lock` from pyproject.toml; do not edit. torch brings its own CUDA packages where it needs them.\n"
    LOCK.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    tell(f"{LOCK.name}: {len(lines)} pins")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", choices=["auto", "cpu", "cuda"], default="auto", help="which build (default: auto)")
    parser.add_argument("--lock", action="store_true", help="write requirements.lock anew")
    chosen = parser.parse_args(arguments)
    if chosen.lock:
        lock()
    else:
        print(make(chosen.torch))


if __name__ == "__main__":
    main()
