"""Downloading a data set: licence and size first, every file checked, and resumable."""

from __future__ import annotations

import hashlib
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tsrep.datasets.dataset import About, default_folder
from tsrep.datasets.fetch_listing import TIMEOUT, Checksums, checksums_of
from tsrep.datasets.fetch_steps import WHY
from tsrep.datasets.progress import progress_bar
from tsrep.errors import DataError
from tsrep.files import expanded
from tsrep.registry import DATASETS

Confirm = Callable[[str], bool]
CONNECTIONS = 8
BLOCK = 1 << 18


def fetch(
    name: str,
    out: Path | str | None = None,
    *,
    confirm: Confirm,
    everything: bool = False,
    only: Sequence[str] = (),
    base_url: str | None = None,
    progress: bool = True,
) -> Path:
    """Download a data set, or what is still missing of it.

    Files that are there with the right checksum stay; a download that was cut off resumes where it
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
    only : sequence of str
        Words of which one must be in a file's name, such as ``"georgia"`` or ``"part0."``; all files without.
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
        what = "it is simulated on first use" if about.synthetic else "it is your own data"
        what = "it is part of tsrep" if about.records and not about.synthetic else what
        elsewhere = f"{WHY[about.access]}; get {', '.join(about.needs)} from {about.url} ({about.notes})"
        away = about.url and about.needs
        raise DataError(f"there is nothing to fetch for {name}: {elsewhere if away else what}")
    base = base.rstrip("/") + "/"
    folder = default_folder(name) if out is None else expanded(out)
    size = about.full_size_mb if everything and about.full_size_mb else about.size_mb
    part = f"what has {' or '.join(only)} in its name, of " if only else ""
    question = (
        f"{about.title}\nlicence: {about.licence}\ncite: {about.citation}\n"
        f"{part}about {size:,.0f} MB from {base}\nto {folder}\nDownload?"
    )
    if not confirm(question):
        raise DataError(f"{name} was not downloaded, because the question was not answered with yes")
    if not only:
        _refuse_full_disk(folder, size, name)
    sums = checksums_of(about, base, folder, mirrored=base_url is not None)
    _download(base, folder, _chosen(sums, about, only, everything), name, progress)
    _keep_citation(folder, about)
    return folder


def _refuse_full_disk(folder: Path, size: float, name: str) -> None:
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    there = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder.exists() else 0
    free = shutil.disk_usage(existing).free
    if free + there < size * 1e6:
        raise DataError(
            f"{name} needs {size:,.0f} MB in {folder} but {free / 1e6:,.0f} MB are free there; "
            "choose another folder"
        )


def _chosen(sums: Checksums, about: About, only: Sequence[str], everything: bool) -> Checksums:
    """Files whose names hold one of some words, or all but the optional ones."""
    if not only:
        skip = () if everything else about.optional
        return {file: digest for file, digest in sums.items() if not (skip and file.startswith(skip))}
    for word in only:
        if not any(word in file for file in sums):
            some = ", ".join(list(sums)[:3])
            raise DataError(f"no file has {word!r} in its name; there are {len(sums):,}, such as {some}")
    return {file: digest for file, digest in sums.items() if any(word in file for word in only)}


def _keep_citation(folder: Path, about: About) -> None:
    """Whom to cite stays with the files."""
    text = f"# {about.title}\n\n{about.citation}\n\nLicence: {about.licence}\n\n<{about.url}>\n"
    (folder / "CITE.md").write_text(text, encoding="utf-8")


def _download(base: str, folder: Path, sums: Checksums, name: str, progress: bool) -> None:
    import logging

    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    catalogue = pooch.create(folder, base, registry=sums)

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
        way, _, known = catalogue.registry[url.removeprefix(catalogue.base_url)].partition(":")
        if hashlib.new(way, part.read_bytes()).hexdigest() != known:
            part.unlink()
            _resume(url, output_file, catalogue)
            return
    part.replace(output_file)
