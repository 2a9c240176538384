"""Downloading a data set: licence and size first, every file checked, and resumable."""

from __future__ import annotations

import hashlib
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any

from tsrep.datasets.dataset import About, default_folder
from tsrep.datasets.progress import progress_bar
from tsrep.errors import DataError
from tsrep.registry import DATASETS

Confirm = Callable[[str], bool]
CONNECTIONS = 8
TIMEOUT = 60
BLOCK = 1 << 18


def fetch(
    name: str,
    out: Path | str | None = None,
    *,
    confirm: Confirm,
    everything: bool = False,
    base_url: str | None = None,
    progress: bool = True,
) -> Path:
    """Download a data set, or what is still missing of it.

    Files that are there with the right SHA-256 stay; a download that was cut off resumes where it
    stopped (from ``FILE.part``) if the server can do that.

    Parameters
    ----------
    name : str
    out : Path or None
        Folder; ``None`` for where the loader looks.
    confirm : callable, str to bool
        Is asked once, with licence, size and folder; false means nothing is downloaded.
    everything : bool
        Also what the loader does not read by default (``About.optional``).
    base_url : str or None
        A mirror instead of the official place.
    progress : bool

    Raises
    ------
    DataError
        When there is nothing to download, the user declines, the disk is too small, the server cannot be
        reached, or a file arrives damaged.
    """
    about: About = DATASETS.entry(name).cls.about
    base = base_url or about.base_url
    if not base:
        raise DataError(f"there is nothing to fetch for {name}: {_instead(about)}")
    base = base.rstrip("/") + "/"
    folder = default_folder(name) if out is None else Path(out).expanduser()
    size = about.full_size_mb if everything and about.full_size_mb else about.size_mb
    question = (
        f"{about.title}\nlicence: {about.licence}\ncite: {about.citation}\n"
        f"about {size:,.0f} MB from {base}\nto {folder}\nDownload?"
    )
    if not confirm(question):
        raise DataError(f"{name} was not downloaded, because the question was not answered with yes")
    _refuse_full_disk(folder, size, name)
    sums = dict(about.files) or _listing(base, about.checksums, folder)
    skip = () if everything else about.optional
    wanted = {file: digest for file, digest in sums.items() if not file.startswith(skip)} if skip else sums
    _download(base, folder, wanted, name, progress)
    return folder


def _instead(about: About) -> str:
    """Where data come from that are not downloaded."""
    if about.url and about.needs:
        return f"get {', '.join(about.needs)} by hand: {about.notes}"
    if about.synthetic:
        return "it is simulated on first use"
    return "it is part of tsrep" if about.records else "it is your own data"


def _refuse_full_disk(folder: Path, size: float, name: str) -> None:
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    there = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder.exists() else 0
    free = shutil.disk_usage(existing).free
    if free + there < size * 1e6:
        raise DataError(
            f"{name} needs {size:,.0f} MB in {folder} but {free / 1e6:,.0f} MB are free there; "
            "choose another folder"
        )


def _listing(base: str, name: str, folder: Path) -> dict[str, str]:
    """File to SHA-256, from the server's list; the list itself is kept in the folder."""
    try:
        with urllib.request.urlopen(base + name, timeout=TIMEOUT) as answer:
            text: str = answer.read().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{base}{name} cannot be fetched ({error}); check the connection") from error
    pairs = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    sums = {pair[1].strip().lstrip("*"): pair[0] for pair in pairs if len(pair) == 2}
    outside = [f for f in sums if PurePosixPath(f).is_absolute() or ".." in PurePosixPath(f).parts]
    if not sums or outside:
        raise DataError(f"{base}{name} is not a list of SHA-256 sums of files; check the address")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}); choose another folder") from error
    return sums


def _download(base: str, folder: Path, sums: dict[str, str], name: str, progress: bool) -> None:
    import logging

    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    catalogue = pooch.create(folder, base, registry={f: f"sha256:{digest}" for f, digest in sums.items()})

    def one(file: str) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        catalogue.fetch(file, downloader=_resume)

    bar = progress_bar(f"fetching {name}", len(sums), show=progress)
    with ThreadPoolExecutor(CONNECTIONS) as pool, bar as advance:
        try:
            for _ in pool.map(one, sums):
                advance(1)
        except (ValueError, OSError) as error:
            fault = f"the download of {name} stopped ({error}); run the same command to resume it"
            if isinstance(error, ValueError):  # of pooch, for a wrong checksum
                fault = f"a file of {name} arrived damaged ({error}); run the same command again"
            raise DataError(fault) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _resume(url: str, output_file: str, catalogue: Any) -> None:
    """Downloader for pooch that keeps what has arrived in ``FILE.part`` and asks only for the rest."""
    final = Path(catalogue.abspath) / url.removeprefix(catalogue.base_url)
    part = final.with_name(final.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
            with part.open("ab" if resumed else "wb") as stream:
                expected = answer.headers.get("Content-Length")
                shutil.copyfileobj(answer, stream, BLOCK)
                got = stream.tell() - (have if resumed else 0)
        if expected is not None and got < int(expected):
            raise OSError(f"{final.name} was cut off after {got} of {expected} bytes")
    except urllib.error.HTTPError as error:
        error.close()
        # the part is as long as the file, or not of it: its checksum decides, or it is fetched anew
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        known = catalogue.registry[url.removeprefix(catalogue.base_url)].removeprefix("sha256:")
        if hashlib.sha256(part.read_bytes()).hexdigest() != known:
            part.unlink()
            _resume(url, output_file, catalogue)
            return
    part.replace(output_file)
