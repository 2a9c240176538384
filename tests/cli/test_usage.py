"""Mistakes in commands and options, the version, and what a shell is offered."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tsrep.cli import main
from tsrep.cli.completion import assignments, kinds, names_of, runs
from tsrep.cli.options import print_table
from tsrep.registry import DATASETS


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fit", "--dataste", "x"], "`tsrep fit` has no option --dataste; did you mean --dataset?"),
        (["power", "--bogus"], "`tsrep power` has no option --bogus; known: --gain, --help"),
        (["frob"], "there is no command `tsrep frob`; known: "),
        (["evalute"], "there is no command `tsrep evalute`; did you mean 'evaluate'?"),
        (["data", "lst"], "there is no command `tsrep data lst`; did you mean 'list'?"),
        (["hub", "pul"], "there is no command `tsrep hub pul`; did you mean 'pull'?"),
        (["fit", "--seed", "x"], "invalid value for '--seed': it must be an integer; see: tsrep fit --help"),
        (["evaluate", "x", "--seeds", "0"], "invalid value for '--seeds': it must be at least 1; see: "),
        (["evaluate", "x", "--seen", "z"], "'z' is not one of 'refuse', 'leave-out', 'keep'; see: "),
        (["show"], "missing argument 'RUN'; see: tsrep show --help"),
    ],
)
def test_a_wrong_word_is_one_sentence(
    arguments: list[str], sentence: str, refused: Callable[..., str]
) -> None:
    assert sentence in refused(*arguments)


def test_the_version_and_a_group_without_a_command(command: Command) -> None:
    assert command("--version").stdout.startswith("tsrep ")
    done = command("cache")
    assert done.returncode == 2
    assert "clear" in done.stdout
    assert not done.stderr


def test_help_names_options_and_commands_whole_on_a_narrow_screen(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in ([], ["fit"], ["score"], ["plot", "receptive-field"]):
        told = command(*words, "--help").stdout
        assert "\u2026" not in told
        assert max(map(len, told.splitlines())) <= 80
    assert "--allow-modified-leads" in command("fit", "--help").stdout
    assert "random initialisations and simple rules." in " ".join(command("--help").stdout.split())
    assert "..." not in command("--help").stdout.split("Commands:")[1]


def test_a_table_on_a_narrow_screen_cuts_no_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # as a terminal
    name = "patch-transformer-of-many-words"
    print_table(("name", "what"), [(name, "an encoder")])
    told = capsys.readouterr().out
    assert "\u2026" not in told
    assert max(map(len, told.splitlines())) < 60  # columns of a screen, and codes for bold
    assert name == "".join(line.split()[0] for line in told.splitlines()[1:] if line[0] != " ")


def test_a_shell_is_offered_names_settings_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert runs("") == []
    for name in ("runs/first", "runs/second", "elsewhere/third"):
        (tmp_path / name).mkdir(parents=True)
    assert runs("") == ["runs/first", "runs/second"]
    assert runs("sec") == ["runs/second"]
    assert runs("elsewhere/t") == ["elsewhere/third"]
    assert names_of(DATASETS)("ptb-xl-s") == ["ptb-xl-sample", "ptb-xl-sim"]
    assert assignments("enc") == ["encoder="]
    assert assignments("encoder=gr") == ["encoder=gru"]
    assert assignments("seed=") == []
    assert kinds("obj") == ["objectives"]


def test_bash_completes_through_the_command(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "tsrep fit --objective simc"
    for name, value in {"COMP_WORDS": words, "COMP_CWORD": "3", "_TSREP_COMPLETE": "complete_bash"}.items():
        monkeypatch.setenv(name, value)
    assert command().stdout.split() == ["simclr"]


def test_a_reader_who_has_enough_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        command = [sys.executable, "-m", "tsrep", "list"]
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_before_a_command_begins_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_app: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tsrep.cli.usage.invoke", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.startswith("tsrep: stopped; ")
