"""Predictions for files, one by one against a plain computation, whatever the batch, order and threads."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.runs.predicting import CLASSES, LEADS, contract, ecg, predictor, record
from tsrep.api import predict
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.predict.options import Options
from tsrep.runs.predict.output import Destination
from tsrep.runs.predict.predict import predict_to
from tsrep.runs.predict.table import PredictionTable
from tsrep.signals import Panel
from tsrep.signals.convert import Policies


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k in range(5):
        record(tmp_path / "in" / f"r{k}", 10 + 3 * k, seed=k, comments=[f"patient: {k // 2}"])
    return tmp_path / "in"


def by_hand(loaded: LoadedEncoder, counts: np.ndarray, *, calibrated: bool = True) -> np.ndarray:
    """Probabilities of a record by a loop over its windows."""
    head, scores = loaded.head(), []
    for at in range(0, counts.shape[1] - 249, 250):
        x = (counts[None, :, at : at + 250] / 1000 - 0.1) / 0.3
        z = loaded.encoder(torch.from_numpy(x.astype(np.float32)))
        scores.append(head.scores(POOLS[head.pool](z).detach().numpy())[0])
    mean = np.mean(scores, axis=0)[None]
    return (head.calibrated(mean) if calibrated else mean)[0]


@pytest.mark.parametrize("calibration", [True, False])
def test_each_recording_has_the_probabilities_of_its_windows(folder: Path, calibration: bool) -> None:
    loaded = predictor()
    table = predict(loaded, folder, calibration=calibration)
    assert list(table["record"]) == ["r0", "r1", "r2", "r3", "r4"]
    assert list(table["patient"]) == ["0", "0", "1", "1", "2"]
    assert list(table["windows"]) == [4, 5, 6, 7, 8]
    assert list(table["seconds"]) == [10, 12.5, 15, 17.5, 20]
    assert set(table["status"]) == {"ok"}
    expected = [by_hand(loaded, ecg(10 + 3 * k, seed=k), calibrated=calibration) for k in range(5)]
    np.testing.assert_allclose(table.probabilities, expected, atol=1e-6)
    assert list(table["prediction"]) == [CLASSES[np.argmax(p)] for p in expected]
    assert table.about["counts"] == {"ok": 5, "partial": 0, "failed": 0}
    assert table.about["calibrated"] is calibration
    assert table.about["encoder"]["weights"] == loaded.weights
    assert table.about["encoder"]["contract"] == loaded.contract.digest


@pytest.mark.parametrize("batch_size", [1, 7, 256])
@pytest.mark.parametrize("workers", [0, 1, 4])
def test_batches_and_threads_change_no_number(folder: Path, batch_size: int, workers: int) -> None:
    loaded = predictor()
    usual = predict(loaded, folder, workers=0)
    table = predict(loaded, folder, batch_size=batch_size, workers=workers)
    np.testing.assert_allclose(table.probabilities, usual.probabilities, atol=1e-6)
    assert [row[:4] for row in table.rows] == [row[:4] for row in usual.rows]


def test_order_changes_no_number(folder: Path) -> None:
    loaded = predictor()
    paths = [folder / f"r{k}.hea" for k in (3, 0, 4, 1, 2)]
    table, usual = predict(loaded, paths), predict(loaded, folder)
    assert [name.rsplit("/", 1)[1] for name in table["record"]] == ["r3", "r0", "r4", "r1", "r2"]
    np.testing.assert_allclose(table.probabilities, usual.probabilities[[3, 0, 4, 1, 2]], atol=1e-6)


def test_several_classes_at_once(folder: Path) -> None:
    table = predict(predictor(multilabel=True), folder)
    decided = [";".join(np.array(CLASSES)[p >= 0.5]) for p in table.probabilities]
    assert list(table["prediction"]) == decided


def test_windows_are_rows_on_request(folder: Path) -> None:
    loaded = predictor()
    table = predict(loaded, folder, windows=True)
    assert len(table) == 4 + 5 + 6 + 7 + 8
    np.testing.assert_array_equal(table["start_seconds"][4:9], 2.5 * np.arange(5))
    np.testing.assert_array_equal(table["stop_seconds"] - table["start_seconds"], 2.5)
    assert list(table["window"][:6]) == [0, 1, 2, 3, 0, 1]
    raw = predict(loaded, folder, windows=True, calibration=False)
    mean = raw.probabilities[:4].mean(axis=0)
    np.testing.assert_allclose(mean, by_hand(loaded, ecg(10), calibrated=False), atol=1e-6)


def broken(folder: Path) -> Path:
    """The folder with three recordings that cannot be used."""
    record(folder / "r0b", channels=("V1", "V2"))
    os.truncate(record(folder / "r1b").with_suffix(".dat"), 100)
    record(folder / "r9")
    np.zeros(2000, "<i2").tofile(folder / "r9.dat")
    return folder


def test_a_recording_that_cannot_be_used_is_a_row_that_says_why(folder: Path) -> None:
    loaded = predictor()
    good = predict(loaded, folder)
    table = predict(loaded, broken(folder))
    failed = table["status"] == "failed"
    assert list(table["record"][failed]) == ["r0b", "r1b", "r9"]
    reasons = table["reason"][failed]
    assert "V1" in reasons[0] or "lack I, II" in reasons[0]
    assert reasons[1] == "r1b.dat is truncated: 25 of 1000 time steps"
    assert reasons[2] == "2 of 2 leads are constant (I, II)"
    assert np.isnan(table.probabilities[failed]).all()
    np.testing.assert_allclose(table.probabilities[~failed], good.probabilities, atol=1e-6)
    assert table.about["counts"] == {"ok": 5, "partial": 0, "failed": 3}


def test_doubts_stand_in_the_row_of_their_recording(folder: Path) -> None:
    record(folder / "r0a", seed=9)
    still = np.fromfile(folder / "r0a.dat", "<i2").reshape(-1, 2)
    still[:, 1] = 7
    still.tofile(folder / "r0a.dat")
    still.tofile(folder / "r0.dat")  # the first recording of the table has it too
    table = predict(predictor(), folder)
    told = "lead II is constant or not recorded"
    assert [told in notes for notes in table["notes"]] == [True, True, *[False] * 4]
    assert not any(told in note for note in table.about["notes"])


def test_recordings_of_another_modality_are_called_so(tmp_path: Path) -> None:
    record(tmp_path / "a", channels=("EEG Cz", "EEG Pz"))
    with pytest.raises(DataError, match="the recordings are EEG and the encoder was trained on ECG"):
        predict(predictor(), tmp_path)


def test_channels_without_a_value_are_named(tmp_path: Path) -> None:
    counts = np.fromfile(record(tmp_path / "a").with_suffix(".dat"), "<i2").reshape(-1, 2)
    counts[:, 1] = -32768
    counts.tofile(tmp_path / "a.dat")
    with pytest.raises(DataError, match="4 windows left out: II has no value"):
        predict(predictor(), tmp_path)


def test_too_many_failures_are_refused(folder: Path) -> None:
    loaded = predictor()
    with pytest.raises(DataError, match=r"recording r0b gives no prediction: .*without --strict"):
        predict(loaded, broken(folder), strict=True)
    with pytest.raises(DataError, match=r"3 of 8 recordings give no prediction, the first r0b: "):
        predict(loaded, folder, max_failed=0.3)
    for k in range(5):
        (folder / f"r{k}.hea").unlink()
    with pytest.raises(DataError, match=r"none of 3 recordings can be predicted; the first, r0b: "):
        predict(loaded, folder, max_failed=1)


def test_a_window_without_a_value_is_left_out(folder: Path) -> None:
    counts = ecg(10)
    counts[1, 300:800] = -32768
    counts[:, 40:45] = -32768
    record(folder / "r0")
    np.ascontiguousarray(counts.T, "<i2").tofile(folder / "r0.dat")
    table = predict(predictor(), [folder / "r0.hea", folder / "r1.hea"])
    assert list(table["status"]) == ["partial", "ok"]
    assert table["reason"][0] == "1 window left out: II has no value"
    assert list(table["windows"]) == [3, 5]
    assert list(table["seconds"]) == [7.5, 12.5]


class Overflowing(Encoder):
    """Gives no number for windows that begin above a threshold."""

    def __init__(self, inner: Encoder) -> None:
        super().__init__()
        self.inner, self.dim, self.stride = inner, inner.dim, inner.stride

    def forward(self, x: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        z = self.inner(x, keep)
        return torch.where(x[:, :1, :1] > 0.5, torch.nan, z)


def test_windows_without_a_finite_feature_are_left_out(folder: Path) -> None:
    loaded = predictor()
    loaded = replace(loaded, encoder=Overflowing(loaded.encoder).eval())  # type: ignore[arg-type]
    table = predict(loaded, folder)
    begins = [(ecg(10 + 3 * k, seed=k)[0, : 250 * (4 + k) : 250] / 1000 - 0.1) / 0.3 for k in range(5)]
    left = [int((each > 0.5).sum()) for each in begins]
    assert any(n > 0 for n in left)
    assert list(table["windows"]) == [4 + k - n for k, n in enumerate(left)]
    for k, n in enumerate(left):
        assert (f"{n} window" in table["reason"][k]) == bool(n)


def test_a_batch_that_does_not_fit_is_halved_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, sizes = predictor(), []

    class Greedy(Encoder):
        dim, stride = loaded.encoder.dim, loaded.encoder.stride
        most = 5

        def forward(self, x: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
            sizes.append(len(x))
            if len(x) > self.most:
                raise torch.OutOfMemoryError("no memory")
            z: torch.Tensor = loaded.encoder(x, keep)
            return z

    greedy = replace(loaded, encoder=Greedy())
    table = predict(greedy, folder, batch_size=16)
    np.testing.assert_allclose(table.probabilities, predict(loaded, folder).probabilities, atol=1e-6)
    assert sizes[:4] == [16, 8, 4, 4]
    monkeypatch.setattr(Greedy, "most", 3)
    with pytest.raises(RunError, match=r"no memory for 4 windows at a time; give a smaller --batch-size"):
        predict(greedy, folder, batch_size=16)


def test_files_say_how_they_were_made(folder: Path, tmp_path: Path) -> None:
    loaded = predictor()
    place = Destination(tmp_path / "p.csv", embed=tmp_path / "x.npz")
    facts = predict_to(place, loaded, str(folder), said={"command": "tsrep predict"})
    stored = json.loads((tmp_path / "p.json").read_text())
    assert stored == facts
    assert stored["command"] == "tsrep predict"
    assert stored["head"]["name"] == "probe-1-0"
    assert stored["head"]["calibration"]["temperature"] == [2.0, 2.0, 2.0]
    assert stored["seen"]["status"] == "unknown"
    assert stored["recordings"] == str(folder)
    with np.load(tmp_path / "x.npz") as file:
        x, of = file["x"], file["record"]
    head = loaded.head()
    pooled = [
        head.predict_proba(x[of == name], np.zeros((of == name).sum(), int))[0] for name in np.unique(of)
    ]
    np.testing.assert_allclose(predict(loaded, folder).probabilities, pooled, atol=1e-9)
    with pytest.raises(RunError, match=r"p.csv exists"):
        predict_to(place, loaded, str(folder))


def test_nothing_is_written_where_too_many_fail_or_it_is_interrupted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Destination(tmp_path / "out" / "p.csv", windows=True, embed=tmp_path / "out" / "x.npz")
    with pytest.raises(DataError):
        predict_to(place, predictor(), broken(folder), options=Options(max_failed=0.1))

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tsrep.runs.predict.encoding.Waiting.outcome", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_to(place, predictor(), folder)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 0}, "the batch size is 0; give at least 1"),
        ({"workers": -1}, "the number of workers is -1; give at least 0"),
        ({"max_failed": 1.5}, "max-failed is 1.5; give a share from 0 to 1"),
        ({"batchsize": 3}, "predict has no option 'batchsize'; did you mean 'batch_size'?"),
        ({"part": "test"}, "is no data set, so --part has no meaning"),
        ({"with_targets": True}, "is no data set, so --with-targets has no meaning"),
    ],
)
def test_bad_options_are_refused(folder: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        predict(predictor(), folder, **options)


def test_heads_that_cannot_serve_are_refused(folder: Path) -> None:
    loaded = predictor()
    with pytest.raises(RunError, match="runs/a has no head; fit one with: tsrep evaluate runs/a"):
        predict(replace(loaded, heads={}), folder)
    with pytest.raises(RunError, match="runs/a has no head svm; it has probe-1-0"):
        predict(loaded, folder, head="svm")
    with pytest.raises(RunError, match=r"head probe-1-0 was fitted on other weights \(digest"):
        predict(replace(loaded, weights="0123456789abcdef"), folder)
    with pytest.raises(RunError, match="runs/a was trained on a series; continue one with tsrep forecast"):
        predict(replace(loaded, provenance={"task": "series"}), folder)
    with pytest.raises(RunError, match="holds vectors that were computed elsewhere"):
        predict(replace(loaded, stored=lambda panel: np.zeros((len(panel), 8))), folder)


def test_arrays_with_a_unit_that_is_given(tmp_path: Path) -> None:
    loaded = predictor()
    np.save(tmp_path / "x.npy", np.stack([ecg(10, seed=k) for k in range(3)]).astype(np.int32))
    given = {"rate": 100.0, "channels": LEADS}
    with pytest.raises(DataError, match="known unit"):
        predict(loaded, tmp_path / "x.npy", **given)
    table = predict(loaded, tmp_path / "x.npy", unit="uV", **given)
    expected = [by_hand(loaded, ecg(10, seed=k)) for k in range(3)]
    np.testing.assert_allclose(table.probabilities, expected, atol=1e-6)


def table_of(loaded: LoadedEncoder, folder: Path, **options: object) -> PredictionTable:
    return predict(loaded, folder, windows=True, calibration=False, **options)


FILTERS = ({"kind": "notch", "hz": 30.0}, {"kind": "butter", "band": (0.5, 40.0), "order": 4})


@pytest.mark.parametrize(
    ("rate", "fields"),
    [
        (100.0, {}),
        (250.0, {}),
        (128.0, {}),
        (360.0, {"standardise": {"how": "record"}}),
        (200.0, {"filter": FILTERS}),
        (360.0, {"filter": FILTERS, "window": {"steps": 250, "seconds": 2.5, "hop_seconds": 1.0}}),
        (100.0, {"filter": FILTERS, "standardise": {"how": "record"}}),
        (250.0, {"filter": FILTERS, "filter_when": "after resampling", "standardise": {"how": "record"}}),
    ],
)
def test_slices_of_a_long_recording_give_what_the_whole_gives(
    rate: float, fields: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = predictor(**fields)
    record(tmp_path / "long", 203.37, rate=rate)
    whole = table_of(loaded, tmp_path)
    reads: list[tuple[int, int]] = []
    monkeypatch.setattr("tsrep.runs.predict.slices.SECONDS", 30.0)
    read = _counting(reads)
    monkeypatch.setattr("tsrep.datasets.unlabelled.wfdb.read_wfdb", read)
    sliced = table_of(loaded, tmp_path)
    assert len(reads) > 4
    np.testing.assert_array_equal(sliced["start_seconds"], whole["start_seconds"])
    np.testing.assert_allclose(sliced.probabilities, whole.probabilities, atol=1e-5)


def _counting(reads: list[tuple[int, int]]) -> object:
    from tsrep.datasets.formats.wfdb_record import read_wfdb

    def read(stem: Path, start: int = 0, stop: int | None = None) -> object:
        reads.append((start, stop or 0))
        return read_wfdb(stem, start, stop)

    return read


def test_spans_marked_as_bad_are_left_out(tmp_path: Path) -> None:
    pytest.importorskip("mne")
    from tests.hostile.signal_files import write_edf

    counts = ecg(30, rate=64)
    write_edf(
        tmp_path / "e.edf", counts / 10, labels=("ECG I", "ECG II"),
        notes=[b"", b"+4\x152\x14BAD electrode\x14\x00"],
    )  # fmt: skip
    loaded = replace(predictor(), contract=contract(sfreq=64.0, window={"steps": 160, "seconds": 2.5}))
    table = predict(loaded, tmp_path)
    assert (table["status"][0], table["windows"][0]) == ("partial", 10)
    assert table["reason"][0] == "2 windows left out: they touch BAD electrode"


def test_policies_reach_the_conversion(folder: Path) -> None:
    assert Options.of(unit="mV", batch_size=3).policies == Policies(unit="mV")


def test_an_hour_without_electrodes_is_no_reason_against_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsrep.runs.predict.slices.SECONDS", 30.0)
    loaded, counts = predictor(), ecg(200)
    record(tmp_path / "on" / "r", 200)
    good = table_of(loaded, tmp_path / "on")
    counts[:, :7000] = 0
    record(tmp_path / "off" / "r", 200)
    np.ascontiguousarray(counts.T, "<i2").tofile(tmp_path / "off" / "r.dat")
    late = table_of(loaded, tmp_path / "off")
    later = late["start_seconds"]
    assert 30 <= later[0] <= 70
    assert later[-1] == good["start_seconds"][-1]
    whole = predict(loaded, tmp_path / "off")
    assert whole["status"][0] == "partial"
    assert whole["reason"][0] == f"{80 - len(later)} windows left out: 2 of 2 leads are constant (I, II)"
    np.testing.assert_allclose(late.probabilities[-40:], good.probabilities[-40:], atol=1e-6)


def test_a_record_with_gaps_and_a_filter_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = ecg(200, rate=250.0)
    for begin, steps in ((3000, 5), (20_000, 400), (33_000, 9)):
        counts[0, begin : begin + steps] = -32768
    record(tmp_path / "r", 200, rate=250.0)
    np.ascontiguousarray(counts.T, "<i2").tofile(tmp_path / "r.dat")
    loaded = predictor(filter=FILTERS)
    whole = table_of(loaded, tmp_path)
    monkeypatch.setattr("tsrep.runs.predict.slices.SECONDS", 30.0)
    sliced = table_of(loaded, tmp_path)
    np.testing.assert_array_equal(sliced["start_seconds"], whole["start_seconds"])
    np.testing.assert_allclose(sliced.probabilities, whole.probabilities, atol=1e-5)


def test_short_recordings_are_padded_and_said_so(tmp_path: Path) -> None:
    loaded = predictor()
    record(tmp_path / "a", 10)
    record(tmp_path / "b", 2)
    record(tmp_path / "c", 1)
    table = predict(loaded, tmp_path)
    assert list(table["status"]) == ["ok", "ok", "failed"]
    assert list(table["seconds"]) == [10, 2, 0]
    assert (table["notes"][0], table["notes"][1]) == ("", "recordings of 2 s were padded to 2.5 s")
    assert "less than half a window of 2.5 s" in table["reason"][2]


def test_another_unit_order_and_spelling_give_the_same(tmp_path: Path) -> None:
    loaded = predictor()
    record(tmp_path / "a", 10)
    record(tmp_path / "b", 10, unit="uV", gain=1.0, channels=("Lead I", "ii"))
    counts = ecg(10)
    record(tmp_path / "c", 10, channels=("II", "I"))
    np.ascontiguousarray(counts[::-1].T, "<i2").tofile(tmp_path / "c.dat")
    table = predict(loaded, tmp_path)
    np.testing.assert_allclose(table.probabilities[1:], table.probabilities[[0, 0]], atol=1e-6)


def test_tail_windows_and_starts_where_windows_are_rewritten(tmp_path: Path) -> None:
    window = {"steps": 250, "seconds": 2.5, "hop_seconds": 2.0, "tail": "align"}
    loaded = predictor(window=window, standardise={"how": "window"})
    record(tmp_path / "a", 10.3)
    table = predict(loaded, tmp_path, windows=True)
    np.testing.assert_allclose(table["start_seconds"], [0, 2, 4, 6, 7.8])
    np.testing.assert_allclose(table["stop_seconds"], [2.5, 4.5, 6.5, 8.5, 10.3])


def test_missing_leads_by_policy(tmp_path: Path) -> None:
    record(tmp_path / "a", 10, channels=("I", "V9"))
    loaded = predictor()
    with pytest.raises(DataError, match=r"the first, a: the recordings lack II"):
        predict(loaded, tmp_path)
    table = predict(loaded, tmp_path, missing_channels="zero")
    assert table["status"][0] == "ok"
    assert table["notes"][0].startswith("II is not recorded: zeros instead; ")
    assert table.about["doubtful"] == {"recordings": 1, "first": "a: II is not recorded: zeros instead"}


def test_recordings_that_the_encoder_has_seen_are_counted(folder: Path) -> None:
    seen = [ecg(10 + 3 * k, seed=k)[None] for k in (1, 3)]
    of = {"patient": [0], "sfreq": 100.0, "channels": LEADS, "unit": "mV", "scale": 1e-3, "modality": "ecg"}
    ledger = Ledger().union(*(Ledger.of(Panel.from_arrays(x, label=[0], **of)) for x in seen))
    found = predict(replace(predictor(), ledger=ledger), folder).about["seen"]
    assert (found["status"], found["of"], found["exact"]) == ("seen", 5, 2)
    others = [folder / f"r{k}.hea" for k in (0, 2, 4)]
    assert predict(replace(predictor(), ledger=ledger), others).about["seen"]["status"] == "none"


def test_whole_recordings_of_any_length(folder: Path) -> None:
    loaded = predictor(window={"steps": None})
    table = predict(loaded, folder)
    assert list(table["windows"]) == [1] * 5
    assert list(table["seconds"]) == [10, 13, 16, 19, 22]
    head = loaded.head()
    for k in (0, 4):
        x = (ecg(10 + 3 * k, seed=k)[None] / 1000 - 0.1) / 0.3
        z = loaded.encoder(torch.from_numpy(x.astype(np.float32)))
        prob = head.predict_proba(POOLS[head.pool](z).detach().numpy())[0]
        np.testing.assert_allclose(table.probabilities[k], prob, atol=1e-6)


def test_windows_of_a_recording_that_is_partly_used_keep_their_times(folder: Path) -> None:
    counts = ecg(10)
    counts[1, 240:520] = -32768
    np.ascontiguousarray(counts.T, "<i2").tofile(folder / "r0.dat")
    table = predict(predictor(), folder / "r0.hea", windows=True)
    assert list(table["start_seconds"]) == [0, 5, 7.5]
    assert list(table["window"]) == [0, 1, 2]
