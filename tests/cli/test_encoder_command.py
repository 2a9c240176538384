"""Encoders from the command line: what is told of them, and one sentence for data that do not fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.cli.conftest import Command
from tsrep.datasets.loading import load
from tsrep.runs.encoder_file import metadata_of

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RECORDS = 24


@pytest.fixture(scope="module")
def signals() -> np.ndarray:
    """Simulated ECG in mV at 100 Hz, shape (record, lead, time)."""
    panel = load({"name": "ptb-xl-sim", "patients": RECORDS, "records_per_patient": 1.0, "seed": 9})
    return np.asarray(panel.take(np.arange(RECORDS)))


class Folder:
    """A folder with an array of recordings and the options that say what it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(
        self, x: np.ndarray, channels: tuple[str, ...] = LEADS, *, sfreq: float = 100, unit: str = "mV"
    ) -> tuple[str, ...]:
        self.path.mkdir(exist_ok=True)
        np.save(self.path / "records.npy", x.astype(np.float32))
        rows = [f"{i},{'ab'[i % 2]}" for i in range(len(x))]
        (self.path / "records.csv").write_text("\n".join(["patient,label", *rows]) + "\n")
        settings: dict[str, Any] = {"sfreq": sfreq, "channels": list(channels), "unit": unit}
        told = [f"--set=dataset.{name}={json.dumps(value)}" for name, value in settings.items()]
        return ("--root", str(self.path), *told)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "recordings")


Refused = Callable[..., str]


def against(refused: Refused, run: Path, data: tuple[str, ...], *options: str) -> str:
    """What the dry run says, which evaluate must say too and then leave nothing behind."""
    said = refused("encoder", run, "--against", "arrays", *data, *options)
    out = Path(data[1]).parent / "out"
    assert refused("evaluate", run, "-d", "arrays", *data, *options, "--out", out) == said
    assert not out.exists()
    return said


def test_an_encoder_is_described(tiny_run: Path, command: Command) -> None:
    told = command("encoder", tiny_run, "--check", "--ledger").stdout
    for words in (
        "dilated-conv, 708 parameters", "comet", "I II III aVR aVL aVF V1", "100 Hz", "125 steps (1.25 s)",
        "8 numbers every 1 steps", "none", "the same in two passes",
    ):  # fmt: skip
        assert words in told
    facts = json.loads(command("encoder", tiny_run / "encoder.safetensors", "--json").stdout)
    assert facts["encoder"]["unit"] == "mV"
    assert facts["encoder"]["standardised"] == "global"


def test_a_dry_run_tells_what_would_be_done(
    tiny_run: Path, command: Command, folder: Folder, signals: np.ndarray
) -> None:
    fits = command("encoder", tiny_run, "--against", "arrays", *folder(signals)).stdout
    assert f"{RECORDS} recordings, 0 of them unusable" in fits
    order = np.random.default_rng(0).permutation(12)
    shuffled = tuple(LEADS[i].upper() for i in order)
    moved = command(
        "encoder", tiny_run, "--against", "arrays", *folder(1000 * signals[:, order], shuffled, unit="uV")
    ).stdout
    assert "signals were converted from µV to mV" in moved


def test_the_same_recordings_in_other_units_and_orders_give_the_same_vectors(
    tiny_run: Path, command: Command, folder: Folder, signals: np.ndarray, tmp_path: Path
) -> None:
    order = np.random.default_rng(0).permutation(12)
    names = tuple(LEADS[i].upper() for i in order)
    others = Folder(tmp_path / "others")
    written = (folder(signals), others(1000 * signals[:, order], names, unit="uV"))
    found = []
    for number, data in enumerate(written):
        out = tmp_path / f"{number}.npz"
        assert command("embed", tiny_run, "-d", "arrays", *data, "--out", out).returncode == 0
        found.append(np.load(out)["x"])
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@pytest.mark.usefixtures("plain_reports")
def test_scores_on_other_data_are_told_and_shown(
    tiny_run: Path, command: Command, folder: Folder, signals: np.ndarray, tmp_path: Path
) -> None:
    data = folder(np.concatenate([signals, signals[::-1] * 1.01]))
    out = tmp_path / "out"
    done = command("evaluate", tiny_run, "-d", "arrays", *data, "--out", out, "-p", "knn", "--labels", "1.0")
    assert done.returncode == 0, done.stderr
    assert f"The encoder {tiny_run}, trained on synthetic ECG" in done.stdout
    assert f"\nThe encoder {tiny_run}" in command("show", out).stdout
    scores = json.loads((out / "scores.json").read_text())["scores"]
    assert {score["data"] for score in scores} == {"other data"}
    assert {score["contamination"]["status"] for score in scores} <= {"none", "unknown"}


def test_missing_leads(
    tiny_run: Path, refused: Refused, command: Command, folder: Folder, signals: Any
) -> None:
    kept = [i for i, lead in enumerate(LEADS) if lead not in ("V1", "V2", "V3")]
    data = folder(signals[:, kept], tuple(LEADS[i] for i in kept))
    said = against(refused, tiny_run, data)
    assert "lack V1, V2" in said
    assert "--missing-channels zero" in said
    assert (
        command("encoder", tiny_run, "--against", "arrays", *data, "--missing-channels", "zero").returncode
        == 0
    )
    said = against(refused, tiny_run, data, "--missing-channels", "mask")
    assert "takes a step with any missing channel as missing" in said
    assert "--missing-channels zero" in said
    derivable = [i for i, lead in enumerate(LEADS) if not lead.startswith("aV")]
    data = folder(signals[:, derivable], tuple(LEADS[i] for i in derivable))
    told = command("encoder", tiny_run, "--against", "arrays", *data)
    assert "aVR" in told.stdout
    said = against(refused, tiny_run, folder(signals[:, :1], ("I",)), "--missing-channels", "zero")
    assert "--allow-missing" in said


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        ({"unit": ""}, (), ("no known unit (they look like mV)", "--unit")),
        ({}, ("--unit", "MV"), ("MV may be mega- or millivolts",)),
        ({"factor": 1000}, ("--strict",), ("--strict",)),
        ({"sfreq": 33.0}, (), ("Hz", "--allow-upsampling")),
        ({"sfreq": 100.7}, (), ("100.7",)),
        ({"channels": tuple(f"ch{i}" for i in range(12))}, (), ("have no names (they are called ch0, ch1",)),
    ],
)
def test_signals_that_do_not_fit_are_one_sentence(
    tiny_run: Path, refused: Refused, folder: Folder, signals: np.ndarray,
    given: dict[str, Any], options: tuple[str, ...], told: tuple[str, ...],
) -> None:  # fmt: skip
    given = dict(given)
    data = folder(signals * given.pop("factor", 1), given.pop("channels", LEADS), **given)
    said = against(refused, tiny_run, data, *options)
    for words in told:
        assert words in said


def test_two_channels_of_one_name_and_leads_that_contradict_one_another(
    tiny_run: Path, refused: Refused, command: Command, folder: Folder, signals: np.ndarray
) -> None:
    said = against(
        refused, tiny_run, folder(np.concatenate([signals, signals[:, :1]], axis=1), (*LEADS, "c1"))
    )
    assert "called V1" in said
    swapped = signals[:, [0, 1, 2, 3, 5, 4, *range(6, 12)]]
    told = command("encoder", tiny_run, "--against", "arrays", *folder(swapped)).stdout
    assert "contradict" in told


def test_short_recordings_are_left_out_or_refused(
    tiny_run: Path, refused: Refused, folder: Folder, signals: np.ndarray
) -> None:
    assert "half a window" in against(refused, tiny_run, folder(signals[..., :50]))


def test_eeg_is_no_ecg(tiny_run: Path, refused: Refused, folder: Folder, signals: np.ndarray) -> None:
    names = ("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8")
    data = folder(signals, names)
    assert "--any-modality" in against(refused, tiny_run, data)


def test_text_that_is_no_reference(tiny_run: Path, refused: Refused, tmp_path: Path) -> None:
    assert "is no run folder, file, hub reference" in refused("encoder", tmp_path / "nothing")
    weights = tmp_path / "w.safetensors"
    save_file({"w": torch.zeros(2)}, weights)
    assert "wrap it with a function and give module:function" in refused(
        "evaluate", weights, "-d", "ptb-xl-sim"
    )
    said = metadata_of(tiny_run / "encoder.safetensors")
    del said["contract"]
    save_file(load_file(tiny_run / "encoder.safetensors"), weights, said)
    assert "train it again" in refused("embed", weights, "-d", "ptb-xl-sim", "--out", tmp_path / "e.npz")
    copy = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(text.replace("hidden: 4", "hidden: 5"))
    assert "config.yaml is 5, but th" in refused("encoder", copy)


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "RUN", "--out", "elsewhere"),
        ("evaluate", "RUN", "--unit", "mV"),
        ("evaluate", "RUN", "--seen", "keep"),
        ("plot", "views", "RUN", "--allow-upsampling"),
        ("plot", "receptive-field", "RUN", "--set", "dataset.rate=500"),
    ],
)
def test_options_of_other_data_want_other_data(
    tiny_run: Path, refused: Refused, words: tuple[str, ...]
) -> None:
    said = refused(*(str(tiny_run) if word == "RUN" else word for word in words))
    assert "is about data that the encoder was not trained on; name them with --dataset" in said


def test_a_file_has_no_data_of_its_own(tiny_run: Path, refused: Refused, tmp_path: Path) -> None:
    file = tiny_run / "encoder.safetensors"
    for words in (("evaluate", file), ("embed", file, "--out", tmp_path / "e.npz"), ("plot", "views", file)):
        assert "name data with --dataset" in refused(*words)
    assert "name them with --against" in refused("encoder", file, "--root", tmp_path)


def test_pictures_of_other_data_lie_where_the_user_is(
    tiny_run: Path, command: Command, folder: Folder, signals: np.ndarray, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    data, before = folder(signals), sorted(tiny_run.rglob("*"))
    monkeypatch.chdir(tmp_path)
    for file, words in (
        ("views.png", ("views", tiny_run)),
        ("receptive-field.png", ("receptive-field", tiny_run / "encoder.safetensors", "--windows", "2")),
    ):
        done = command("plot", *words, "-d", "arrays", *data)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / file).exists()
    assert sorted(tiny_run.rglob("*")) == before
