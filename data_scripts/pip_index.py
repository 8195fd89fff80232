"""Ask pip's package index for one pinned file and download it, resuming what an earlier run left.

``pip download`` itself will not do: for a source distribution it runs the package's own code. So pip's settings and
its session are used (index, mirrors, certificates, proxy, passwords, time-outs: whatever ``pip install`` uses here)
to read the simple index (PEP 503 and PEP 691) and to fetch the file that is named there, and nothing is installed.
"""

import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

from problems import DataProblem, Stop, from_os_error

ATTEMPTS = 3
CHUNK = 1 << 16
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


class _Links(HTMLParser):
    """The links of a PEP 503 page: file name -> (address, why it was yanked or None)."""

    def __init__(self, base):
        super().__init__()
        self.base, self.found = base, {}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "a" and attributes.get("href"):
            address = urljoin(self.base, attributes["href"])
            name = unquote(urlsplit(address).path.rsplit("/", 1)[-1])
            yanked = attributes["data-yanked"] or "no reason given" if "data-yanked" in attributes else None
            self.found[name] = (address, yanked)


def read_page(text, base, content_type=""):
    """File name -> (address, reason for yanking or None) from a page of a simple index, JSON or HTML."""
    if "json" in content_type:
        return {
            file["filename"]: (urljoin(base, file["url"]), (file.get("yanked") or None) and str(file["yanked"]))
            for file in json.loads(text)["files"]
        }
    links = _Links(base)
    links.feed(text)
    return links.found


class Index:
    """pip's index as it is configured on this machine."""

    def __init__(self):
        try:
            from pip._internal.commands import create_command
            from pip._vendor.requests import RequestException

            command = create_command("download")
            options, _ = command.parse_args(["krypton-data"])
            options.cache_dir = ""  # what is kept is kept in the data folder, not a second time in pip's cache
            self.session = command._build_session(options, retries=min(int(options.retries), 1))
            self.session.auth.prompting = False
            self.pages = [] if options.no_index else [options.index_url, *options.extra_index_urls]
            self.places = list(options.find_links)
        except (ImportError, AttributeError, TypeError) as error:
            raise Stop(
                f"pip is missing, or this version of it is not understood ({error}). "
                'Run  python -m pip install "pip>=23"  (or first  python -m ensurepip), then run this again'
            ) from error
        self.network_error = RequestException

    def locate(self, project, filename):
        """(address, reason for yanking or None) of a file.

        Raises:
            DataProblem: every index answered and none has the file.
            Stop: the file was not found and at least one index could not be reached.
        """
        asked, unreachable = [], []
        for place in [*self.places, *(f"{page.rstrip('/')}/{project}/" for page in self.pages)]:
            asked.append(place)
            try:
                found = self._page(place).get(filename)
            except (self.network_error, OSError, ValueError, KeyError) as error:
                unreachable.append(f"{place}: {reason(error)}")
                continue
            if found:
                return found
        if unreachable:
            raise Stop(
                f"no network: {filename} could not be looked up ({'; '.join(unreachable)}). Check the connection, "
                "the proxy and `pip config list`, then run this again: what is complete is kept"
            )
        raise DataProblem(
            f"{filename} is not at the index ({', '.join(asked) or 'pip is set to use none'}). If yours is a mirror, "
            f"ask for the package {project} there or set PIP_EXTRA_INDEX_URL to an index that has it, then run this again"
        )

    def _page(self, place):
        """Links of one index page, file system folder or page of links; empty where there is none."""
        if "://" not in place or place.startswith("file:"):
            folder = Path(url2pathname(urlsplit(place).path)) if place.startswith("file:") else Path(place)
            if (folder / "index.html").is_file():
                return read_page((folder / "index.html").read_text(encoding="utf-8"), folder.absolute().as_uri() + "/")
            return {file.name: (file.absolute().as_uri(), None) for file in folder.glob("*") if file.is_file()}
        response = self.session.get(place, headers={"Accept": ACCEPT})
        if response.status_code in (404, 410):
            return {}
        if response.status_code != 200:
            raise ValueError(f"answered {response.status_code} {response.reason}")
        return read_page(response.text, response.url, response.headers.get("Content-Type", ""))

    def download(self, address, part, size, advance):
        """Append to the file ``part`` until it holds ``size`` bytes.

        Args:
            address: where the file is; http, https or file.
            part: ``Path`` of the unfinished file. What it already holds is not asked for again, where the server can.
            size: bytes of the complete file.
            advance: called with the number of bytes the file now holds.

        Raises:
            DataProblem: the server broke off, stalled or refused; ``part`` keeps what came.
            Stop: ``part`` cannot be written.
        """
        address = urldefrag(address)[0]
        for _ in range(ATTEMPTS):
            try:
                trouble = self._attempt(address, part, size, advance)
            except self.network_error as error:  # a subclass of OSError, so it is looked for first
                trouble = reason(error)
            except OSError as error:
                raise from_os_error(error, error.filename or part) from error
            if trouble is None:
                return
        have = part.stat().st_size if part.exists() else 0
        raise DataProblem(
            f"the download of {part.name.removesuffix('.part')} broke off at {have:,} of {size:,} bytes ({trouble}). "
            "Run this again: it continues from there"
        )

    def _attempt(self, address, part, size, advance):
        """One try; None when the file is complete, else what went wrong."""
        have = part.stat().st_size if part.exists() else 0
        if have > size:
            have = 0
        if have == size:
            return None
        if address.startswith("file:"):
            return _append(part, _read_local(url2pathname(urlsplit(address).path), have), have, size, advance)
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self.session.get(address, headers=headers, stream=True) as response:
            if response.status_code == 200:  # the whole file, also from a server that knows no ranges
                return _append(part, response.iter_content(CHUNK), 0, size, advance)
            if response.status_code != 206:
                if response.status_code == 416:
                    part.unlink()
                return f"the server answered {response.status_code} {response.reason}"
            if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                part.unlink(missing_ok=True)
                return "the server sent another part of the file than was asked for"
            return _append(part, response.iter_content(CHUNK), have, size, advance)


def _append(part, chunks, start, size, advance):
    """Write ``chunks`` from position ``start`` until ``size`` is reached; None when it was, else a reason."""
    with open(part, "ab" if start else "wb") as file:
        for chunk in chunks:
            file.write(chunk)
            start += len(chunk)
            advance(start)
            if start > size:
                break
    return None if start >= size else "the connection was closed early"


def _read_local(path, start):
    with open(path, "rb") as file:
        file.seek(start)
        while chunk := file.read(CHUNK):
            yield chunk


def reason(error):
    """The innermost cause of a network error in a few words."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, Exception):
            inner = next((part for part in error.args if isinstance(part, Exception)), None)
        if inner is None:
            break
        error = inner
    text = str(error).split(": ", 1)[-1] if "object at 0x" in str(error) else str(error)
    return text or type(error).__name__
