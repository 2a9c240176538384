"""UCR and UEA problems: the panel against the files read by hand, and every way a folder can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tsrep.datasets import load
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.pooling import POOLS
from tsrep.errors import DataError
from tsrep.evaluation.embedding import embed
from tsrep.registry import SPLITS
from tsrep.runs.config import configure
from tsrep.signals.standardise import fit_scaler

# series in train and test, channels, longest series, classes: SOURCE.md of the archive copy
SHAPES = {
    "ArrowHead": (36, 175, 1, 251, 3),
    "AtrialFibrillation": (15, 15, 2, 640, 3),
    "BasicMotions": (40, 40, 6, 100, 4),
    "ECG200": (100, 100, 1, 96, 2),
    "Epilepsy": (137, 138, 3, 206, 4),
    "GunPoint": (50, 150, 1, 150, 2),
    "ItalyPowerDemand": (67, 1029, 1, 24, 2),
    "JapaneseVowels": (270, 370, 12, 29, 9),
    "OSULeaf": (200, 242, 1, 427, 6),
}
HEADER = "@problemName Toy\n@timeStamps false\n@univariate {}\n@classLabel true {}\n@data\n"


def by_hand(path: Path) -> list[tuple[list[np.ndarray], str]]:
    """The data lines of a .ts file: channels divided by colons, the class last."""
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.lower().startswith("@data")) + 1
    rows = [line.split(":") for line in lines[start:] if line.strip()]
    return [([np.array(c.split(","), np.float64) for c in row[:-1]], row[-1].strip()) for row in rows]


def write(folder: Path, train: str, test: str, classes: str = "a b", univariate: bool = True) -> Path:
    header = HEADER.format(str(univariate).lower(), classes)
    (folder / "Toy_TRAIN.ts").write_text(header + train)
    (folder / "Toy_TEST.ts").write_text(header + test)
    return folder


@pytest.mark.parametrize("name", SHAPES)
def test_counts_are_those_of_the_archive(name, shared_path):
    panel = load("ucr-uea", shared_path("data/ucr_uea"), problem=name)
    train, test, channels, time, classes = SHAPES[name]
    assert np.bincount(panel.fold).tolist() == [0, train, test]
    assert panel.store.shape == (train + test, channels, time)
    assert len(panel.classes) == classes
    assert np.array_equal(np.unique(panel.label[panel.fold == 1]), np.arange(classes))
    assert len(np.unique(panel.patient)) == len(panel)
    assert panel.sfreq == 1
    assert panel.source == f"{name} (UCR/UEA)"


@pytest.mark.parametrize("name", ["GunPoint", "Epilepsy", "JapaneseVowels"])
def test_panel_is_the_file_read_by_hand(name, shared_path):
    root = shared_path("data/ucr_uea") / name
    panel = load("ucr-uea", root)
    rows = by_hand(root / f"{name}_TRAIN.ts") + by_hand(root / f"{name}_TEST.ts")
    assert len(rows) == len(panel)
    for x, label, (channels, want) in zip(panel.x, panel.label, rows, strict=True):
        assert panel.classes[label] == want
        for got, values in zip(x, channels, strict=True):
            assert np.array_equal(got[: len(values)], values.astype(np.float32))
            assert np.isnan(got[len(values) :]).all()


def test_ucr_text_with_the_label_first(shared_path):
    root = shared_path("data/ucr_uea") / "ECG200"
    panel = load("ucr-uea", root)
    raw = np.concatenate([np.loadtxt(root / f"ECG200_{part}.txt") for part in ("TRAIN", "TEST")])
    assert panel.classes == ("-1", "1")
    assert np.array_equal(panel.x[:, 0], raw[:, 1:].astype(np.float32))
    assert np.array_equal(np.array([-1, 1])[panel.label], raw[:, 0])


def test_unequal_lengths_give_finite_features_that_ignore_the_padding(shared_path):
    panel = load("ucr-uea", shared_path("data/ucr_uea"), problem="JapaneseVowels")
    split = SPLITS.build({"name": "train-test"})(panel)
    scaled = fit_scaler(panel.select(split.train), "channel").apply(panel)
    torch.manual_seed(0)
    encoder = DilatedConv(12, hidden=8, dim=16, depth=3)
    features = embed(encoder, scaled, pool=POOLS["max"])
    assert np.isfinite(features).all()
    short = int(np.isnan(panel.x[:, 0]).sum(axis=1).argmax())
    x = torch.from_numpy(scaled.take(np.array([short])))
    known = ~torch.isnan(x).any(dim=1)
    filled = torch.where(torch.isnan(x), torch.full_like(x, 1e3), x)
    # whatever stood in the padding, masking it says the same as its absence
    assert torch.equal(encoder(x), encoder(filled, known))
    assert not torch.equal(encoder(x), encoder(filled))


def test_runs_take_whole_series_and_the_official_split():
    config = configure({"dataset": {"name": "ucr-uea", "problem": "X"}})
    assert config.objective.name == "autotcl"  # the general default needs several samples of a patient
    assert config.evaluation.protocols == ("svm", "logistic")
    assert config.window.seconds is None
    assert config.window.standardise == "channel"
    assert config.evaluation.pool == "max"


def test_lengths_missing_values_and_names(tmp_path):
    write(tmp_path, "1,2,?,4:B10\n5,6:B9\n", "7:B9\n8,9,10,11,12:B10\n", "B9 B10")
    panel = load("ucr-uea", tmp_path)
    assert panel.classes == ("B10", "B9")  # as words; sktime alone would give "b10"
    assert panel.label.tolist() == [0, 1, 1, 0]
    assert panel.fold.tolist() == [1, 1, 2, 2]
    nan = np.nan
    want = [[1, 2, nan, 4, nan], [5, 6, nan, nan, nan], [7, nan, nan, nan, nan], [8, 9, 10, 11, 12]]
    assert np.array_equal(panel.x[:, 0], np.array(want, np.float32), equal_nan=True)
    with pytest.raises(DataError, match="series 0 of Toy_TRAIN has missing values in channel 0"):
        load("ucr-uea", tmp_path, strict=True)
    write(tmp_path, "1:10\n2:9\n", "1:9\n", "9 10")
    again = load("ucr-uea", tmp_path, strict=True)
    assert again.classes == ("9", "10")  # as numbers
    assert again.digest != panel.digest


def test_channels_of_one_series_may_differ_in_length(tmp_path):
    write(tmp_path, "1,2,3:4:a\n5:6,7:b\n", "1:2:a\n", univariate=False)
    x = load("ucr-uea", tmp_path).x
    assert x.shape == (3, 2, 3)
    assert np.isfinite(x).sum(axis=2).tolist() == [[3, 1], [1, 2], [1, 1]]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("1,2:a\n", "1,2:b\n", "class 'b' is in Toy_TEST.ts but not in Toy_TRAIN.ts"),
        ("1,2:a\n3,4:b\n", "1:2:a\n", "Toy_TRAIN.ts has 1 channel but Toy_TEST.ts has 2"),
        ("1,2:a\n3,x:b\n", "1,2:a\n", "Toy_TRAIN.ts is not readable as a .ts file"),
        ("1,2:a\n?,?:b\n", "1,2:a\n", "series 1 of .*Toy_TRAIN.ts has no value in channel 0"),
        ("1,2:a\n3,inf:b\n", "1,2:a\n", "series 1 of .*Toy_TRAIN.ts has an infinite value in channel 0"),
        ("1,2:a\n3,-1e300:b\n", "1,2:a\n", "series 1 of .* has an infinite value"),
        ("1,2:a\n1,2:c\n", "1,2:a\n", "class 'c', which @classLabel does not list"),
        ("", "1,2:a\n", "Toy_TRAIN.ts is not readable as a .ts file"),
    ],
)
def test_misfits_are_refused_in_one_sentence(tmp_path, train, test, message):
    with pytest.raises(DataError, match=message):
        load("ucr-uea", write(tmp_path, train, test))


def test_wrong_files_are_refused(tmp_path):
    path = write(tmp_path, "1,2:a\n3,4:b\n", "1,2:a\n")
    for content, message in (("", "empty file"), ("hello\nthere\n", "no header")):
        (path / "Toy_TRAIN.ts").write_text(content)
        with pytest.raises(DataError, match=message):
            load("ucr-uea", path)
    (path / "Toy_TRAIN.ts").write_text(HEADER.format("true", "a A") + "1:a\n")
    with pytest.raises(DataError, match="differ in case only"):
        load("ucr-uea", path)
    numbers = HEADER.format("true", "a").replace("@classLabel true a", "@targetLabel true")
    (path / "Toy_TRAIN.ts").write_text(numbers + "1,2:0.5\n")
    with pytest.raises(DataError, match=r"has numbers to predict .* with the numbers in dataset\.targets"):
        load("ucr-uea", path)
    (path / "Toy_TRAIN.ts").unlink()
    with pytest.raises(DataError, match=r"has no Toy_TRAIN\.ts"):
        load("ucr-uea", path)
    (path / "Toy_TEST.ts").unlink()
    for name, content in (("TRAIN", "1 0.5 0.25\n2 x 1\n"), ("TEST", "1 0.5 0.25\n")):
        (path / f"Toy_{name}.txt").write_text(content)
    with pytest.raises(DataError, match=r"Toy_TRAIN\.txt is not readable as labelled series"):
        load("ucr-uea", path)
    (path / "Toy_TRAIN.txt").write_text("\n")
    with pytest.raises(DataError, match="has no series"):
        load("ucr-uea", path)


def test_which_problem(tmp_path):
    with pytest.raises(DataError, match=r"has no NAME_TRAIN\.ts"):
        load("ucr-uea", tmp_path)
    write(tmp_path, "1:a\n2:b\n", "1:a\n")
    other = tmp_path / "Other"
    other.mkdir()
    for part in ("TRAIN", "TEST"):
        (other / f"Other_{part}.tsv").write_text("1.0\t0.5\tNaN\n2\t0.5\t1.5\n")
    panel = load("ucr-uea", tmp_path, problem="Other")
    assert panel.classes == ("1", "2")
    assert np.isnan(panel.x[0, 0, 1])
    assert len(load("ucr-uea", tmp_path)) == 3
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"Second_{part}.txt").write_text("1 2\n2 3\n")
    assert len(load("ucr-uea", tmp_path, problem="Toy")) == 3
    with pytest.raises(DataError, match=r"holds 2 problems .*dataset\.problem"):
        load("ucr-uea", tmp_path)
    with pytest.raises(DataError, match=r"has no Third_TRAIN\.ts"):
        load("ucr-uea", tmp_path, problem="Third")


def test_a_folder_of_problems_says_which_there_are(tmp_path):
    for name in ("Coffee", "GunPoint"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_TRAIN.txt").write_text("1 2\n2 3\n")
    with pytest.raises(DataError, match=r"holds folders such as Coffee; choose one .*dataset\.problem"):
        load("ucr-uea", tmp_path)
    with pytest.raises(DataError, match=r"has no GunPoin_TRAIN\.ts; did you mean 'GunPoint'\?"):
        load("ucr-uea", tmp_path, problem="GunPoin")
