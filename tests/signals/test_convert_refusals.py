"""What does not go together is refused in one sentence that says what to do, or doubted."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.signals.ecgs import LEADS, contract, ecg, millivolts
from tsrep.errors import ContractError, DataError, TsrepError
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract, Window
from tsrep.signals.convert import Policies, convert, plan

X = millivolts(6)
EEG = SignalContract(modality="eeg", channels=("Fp1", "F7"), sfreq=128, unit="µV", window=Window(steps=128))


def some(count: int, **fields: Any) -> Panel:
    return ecg(X[:, :count], LEADS[:count], **fields)


REFUSED: list[tuple[Panel, SignalContract, dict[str, Any], str]] = [
    (some(3), contract(), {}, "the recordings lack V1, V2, V3 and 3 more, .* do not follow from I, II, III; "
     "choose .* --missing-channels zero"),
    (some(6), contract(), {"missing_channels": "mean"}, "no channel of the kind of V1"),
    (some(2), contract(missing_channels="refuse"), {}, "the recordings lack III, aVR, aVL and 7 more"),
    (ecg(X, unit=""), contract(), {}, "in no known unit .they look like mV. and the encoder needs mV; say it "
     "with --unit"),
    (ecg(1000 * X, unit=""), contract(), {}, "they look like µV"),
    (ecg(X, unit="mmHg"), contract(), {}, "in mmHg, which does not convert to the encoder's mV"),
    (ecg(X, sfreq=30), contract(), {}, "have 30 Hz and hold nothing above 15 Hz, .* trained on 0-50 Hz; use "
     "recordings of at least 80 Hz, or allow it with --allow-upsampling"),
    (ecg(X, sfreq=20), contract(), {"allow_upsampling": True}, "nothing is gained above 10 Hz"),
    (ecg(X, sfreq=2000), contract(), {}, "nearly all of the recordings would be lost"),
    (ecg(X, sfreq=101), contract(), {}, "the rate 101 Hz is not 100 Hz"),
    (ecg(X, sfreq=999.97), contract(sfreq=128), {}, "999.97 and 128 Hz have no ratio .* --rate"),
    (ecg(X, sfreq=250), contract(resample="decimate"), {}, "250 Hz is no multiple of 100 Hz"),
    (ecg(X, ("V1", "c1", *LEADS[2:6], *LEADS[7:], "x")), contract(), {},
     r"2 channels are called V1 \(V1, c1\) and differ"),
    (ecg(X[:, :2], ("Fp1-F7", "F7-T3"), modality="eeg", unit="µV", sfreq=128), EEG, {},
     r"are bipolar \(Fp1-F7, F7-T3\) and .* nothing can be restored from differences"),
    (ecg(X, modality="eeg"), contract(), {}, "are EEG and the encoder was trained on ECG; .* --any-modality"),
    (ecg(X, tuple(f"axis {k}" for k in range(12)), modality="series"), contract(), {},
     "are series and the encoder was trained on ECG"),
    (ecg(X[..., :100]), contract(), {}, "last 1 s, less than half a window of 2.5 s"),
    (ecg(X[..., :200]), contract(window={"steps": 250, "shorter": "refuse"}), {}, "last 2 s and .* of 2.5 s"),
    (ecg(X), contract(window={"steps": 250, "longer": "refuse"}), {}, "have 1000 steps .* it takes 250"),
    (ecg(X, history=("standardised record",)), contract(), {}, "standardised per record by their data set, "
     "so that their amplitude is lost"),
    (some(9), contract(), {"missing_channels": "mask"}, "any missing channel as missing, .* zero or derive"),
    (some(1), contract(), {"missing_channels": "zero"}, "11 of the encoder's 12 .* --allow-missing 11"),
    (ecg(X, tuple(f"ch{k}" for k in range(12)), modality="series"), contract(), {},
     "have no names .* name them with "
     "dataset.channel_names or dataset.rename"),
    (ecg(X, ("MLI", "MLII", "MLIII", *LEADS[6:], "a", "b", "c")), contract(channels=("I", "V1")), {},
     "MLI of the recordings are modified limb leads, .* --allow-modified-leads"),
    (ecg(0 * X), contract(), {}, "none of the 6 recordings can be used; of the first, 0, 12 of 12 leads are"),
    (ecg(X).select(np.arange(0)), contract(), {}, "there are no recordings"),
    (ecg(X[:, :2], ("Fp1", "F7"), modality="eeg", unit="µV", sfreq=128),
     EEG.model_copy(update={"reference": "linked mastoids"}), {}, "linked mastoids, .* no M1, M2"),
]  # fmt: skip


@pytest.mark.parametrize(("panel", "wanted", "allowed", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_refused_in_a_sentence(
    panel: Panel, wanted: SignalContract, allowed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError, match=message) as caught:
        plan(panel, wanted, Policies(**allowed))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_unit_that_could_be_two_is_refused() -> None:
    with pytest.raises(DataError, match="MV may be mega- or millivolts; write mV"):
        plan(ecg(X), contract(), Policies(unit="MV"))


ALLOWED: list[tuple[Panel, dict[str, Any]]] = [
    (ecg(X, sfreq=30), {"allow_upsampling": True}),
    (ecg(X, modality="eeg"), {"any_modality": True}),
    (ecg(X, modality="other"), {}),
    (ecg(X, modality="series"), {}),
    (some(1), {"missing_channels": "zero", "allow_missing": 11}),
    (ecg(X, ("MLI", *LEADS[1:])), {"allow_modified_leads": True}),
    (ecg(X, unit=""), {"unit": "mV"}),
    (ecg(1e6 * X, unit="mV"), {"unit": "nV"}),
    (ecg(X, sfreq=100.05), {}),
]


@pytest.mark.parametrize(("panel", "allowed"), ALLOWED, ids=range(len(ALLOWED)))
def test_what_is_allowed_is_converted(panel: Panel, allowed: dict[str, Any]) -> None:
    got = convert(panel, contract(), Policies(**allowed))
    assert got.panel.x.shape[1:] == (12, 250)
    assert got.panel.sfreq == 100


DOUBTED: list[tuple[Panel, str]] = [
    (ecg(1000 * X), "after conversion to mV the leads span .*; the unit mV is probably wrong"),
    (ecg(3 * X), "the signals have 3 times the deviation of the training records"),
    (ecg(X + 2), "the signals have a mean .* deviations from the training records"),
    (ecg(X[:, [1, 0, *range(2, 12)]]), r"contradict one another in 6 of 6 records \(III is not II − I\)"),
    (ecg(-X[:, :3] * [[[1], [1], [-1]]], LEADS[:3]), "the limb leads contradict"),
]


@pytest.mark.parametrize(("panel", "message"), DOUBTED, ids=range(len(DOUBTED)))
def test_what_is_doubtful_is_said_and_refused_by_the_strict(panel: Panel, message: str) -> None:
    wanted = contract(X) if len(panel.channels) == 12 else contract(X, channels=LEADS[:3])
    notes = plan(panel, wanted).doubts
    assert any(re.search(message, note) for note in notes), notes
    with pytest.raises(ContractError, match="--strict"):
        plan(panel, wanted, Policies(strict=True))


def test_one_lead_that_drifted_is_named() -> None:
    own = {"how": "channel", "mean": [0.0] * 12, "std": X.std(axis=(0, 2)).tolist()}
    scaled = X * np.array([*[1] * 11, 4])[:, None]
    (note,) = plan(ecg(scaled), contract(standardise=own)).doubts
    assert note == "V6 has 4 times the deviation of the training records; check unit and filter"


def test_a_dead_lead_contradicts_nothing() -> None:
    x = X.copy()
    x[:, 1] = 0
    assert not [note for note in plan(ecg(x), contract()).doubts if "contradict" in note]


def test_recordings_of_less_than_the_whole_band_say_so() -> None:
    wanted = contract(sfreq=250, window={"steps": 625}, trained_on={"band": [0.05, 100]})
    made = plan(ecg(X), wanted)
    assert made.bandwidth == pytest.approx(0.5)
    assert "the recordings hold 50 % of the band that the encoder was trained on" in made.doubts
    # recordings that were brought up from a lower rate hold no more than that
    up = ecg(millivolts(6, rate=250), sfreq=250, history=("resampled 100->250 Hz polyphase",))
    assert plan(up, wanted).bandwidth == pytest.approx(0.5)


def test_the_strict_leave_out_no_recording() -> None:
    x = X.copy()
    x[2] = 1
    assert len(plan(ecg(x), contract()).unusable) == 1
    with pytest.raises(TsrepError, match="recording 2 cannot be used: 12 of 12 leads are constant"):
        plan(ecg(x), contract(), Policies(strict=True))


def test_one_record_in_another_unit_is_named() -> None:
    x = X.copy()
    x[4] *= 1000
    notes = plan(ecg(x), contract()).doubts
    (note,) = [note for note in notes if "no body" in note]
    assert "1 of 6 records" in note
    assert "(record 4:" in note
    assert not [note for note in notes if "probably wrong" in note]


def test_one_record_of_another_amplitude_is_not_told_of_all() -> None:
    x = X.copy()
    x[4] *= 1000
    assert not [note for note in plan(ecg(x), contract(X)).doubts if note.startswith("the signals have")]


def test_what_is_doubtful_of_one_record_has_no_counts_and_names_leads_that_never_move() -> None:
    x = X[:1].copy()
    x[:, [2, 8]] *= -1
    x[:, 8] = 1
    said = plan(ecg(x), contract()).doubts
    assert (
        "the limb leads contradict one another (III is not II − I); check order and sign of the leads" in said
    )
    assert "lead V3 is constant or not recorded" in said
    x = X.copy()
    x[3:, 8:10] = np.nan
    where = "in 3 of 6 records that were looked at"
    assert f"leads V3, V4 are constant or not recorded {where}" in plan(ecg(x), contract()).doubts


def test_what_is_done_is_no_doubt() -> None:
    made = plan(ecg(1000 * X, unit="µV"), contract())
    assert made.notes == ("signals were converted from µV to mV",)
    assert made.doubts == ()


def test_a_unit_that_could_be_two_is_refused_before_anything_is_read() -> None:
    with pytest.raises(TsrepError, match="the unit MV may be mega- or millivolts; write mV"):
        Policies(unit="MV")
