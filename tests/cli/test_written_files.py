"""Files that are there, or of another suffix than what is written, are left alone by every command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "suffix"),
    [(["embed", "RUN", "--out"], ".npz"), (["export", "RUN", "--out"], ".pt2")],
    ids=["embed", "export"],
)
def test_what_is_there_is_left_alone(
    words: list[str], suffix: str, tiny_run: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    first = [str(tiny_run) if each == "RUN" else each for each in words]
    there = tmp_path / f"there{suffix}"
    there.write_text("mine")
    assert refused(*first, there) == f"tsrep: {there} exists; choose another name or --overwrite\n"
    assert there.read_text() == "mine"
    told = f"other.txt does not end in {suffix}, by which others know the format; rename it"
    assert told in refused(*first, tmp_path / "other.txt")
    assert f"{tmp_path} is a folder; give the name of a file" in refused(*first, tmp_path)
    assert list(tmp_path.iterdir()) == [there]


@pytest.mark.parametrize("figure", ["views", "receptive-field"])
def test_figures_of_that_name_are_left_alone(
    figure: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    there = tmp_path / "f.png"
    there.write_text("mine")
    told = f"tsrep: {there} exists; choose another name or --overwrite\n"
    assert refused("plot", figure, "runs/a", "--out", there) == told
