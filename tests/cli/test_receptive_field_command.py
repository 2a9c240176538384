"""The receptive field of a run from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_plot_receptive_field(tiny_run: Path, tmp_path: Path, command: Command) -> None:
    out = tmp_path / "field.pdf"
    done = command(
        "plot", "receptive-field", tiny_run, "--windows", "2", "--step", "60", "--compare", tiny_run,
        "--method", "occlusion", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    assert out.read_bytes().startswith(b"%PDF")
    told = json.loads(out.with_suffix(".json").read_text())
    assert len(told["runs"]) == 2
    assert told["settings"]["step"] == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "--grad-of", "loss"], "the loss is that of a forecast"),
        (["RUN", "--method", "lime"], "unknown method 'lime'"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str],
    message: str,
    tiny_run: Path,
    tmp_path: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [str(tiny_run) if a == "RUN" else a for a in arguments]
    assert message in refused("plot", "receptive-field", *given)
    assert not list(tmp_path.iterdir())
