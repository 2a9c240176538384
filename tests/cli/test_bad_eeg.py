"""What can be wrong with EEG, on the way of `tsrep fit`: one sentence, exit code 2, nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.datasets.eeg_files import NAMES, signal, write, write_bids

SIZE = ("--set", "dataset.epoch_seconds=2", "--set", "window.seconds=2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_bids(tmp_path / "bids", subjects=12)


def recording(root: Path, subject: str = "03") -> Path:
    return root / f"sub-{subject}/eeg/sub-{subject}_task-rest_eeg.edf"


def lose_row(root: Path) -> None:
    table = root / "participants.tsv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(line for line in lines if not line.startswith("sub-04")) + "\n")


def mix_rates(root: Path) -> None:
    write(recording(root), signal(3, sfreq=256), sfreq=256)


def corrupt(root: Path) -> None:
    whole = recording(root).read_bytes()
    recording(root).write_bytes(whole[:236] + b"garbage!" + whole[244:])


def rename_electrode(root: Path) -> None:
    for s in range(1, 13):
        write(recording(root, f"{s:02d}"), signal(s), names=(*NAMES[:5], "X1"))


def nothing(root: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (lose_row, (), "participants.tsv has no row for sub-04, of whom there is sub-04/eeg/"),
        (mix_rates, (), "sub-03_task-rest_eeg.edf has 256, most have 128; set rate to one for all"),
        (corrupt, (), "its EDF header is corrupted (the number of data records is 'garbage!'); fix or"),
        (rename_electrode, ("--set", "dataset.montage=biosemi64"), "montage biosemi64 does not: X1; choose"),
        (
            nothing,
            ("--set", "split={name: patients, validation: [sub-01], test: [sub-01, sub-02]}"),
            "patient sub-01 would be in both the validation and the test part; put all records of",
        ),
    ],
)
def test_it_is_refused_in_one_sentence(
    folder: Path,
    spoil: Callable[[Path], None],
    options: tuple[str, ...],
    message: str,
    refused: Callable[..., str],
) -> None:
    spoil(folder)
    out = folder.parent / "run"
    words = (
        "fit",
        "--dataset",
        "bids",
        "--root",
        folder,
        "--set",
        "dataset.label=group",
        "--out",
        out,
        *SIZE,
        *options,
    )
    assert message in refused(*words)
    assert not out.exists()
