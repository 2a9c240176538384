"""Commands run in this process, where torch is imported already."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tsrep.cli import main


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]
Told = Callable[..., str]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line as `tsrep` does and give its exit code and what it prints."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")

    def ran(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["tsrep", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return Done(int(left.value.code or 0), printed.out, printed.err)

    return ran


@pytest.fixture
def refused(command: Command) -> Callable[..., str]:
    """The one sentence of a command that must be refused."""

    def said(*arguments: str | Path) -> str:
        done = command(*arguments)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("tsrep: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    return said


@pytest.fixture
def told(command: Command, monkeypatch: pytest.MonkeyPatch) -> Told:
    """What a command that must succeed prints, in lines that are not broken."""
    monkeypatch.setenv("COLUMNS", "200")

    def said(*arguments: str | Path) -> str:
        done = command(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return said
