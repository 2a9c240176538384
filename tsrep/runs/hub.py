"""Encoders on a hub: found by name and revision, fetched once, used offline, and pushed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tsrep.errors import RunError
from tsrep.runs.hub_cache import cached, offline
from tsrep.runs.hub_folder import VARIABLE, in_folder, place_of
from tsrep.runs.hub_name import HubName
from tsrep.runs.licences import Licence, LicenceNotAccepted, licence_of, refuse_unaccepted
from tsrep.runs.packed_config import CONFIG, FILES, WEIGHTS, read_json, refuse_code

MISSING = (
    "hub references need the package huggingface_hub; install it, or download the repository and give its "
    "folder"
)


@dataclass(frozen=True)
class Snapshot:
    """A revision of a repository on this machine.

    Attributes
    ----------
    folder : Path
        With the files of a packed encoder.
    revision : str
        The commit, 40 hexadecimal digits.
    """

    folder: Path
    revision: str


def fetch(name: HubName, *, accepted: str = "", offline_only: bool = False) -> Snapshot:
    """A revision of a repository, from a folder that is the hub, the cache, or the hub itself.

    ``TSREP_HUB`` names a folder that is looked into first, and that messages name where it lacks the
    repository. With ``HF_HUB_OFFLINE`` nothing is asked of the
    network. A commit that is in the cache is taken from there.

    Parameters
    ----------
    name : HubName
    accepted : str
        Identifier of a licence that the user accepts.
    offline_only : bool
        Ask nothing of the network.

    Raises
    ------
    RunError
        When there is no such repository or revision, it holds code or pickled weights alone, its licence was
        not accepted, its terms were not, or the hub cannot be reached.
    """
    found = in_folder(name)
    snapshot = _accepted(name, found, accepted) if found else _elsewhere(name, accepted, offline_only)
    if not name.revision:
        short = snapshot.revision[:7]
        print(
            f"tsrep: {name} is at {short}; pin it with hub:{name.repository}@{short}",
            file=sys.stderr,
        )
    return snapshot


def _accepted(name: HubName, found: tuple[Path, str], accepted: str) -> Snapshot:
    snapshot = Snapshot(*found)
    refuse_unaccepted(name.repository, snapshot.revision, _licence_in(snapshot.folder), accepted)
    return snapshot


def _elsewhere(name: HubName, accepted: str, offline_only: bool) -> Snapshot:
    """From the cache or the hub; where a folder is the hub, what goes wrong names it too."""
    try:
        return _cached_or_downloaded(name, accepted, offline_only)
    except LicenceNotAccepted:
        raise
    except RunError as error:
        if (place := place_of(name)) is None:
            raise
        raise RunError(f"there is no {place} ({VARIABLE} is set), and {error}") from error


def _cached_or_downloaded(name: HubName, accepted: str, offline_only: bool) -> Snapshot:
    without_network = offline_only or offline()
    found = cached(name, needed=without_network) if without_network or name.is_commit else None
    return _downloaded(name, accepted) if found is None else _accepted(name, found, accepted)


def _licence_in(folder: Path) -> Licence:
    """What a packed encoder says of its licence; the rest of its settings is checked when it is opened."""
    return licence_of(str(read_json(folder / CONFIG, folder.name).get("licence", "")))


def _downloaded(name: HubName, accepted: str) -> Snapshot:
    """The files of a packed encoder and nothing else, after what the hub says of them was checked."""
    api = _library()
    with _told(name, api):
        info = api.HfApi().model_info(name.repository, revision=name.revision or None, files_metadata=False)
    files = [str(each.rfilename) for each in info.siblings or ()]
    refuse_code(files, str(name))
    if WEIGHTS not in files:
        raise RunError(f"{name} holds no {WEIGHTS}, so that it is no packed encoder; give another repository")
    card = info.card_data.to_dict() if info.card_data is not None else {}
    licence, commit = licence_of(str(card.get("license") or "")), str(info.sha)
    changed = f", {info.last_modified:%Y-%m-%d}" if info.last_modified else ""
    print(f"tsrep: {name}: {licence}{changed}", file=sys.stderr)
    refuse_unaccepted(name.repository, commit, licence, accepted)
    # by its name, so that the cache knows what the name meant when there is no network
    asked = commit if name.is_commit else name.revision or "main"
    with _told(name, api):
        folder = Path(api.snapshot_download(name.repository, revision=asked, allow_patterns=list(FILES)))
    if folder.name != commit:
        raise RunError(f"{name} changed while it was fetched; fetch it again")
    return Snapshot(folder, commit)


def push_folder(
    folder: Path,
    name: HubName,
    *,
    private: bool = False,
    pull_request: bool = False,
    api: Any = None,
) -> str:
    """Upload a packed folder.

    Parameters
    ----------
    folder : Path
    name : HubName
        With the branch in place of a revision, which is made where there is none.
    private : bool
        Of a repository that does not exist yet.
    pull_request : bool
        Propose the change instead of making it.
    api : object, optional
        With the methods of ``huggingface_hub.HfApi`` that are used, instead of one.

    Returns
    -------
    str
        Address of the commit.

    Raises
    ------
    RunError
        When the user is not logged in or may not write there, or the hub cannot be reached.
    """
    library = _library() if api is None else None
    hub = api if library is None else library.HfApi()
    with _told(name, library):
        hub.create_repo(name.repository, private=private, exist_ok=True)
        if name.revision and not pull_request:
            hub.create_branch(name.repository, branch=name.revision, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=name.repository,
            folder_path=str(folder),
            allow_patterns=list(FILES),
            revision=name.revision or None,
            create_pr=pull_request,
            commit_message="Upload of an encoder by tsrep",
        )
    return str(getattr(commit, "pr_url", None) or getattr(commit, "commit_url", None) or commit)


def _library() -> Any:
    try:
        return import_module("huggingface_hub")
    except ImportError as error:
        raise RunError(MISSING) from error


@contextmanager
def _told(name: HubName, library: Any) -> Iterator[None]:
    """Tell what goes wrong on a hub in one sentence."""
    if library is None:
        yield
        return
    errors: Any = import_module("huggingface_hub.errors")
    try:
        yield
    except errors.GatedRepoError as error:
        raise RunError(
            f"{name} asks for terms to be accepted on its page; do so there, then log in with: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise RunError(
            f"{name.unpinned} has no revision {name.revision}{_there_are(name, library)}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise RunError(
            f"there is no repository {name.unpinned}, or it is private; check the name, or log in with: "
            "hf auth login"
        ) from error
    except Exception as error:  # whatever the package and the network say
        if _status(error) in (401, 403) or isinstance(error, errors.LocalTokenNotFoundError):
            raise RunError(f"{name} may not be written or read by you; log in with: hf auth login") from error
        raise RunError(
            f"{name.unpinned} cannot be reached ({_line(error)}); try again, or use what is in the cache "
            "with HF_HUB_OFFLINE=1"
        ) from error


def _there_are(name: HubName, library: Any) -> str:
    try:
        refs = library.HfApi().list_repo_refs(name.repository)
    except Exception:  # whatever the hub says; the revision is missing all the same
        return "; name another"
    known = [str(one.name) for one in (*refs.branches, *refs.tags)]
    return f"; it has {', '.join(known)}" if known else "; name another"


def _status(error: BaseException) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _line(error: BaseException) -> str:
    text = " ".join(re.sub(r"\[Errno -?\d+\]", "", str(error)).split())
    return f"{type(error).__name__}: {text}"[:160].rstrip(": ")
