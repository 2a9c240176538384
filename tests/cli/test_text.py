"""Nothing secret is kept or shown, and no name steers a terminal."""

from __future__ import annotations

import sys

import pytest
import torch

import tsrep
from tests.cli.conftest import Command
from tests.conftest import TINY
from tsrep.runs.config import configure
from tsrep.runs.provenance import provenance
from tsrep.runs.task import task_of
from tsrep.text import command_line, printable, without_secrets


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgresql+psycopg://me:s3cr:t@host:5432/db", "postgresql+psycopg://me@host:5432/db"),
        ("--storage=postgresql+psycopg://me:s3cr%40t@host/db", "--storage=postgresql+psycopg://me@host/db"),
        ("postgresql+psycopg://me@host/db?password=s3crt&x=1", "postgresql+psycopg://me@host/db?password=...&x=1"),
        ("https://hub/x?token=abc", "https://hub/x?token=..."),
        ("sqlite:///C:/a@b.db", "sqlite:///C:/a@b.db"),
        ("dataset.root=/data/a:b@c", "dataset.root=/data/a:b@c"),
    ],
)  # fmt: skip
def test_addresses_lose_their_passwords(text: str, kept: str) -> None:
    assert without_secrets(text) == kept


@pytest.mark.parametrize("program", ["/usr/bin/tsrep", tsrep.__file__.replace("__init__", "__main__")])
def test_the_command_that_a_run_keeps_has_no_password(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "postgresql+psycopg://me:s3crt@host/db"
    monkeypatch.setattr(sys, "argv", [program, "study", "run", "a b.yaml", "--storage", secret])
    task = task_of(configure(TINY))
    kept = provenance(task, task.prepare(progress=False), torch.device("cpu"), 1)["command"]
    assert kept == "tsrep study run 'a b.yaml' --storage postgresql+psycopg://me@host/db"
    assert command_line(["x"]) == "tsrep x"


def test_what_steers_a_terminal_is_shown_as_such(command: Command) -> None:
    assert printable("a\x1b[31m\u202eb\tµ\n") == "a\\x1b[31m\\u202eb\tµ\n"
    done = command("fit", "--set", "dataset.name=\x1b[2Jx")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
