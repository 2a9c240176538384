"""A PostgreSQL server in a temporary folder, for as long as a block runs."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PASSWORD = "s3cret-word"
USER = "study"


def binaries() -> Path | None:
    """Where initdb, postgres and pg_ctl are, if anywhere."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if (path := shutil.which("initdb")) is not None:
        found.append(Path(path).parent)
    names = ("initdb", "postgres", "pg_ctl")
    return next((folder for folder in found if all((folder / name).exists() for name in names)), None)


def reason_to_skip() -> str | None:
    """Why no server can be started here."""
    if os.environ.get("CI"):
        return "no servers are started in continuous integration"
    return None if binaries() else "PostgreSQL is not installed"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server() -> Iterator[str]:
    """Yield the server's address without a database, such as ``postgresql+psycopg://...:5432``."""
    folder = Path(tempfile.mkdtemp(prefix="tsrep-postgres-"))
    identity = _identity(folder)
    bins, port = binaries(), free_port()
    assert bins is not None
    (folder / "password").write_text(PASSWORD)

    def run(name: str, *words: str) -> None:
        log = (folder / "commands.log").open("a")
        with log:  # a pipe would stay open as long as the server lives
            subprocess.run(
                [str(bins / name), *words], check=True, cwd=folder, stdout=log, stderr=log, **identity
            )

    data = str(folder / "data")
    password = f"--pwfile={folder / 'password'}"
    run("initdb", "-D", data, "-U", USER, "--auth=scram-sha-256", password, "--no-sync", "-E", "UTF8")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    try:
        run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "server.log"), "start")
        yield f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{port}"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _identity(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so that another user owns its folder then."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def new_database(server: str, name: str) -> str:
    """Make a database; returns its address."""
    import psycopg

    with psycopg.connect(server.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(f'create database "{name}"')  # type: ignore[arg-type]  # a name of the test's own
    return f"{server}/{name}"
