"""Where a study's trials are kept: a journal or a database."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy import URL, create_engine, event, inspect, make_url
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from tsrep.errors import ConfigError, RunError
from tsrep.files import expanded
from tsrep.studies.keep.journal import open_journal

JOURNAL = "journal"
FORMS = "journal, postgresql+psycopg://USER@HOST/DATABASE or sqlite:///FILE"
FAULTS = (StorageInternalError, SQLAlchemyError)  # what Optuna lets through when a storage does not answer
PATIENCE = 5  # seconds until a server that does not answer is given up
RACES = 8  # attempts where another process makes the tables of a new database at the same time
REASONS = {  # what drivers say, and what that means; the first that fits counts
    "no password supplied": "wants a password; set PGPASSWORD or ~/.pgpass",
    "password": "refused the password; set PGPASSWORD or ~/.pgpass, or fix --storage",
    "role": "does not know that user; fix --storage",
    "does not exist": "has no such database; make it with createdb, or fix --storage",
    "unable to open": "cannot be opened; fix the path in --storage",
    "not a database": "is a file of another kind; give another --storage",
}


@dataclass(frozen=True)
class Pace:
    """How often a running study trial shows that it lives, and how long it may be silent, in seconds."""

    interval: int = 30
    grace: int = 120


PACE = Pace()


def open_storage(url: str | None, folder: Path, pace: Pace = PACE) -> BaseStorage:
    """Open a study's storage, and make what it needs there.

    Parameters
    ----------
    url : str or None
        None and ``"journal"`` are the file ``journal.log`` in ``folder``.
    folder : Path
        Of the study.
    pace : Pace, optional
        Of Optuna's heartbeats, which databases have and journals do not.

    Raises
    ------
    ConfigError
        When the address is of no known kind, or a package is missing.
    RunError
        When the storage does not answer, lets nobody in, or holds something else.
    """
    if url is None or url == JOURNAL:
        return open_journal(folder / "journal.log")
    address = _address(url)
    options: dict[str, Any] = {"pool_pre_ping": True, "connect_args": {"connect_timeout": PATIENCE}}
    if address.drivername == "sqlite":
        options["connect_args"] = {"timeout": 60}
    try:
        _refuse_foreign(address, options)
        storage = _racing(url, options, pace)
        _refuse_other_version(storage, url)
    except ImportError as error:
        raise ConfigError(
            f"{address.drivername} needs a working psycopg ({error}); install it: pip install "
            "'tsrep[postgres]'"
        ) from error
    except FAULTS as error:
        raise RunError(f"the storage {stored(url)} {_fault(error)}") from error
    if address.drivername == "sqlite":
        _serialise(storage)
    return storage


def stored(url: str | None) -> str:
    """An address to keep and to show: without its password, a file's path absolute."""
    if url is None or url == JOURNAL:
        return JOURNAL
    address = _address(url)
    if address.drivername.startswith("sqlite") and address.database:
        address = address.set(database=str(expanded(address.database).resolve()))
    public = address._replace(password=None).difference_update_query(["password", "passfile"])
    return public.render_as_string(hide_password=False)


@contextmanager
def opened_storage(url: str | None, folder: Path, pace: Pace = PACE) -> Iterator[BaseStorage]:
    """The storage as long as the block runs; see :func:`open_storage`.

    Raises
    ------
    ConfigError
    RunError
        When it goes away meanwhile, too.
    """
    storage = open_storage(url, folder, pace)
    try:
        yield storage
    except FAULTS as error:
        raise RunError(
            f"the storage {stored(url)} stopped answering ({_reason(error)}); what was finished is kept, so "
            "resume the study when it is back"
        ) from error
    finally:
        if isinstance(storage, optuna.storages.RDBStorage):
            storage.engine.dispose()


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(f"the storage is no address that can be read; give {FORMS}") from error
    if address.drivername not in ("postgresql+psycopg", "sqlite"):
        raise ConfigError(f"{url.partition(':')[0]} is no kind of storage; give {FORMS}")
    if address.drivername == "sqlite" and not address.database:
        raise ConfigError("sqlite:// names no file, so that workers could not share it; give sqlite:///FILE")
    return address


def _refuse_foreign(address: URL, options: dict[str, Any]) -> None:
    """Look before Optuna adds its tables to those of somebody else."""
    engine = create_engine(address, **options)
    try:
        found = inspect(engine)
        tables = set(found.get_table_names())
        ours = {"studies", "trials", "version_info"} <= tables
        columns = {column["name"] for column in found.get_columns("studies")} if ours else set()
    finally:
        engine.dispose()
    if tables and not {"study_id", "study_name"} <= columns:
        raise RunError(
            f"the storage {stored(str(address))} holds tables that are not Optuna's (such as {min(tables)}); "
            "give an empty database"
        )


def _refuse_other_version(storage: optuna.storages.RDBStorage, url: str) -> None:
    if storage.get_current_version() == storage.get_head_version():
        return
    storage.engine.dispose()
    raise RunError(
        f"the storage {stored(url)} was made by another version of Optuna than {optuna.__version__}; "
        "upgrade it with optuna storage upgrade, or give an empty database"
    )


def _racing(url: str, options: dict[str, Any], pace: Pace) -> optuna.storages.RDBStorage:
    """Optuna looks for its tables and then makes them, so two first processes may trip over each other."""
    for attempt in range(RACES):
        try:
            with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
                return optuna.storages.RDBStorage(
                    url,
                    engine_kwargs=options,
                    skip_compatibility_check=True,
                    heartbeat_interval=pace.interval,
                    grace_period=pace.grace,
                )
        except (IntegrityError, ProgrammingError, OperationalError) as error:
            if attempt == RACES - 1 or not any(word in str(error) for word in ("already exists", "uplicate")):
                raise
        time.sleep(0.1 * (attempt + 1))
    raise AssertionError


def _serialise(storage: optuna.storages.RDBStorage) -> None:
    """Make each transaction on SQLite take the lock first: it has no row locks that Optuna relies on."""
    storage.engine.dispose()

    @event.listens_for(storage.engine, "connect")
    def _own_transactions(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(storage.engine, "begin")
    def _lock_first(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _fault(error: Exception) -> str:
    """What is wrong with a database that could not be opened, and what to do."""
    reason = _reason(error)
    known = (told for word, told in REASONS.items() if word in reason)
    return next(known, f"does not answer ({reason}); start the server, or fix --storage")


def _reason(error: Exception) -> str:
    """The last word of the driver, which never holds a password."""
    cause: BaseException = getattr(error, "orig", None) or error.__cause__ or error
    cause = getattr(cause, "orig", None) or cause
    text = str(cause).strip() or type(error).__name__
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Is the server" not in line]
    return lines[-1].rpartition("FATAL:")[2].strip()[:200]
