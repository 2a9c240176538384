"""The command `validate`, as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import tsrep
from tests.cli.conftest import Command
from tests.runs.test_validate import ENCODERS, write_cohort

OWN = "name: arrays\nsfreq: 100\nunit: mV\nchannels: [I, II]\nroot: {}\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "encoders.py").write_text(ENCODERS)
    for seed, name in enumerate(("here", "there")):
        write_cohort(tmp_path / f"{name}-files", seed, 60)
        use = "use: test\n" if seed else "split: {name: stratified, validation: 0.2, test: 0.7}\n"
        (tmp_path / f"{name}.yaml").write_text(OWN.format(f"{name}-files") + use)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_files_become_a_page(command: Command, place: Path) -> None:
    cohorts = ["here.yaml", "there.yaml"]
    given = [word for name in cohorts for word in ("--dataset", name)]
    done = command("validate", "encoders.py:plain", *given, "--any-modality")
    assert done.returncode == 0, done.stderr
    assert "1 encoder on 2 cohorts, 2 classes. Macro AUROC inside minus outside: moments-none from here" in (
        done.stdout
    )
    assert done.stdout.rstrip().endswith("validation/validation.html")
    kinds = ["csv", "html", "json", "png"]
    made = sorted(path.name for path in (place / "validation").iterdir())
    assert made == ["cells", "table.yaml", *(f"validation.{kind}" for kind in kinds)]
    numbers = (place / "validation/validation.json").read_text()
    settings = {"policies": {"any_modality": True}}
    again = tsrep.validate(["encoders.py:plain"], cohorts, progress=False, **settings)
    assert again.to_json() == numbers


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("encoders.py:plain", "-d", "here.yaml"), "1 data set to validate on; give two or more"),
        (("encoders.py:plain", "-d", "here.yaml", "-d", "there.yaml", "--seeds", "4"), "4 random init"),
        (("encoders.py:plain", "-d", "here.yaml", "-d", "gone.yaml"), "gone.yaml cannot be read"),
        (("encoders.py:plain", "-d", "here.yaml", "-d", "here.yaml"), "two data sets are called here"),
        (("encoders.py:plain", "-d", "here.yaml", "-d", "etth1"), "etth1 is a series without labels"),
        (
            ("simple:amplitude", "-d", "here.yaml", "-d", "there.yaml"),
            "did you mean 'amplitude-",
        ),
        (("encoders.py:plain", "-d", "here.yaml", "--root", "a", "--root", "b"), "--root b belongs to no"),
    ],
)
def test_it_is_said_in_one_sentence(
    refused: Callable[..., str], place: Path, words: tuple[str, ...], told: str
) -> None:
    assert told in refused("validate", *words)
    assert not (place / "validation").exists()
