"""Every storage opens, or says in one sentence why it does not."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from tests.studies.postgres_server import free_port
from tsrep.errors import ConfigError, RunError
from tsrep.studies.keep.place import Place
from tsrep.studies.keep.storage import open_storage, opened_storage, stored
from tsrep.studies.keep.tickets import progress, take, top_up


def begun(folder: Path) -> Path:
    """A journal with three tickets."""
    study = optuna.create_study(study_name="one", storage=open_storage(None, folder))
    top_up(study, 3)
    return folder / "journal.log"


def tickets(folder: Path) -> int:
    study = optuna.load_study(study_name="one", storage=open_storage(None, folder))
    return progress(study).total


@pytest.mark.parametrize("keep", [1, 9, 40])
def test_a_half_line_of_a_killed_writer_is_cut_off(tmp_path: Path, keep: int) -> None:
    journal = begun(tmp_path)
    whole = journal.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    journal.write_bytes(whole + last[:keep])
    study = optuna.load_study(study_name="one", storage=open_storage(None, tmp_path))
    top_up(study, 5)
    assert journal.read_bytes().startswith(whole + b'{"op_code"')
    assert all(json.loads(line) for line in journal.read_bytes().splitlines())
    assert tickets(tmp_path) == 5


def test_without_repair_the_next_line_would_break_the_journal(tmp_path: Path) -> None:
    """Optuna's own backend on the same file; when this fails, the repairing lock can go."""
    journal = begun(tmp_path)
    journal.write_bytes(journal.read_bytes() + b'{"op_code":4')
    lock = JournalFileOpenLock(str(journal))
    study = optuna.load_study(
        study_name="one", storage=JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))
    )
    with pytest.raises((ValueError, AttributeError)):  # whichever it trips over first
        top_up(study, 5)
    with pytest.raises(RunError, match="is not one of"):
        open_storage(None, tmp_path)


def test_a_journal_of_another_kind_or_broken_is_refused(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    lines = journal.read_bytes().splitlines(keepends=True)
    broken = {
        "a line in the middle": [*lines[:2], b"\x00\x00\n", *lines[2:]],
        "other text": [b"epoch,loss\n", b"1,0.5\n"],
        "one line of other text": [b"notes\n"],
        "half a line of other text": [b"notes"],
        "other json": [b'{"loss": 1}\n'],
    }
    for parts in broken.values():
        journal.write_bytes(b"".join(parts))
        with pytest.raises(RunError, match=r"line \d of .*journal\.log is not one of"):
            open_storage(None, tmp_path)
        assert journal.read_bytes() == b"".join(parts)
    journal.write_bytes(b"")
    open_storage(None, tmp_path)
    with pytest.raises(RunError, match="cannot be used"):
        open_storage(None, tmp_path / "missing")


def test_a_journal_recovers_from_a_worker_killed_with_its_lock(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    program = (
        "import os, signal\nfrom pathlib import Path\nfrom tsrep.studies.keep.journal import RepairingLock\n"
        f"lock = RepairingLock(Path({str(journal)!r}))\nlock.acquire()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    assert Path(f"{journal}.lock").exists()
    storage = open_storage(None, tmp_path)
    storage._backend._lock.grace_period = 1  # type: ignore[attr-defined]  # ten seconds are long for a test
    began = time.monotonic()
    top_up(optuna.load_study(study_name="one", storage=storage), 4)
    assert 1 <= time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://u:hid-den@host/db", "mysql is no kind of storage"),
        ("postgresql://u:hid-den@host/db", "postgresql is no kind of storage"),
        ("hid-den", "no address"),
        ("sqlite://", "names no file"),
        ("grpc://host:1", "grpc is no kind of storage"),
    ],
)
def test_an_address_of_no_known_kind(tmp_path: Path, url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        open_storage(url, tmp_path)
    assert "hid-den" not in str(caught.value)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"tsrep\[postgres\]"):
        open_storage("postgresql+psycopg://u@127.0.0.1/db", tmp_path)


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsrep.studies.keep.storage.PATIENCE", 1)
    port = free_port()
    cases = [f"sqlite:///{tmp_path}/missing/study.db"]
    if importlib.util.find_spec("psycopg"):
        cases.append(f"postgresql+psycopg://u:hid-den@127.0.0.1:{port}/db")
    for url in cases:
        began = time.monotonic()
        with pytest.raises(RunError, match=r"fix") as caught:
            open_storage(url, tmp_path)
        assert time.monotonic() - began < 4
        assert "hid-den" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_database_that_holds_something_else(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("create table patients (id int)")
    connection.close()
    before = foreign.read_bytes()
    with pytest.raises(RunError, match=r"tables that are not Optuna's \(such as patients\)"):
        open_storage(f"sqlite:///{foreign}", tmp_path)
    assert foreign.read_bytes() == before
    text = tmp_path / "text.db"
    text.write_text("no database " * 100)
    with pytest.raises(RunError, match="file of another kind"):
        open_storage(f"sqlite:///{text}", tmp_path)


def test_a_database_of_another_version(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    with opened_storage(url, tmp_path):
        pass
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("update alembic_version set version_num = 'v99'")
    connection.close()
    with pytest.raises(RunError, match="made by another version of Optuna"):
        open_storage(url, tmp_path)


def test_sqlite_gives_a_ticket_to_one_worker_alone(tmp_path: Path) -> None:
    """SQLite has no row locks; without a lock for each transaction two workers get the same trial."""
    url = f"sqlite:///{tmp_path}/study.db"
    places = ExitStack()
    opened = [places.enter_context(opened_storage(url, tmp_path)) for _ in range(4)]
    study = optuna.create_study(study_name="one", storage=opened[0])
    top_up(study, 12)
    taken: list[int] = []

    def take_all(number: int) -> None:
        own = optuna.load_study(study_name="one", storage=opened[number])
        while (trial := take(own)) is not None:
            taken.append(trial.user_attrs["ticket"])

    threads = [threading.Thread(target=take_all, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places.close()
    assert sorted(taken) == list(range(12))


def test_addresses_are_kept_without_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = {
        None: "journal",
        "journal": "journal",
        "postgresql+psycopg://me:hid-den@host:5433/db": "postgresql+psycopg://me@host:5433/db",
        "postgresql+psycopg://me@host/db?password=hid-den": "postgresql+psycopg://me@host/db",
        "sqlite:///study.db": f"sqlite:///{tmp_path}/study.db",
    }
    for number, (url, told) in enumerate(kept.items()):
        assert stored(url) == told
        place = Place.create(tmp_path / str(number), "study: one\n", url)
        assert Place(place.folder).storage == told
        assert not any(b"hid-den" in file.read_bytes() for file in place.folder.iterdir())


def test_a_place_that_is_taken_or_none(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "study", "study: one\n", None)
    assert place.definition.read_text() == "study: one\n"
    with pytest.raises(RunError, match="is taken"):
        Place.create(tmp_path / "study", "study: two\n", None)
    assert place.definition.read_text() == "study: one\n"
    with pytest.raises(RunError, match="not the folder of a study"):
        Place(tmp_path)
    (place.folder / "place.json").write_text("{")
    with pytest.raises(RunError, match=r"place\.json cannot be read as the note of a study"):
        _ = place.storage
