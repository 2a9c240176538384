"""A hub on 127.0.0.1 with one repository at a time, as far as huggingface_hub asks for it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit


class Hub(ThreadingHTTPServer):
    """A repository.

    Attributes
    ----------
    name : str
        ``"owner/name"``.
    commits : dict
        Folder of each commit.
    refs : dict
        Commit of each branch.
    asked : list
        Paths that were asked for.
    fault : str
        What goes wrong: ``"gated"``, ``"dropped"`` in the middle of weights, ``"down"``, or nothing.
    licence : str
        That the card says.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.clear("o/n")

    def clear(self, name: str) -> None:
        """Hold nothing but an empty repository of that name."""
        self.name = name
        self.commits: dict[str, Path] = {}
        self.refs: dict[str, str] = {}
        self.asked: list[str] = []
        self.fault = ""
        self.licence = "cc-by-4.0"

    @property
    def address(self) -> str:
        """What ``HF_ENDPOINT`` is set to."""
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    """What the hub answers."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def do_HEAD(self) -> None:
        """As for GET, without content."""
        self.answer(content=False)

    def do_GET(self) -> None:
        """Facts of the repository, or a file."""
        self.answer(content=True)

    def do_POST(self) -> None:
        """Nobody may write."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.refuse(401, "Unauthorized")

    def answer(self, content: bool) -> None:
        """Answer what is asked."""
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(path)
        if self.server.fault == "down":
            self.close_connection = True
            return
        if found := re.fullmatch(
            rf"/api/models/{self.server.name}(?:/revision/([^/]+)|/tree/([^/]+)|/(refs))?", path
        ):
            revision, tree, refs = found.groups()
            self.facts(revision or tree or "main", bool(tree), bool(refs))
        elif found := re.fullmatch(rf"/{self.server.name}/resolve/([^/]+)/(.+)", path):
            self.file(*found.groups(), content)
        else:
            self.refuse(404, "RepoNotFound")

    def facts(self, revision: str, tree: bool, refs: bool) -> None:
        """JSON about the repository."""
        if refs:
            branches = [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit}
                for name, commit in self.server.refs.items()
            ]
            self.json({"branches": branches, "tags": [], "converts": []})
            return
        if (commit := self.commit(revision)) is None:
            return
        folder = self.server.commits[commit]
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        names = [file.relative_to(folder).as_posix() for file in files]
        if tree:
            self.json([
                {"type": "file", "path": name, "size": file.stat().st_size, "oid": digest(file)}
                for name, file in zip(names, files, strict=True)
            ])  # fmt: skip
            return
        self.json({
            "id": self.server.name, "modelId": self.server.name, "sha": commit, "tags": [],
            "gated": False, "private": False,
            "lastModified": "2026-11-28T12:00:00.000Z", "downloads": 0, "likes": 0,
            "siblings": [{"rfilename": name} for name in names],
            "cardData": {"license": self.server.licence} if self.server.licence else {},
        })  # fmt: skip

    def file(self, revision: str, name: str, content: bool) -> None:
        """A file of a commit."""
        if (commit := self.commit(revision)) is None:
            return
        if self.server.fault == "gated":
            self.refuse(403, "GatedRepo")
            return
        path = self.server.commits[commit] / name
        if not path.is_file():
            self.refuse(404, "EntryNotFound")
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{digest(path)}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if content and self.server.fault == "dropped" and name.endswith("safetensors"):
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif content:
            self.wfile.write(data)

    def commit(self, revision: str) -> str | None:
        """The commit of a branch or itself; refused where there is none."""
        commit = self.server.refs.get(revision, revision)
        found = [one for one in self.server.commits if one.startswith(commit)]
        if not found:
            self.refuse(404, "RevisionNotFound")
        return found[0] if found else None

    def json(self, value: Any) -> None:
        """Send a value."""
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, code: int, word: str) -> None:
        """Send an error in the hub's words."""
        self.send_response(code)
        self.send_header("X-Error-Code", word)
        self.send_header("X-Error-Message", word)
        self.send_header("Content-Length", "0")
        self.end_headers()


def digest(file: Path) -> str:
    """What stands for the content of a file."""
    return hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub for as long as the block lasts."""
    hub = Hub()
    thread = Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
