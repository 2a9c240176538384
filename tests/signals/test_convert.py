"""The same recordings in another form are shown to an encoder as the same signals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.signals.ecgs import LEADS, contract, ecg, millivolts
from tsrep.signals import Panel, rewriting
from tsrep.signals.contract import SignalContract, Window
from tsrep.signals.convert import Policies, convert, plan
from tsrep.signals.filters import bandpass, notch
from tsrep.signals.resample import resample
from tsrep.signals.standardise import How

X = millivolts()


def test_recordings_that_fit_are_windows_of_the_same_store() -> None:
    panel = ecg(X)
    got = convert(panel, contract())
    mean, std = np.float32(X.mean()), np.float32(X.std())
    gain, offset = 1 / std, (0 - mean) / std
    np.testing.assert_array_equal(got.panel.x, panel.windows(250).x * gain + offset)
    assert got.notes == got.unusable == ()
    assert got.bandwidth == 1
    assert got.panel.store is panel.store
    unscaled = contract(standardise={"how": "none"})
    np.testing.assert_array_equal(convert(panel, unscaled).panel.x, panel.windows(250).take(np.arange(80)))


SPELLINGS = ("I", "Lead II", "diii", "AVR", "avl", "ECG aVF", "c1", "v 2", "V3", "Chest 4", "v5", "V6")


def test_shuffled_and_renamed_channels_give_the_same_bits() -> None:
    counts = np.rint(X * 1000).astype(np.int16)
    want = convert(ecg(counts, scale=1e-3), contract()).panel.x
    order = np.random.default_rng(1).permutation(12)
    names = tuple(SPELLINGS[k] for k in order)
    got = convert(ecg(counts[:, order], names, scale=1e-3), contract())
    np.testing.assert_array_equal(got.panel.x, want)
    assert got.panel.channels == LEADS
    assert got.panel.store.dtype == np.int16
    assert "channels were reordered" in got.notes


def test_an_eeg_in_other_spellings_gives_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 20, (4, 3, 256)).astype(np.float32)
    wanted = SignalContract(
        modality="eeg", channels=("Fp1", "T7", "Cz"), sfreq=128, unit="µV", window=Window(steps=128)
    )
    said: dict[str, Any] = {"modality": "eeg", "sfreq": 128, "unit": "µV"}
    want = convert(ecg(x, ("Fp1", "T7", "Cz"), **said), wanted).panel.x
    got = convert(ecg(x[:, [2, 0, 1]], ("Cz.", "EEG FP1-REF", "T3"), **said), wanted).panel.x
    np.testing.assert_array_equal(got, want)


def test_a_lead_that_was_recorded_upside_down_is_turned() -> None:
    x = X * np.array([1, 1, 1, -1, *[1] * 8])[:, None]
    got = convert(ecg(x, (*LEADS[:3], "-aVR", *LEADS[4:])), contract())
    np.testing.assert_array_equal(got.panel.x, convert(ecg(X), contract()).panel.x)
    assert "-aVR was turned upside down" in got.notes


def test_microvolts_in_counts_are_millivolts() -> None:
    counts = np.rint(X * 1000).astype(np.int16)
    got = convert(ecg(counts, unit="uV"), contract())
    want = convert(ecg((counts * 1e-3).astype(np.float32)), contract())
    np.testing.assert_allclose(got.panel.x, want.panel.x, rtol=3e-7, atol=3e-7)
    assert got.notes == ("signals were converted from µV to mV",)
    assert got.panel.store.dtype == np.int16


def test_limb_leads_are_derived_in_millivolts() -> None:
    kept = [0, 4, *range(6, 12)]
    got = convert(ecg(X[:, kept], tuple(LEADS[k] for k in kept)), contract())
    np.testing.assert_allclose(got.panel.x, convert(ecg(X), contract()).panel.x, atol=3e-6)
    assert got.notes == ("II, III, aVR, aVF were derived from I, aVL, which lets noise grow up to 4.3-fold",)


@pytest.mark.parametrize("rate", [250, 500])
def test_another_rate_gives_the_same_signals_away_from_the_ends(rate: int) -> None:
    got = convert(ecg(millivolts(rate=rate), sfreq=rate), contract()).panel.x
    want = convert(ecg(X), contract()).panel.x
    inner = slice(25, -25)
    error = np.sqrt(np.mean((got - want)[..., inner] ** 2)) / np.std(want)
    assert error < 0.01


@pytest.mark.parametrize(
    ("a", "b"),
    [(100, 250), (250, 100), (100, 500), (500, 100), (128, 100), (100, 128), (257, 500), (360, 100)],
)
def test_up_and_down_again_restores_waves_lines_and_constants(a: int, b: int) -> None:
    t = np.arange(6 * a) / a
    inner = slice(a // 4, -(a // 4))
    for hertz in (1.0, 0.2 * min(a, b), 0.39 * min(a, b)):
        wave = np.sin(2 * np.pi * hertz * t + 0.3)
        back = resample(resample(wave, a, b), b, a)[: len(t)]
        assert np.sqrt(np.mean((back - wave)[inner] ** 2)) < 0.01 * np.sqrt(0.5)
    for line in (np.full(len(t), 3.0), 2 * t - 1):
        np.testing.assert_allclose(resample(resample(line, a, b), b, a), line, atol=1e-3 * np.abs(line).max())


def test_what_a_rate_cannot_hold_is_removed_or_folded() -> None:
    t = np.arange(5000) / 500
    wave = np.sin(2 * np.pi * 70 * t)
    inner = slice(50, -50)
    for how in ("polyphase", "fft", "decimate"):
        assert np.std(resample(wave, 500, 100, how=how)[inner]) < 0.01  # type: ignore[arg-type]
    folded = resample(wave, 500, 100, how="linear")
    spectrum = np.abs(np.fft.rfft(folded))
    assert np.fft.rfftfreq(len(folded), 1 / 100)[spectrum.argmax()] == pytest.approx(30)


FILTERS: tuple[dict[str, Any], ...] = (
    {"kind": "butter", "band": [0.5, 40]},
    {"kind": "notch", "hz": 45},
    {"kind": "fir", "band": [0.5, 40], "taps": 51},
    {"kind": "median-baseline", "seconds": 0.4},
)


@pytest.mark.parametrize("step", FILTERS, ids=lambda step: step["kind"])
@pytest.mark.parametrize("rate", [100, 250, 500])
@pytest.mark.parametrize("when", ["before resampling", "after resampling", "in window"])
def test_a_wave_stays_where_it_is(step: dict[str, Any], rate: int, when: str) -> None:
    x = np.zeros((1, 12, 10 * rate))
    t = np.arange(10 * rate) / rate
    x[:] = np.exp(-(((t - 4.2) / 0.02) ** 2))
    wanted = contract(filter=[step], filter_when=when, window={"steps": 1000}, standardise={"how": "none"})
    got = convert(ecg(x, sfreq=rate), wanted).panel.x
    assert abs(got[0, 0].argmax() / 100 - 4.2) <= 0.005 + 1e-9


def test_filters_are_not_applied_twice() -> None:
    steps = [{"kind": "butter", "band": [0.5, 45]}, {"kind": "notch", "hz": 49}]
    wanted = contract(filter=steps, standardise={"how": "none"})
    filtered = notch(bandpass(X, 100, 0.5, 45), 100, 49)
    history = ("band 0.5-45 Hz", "notch 49 Hz")
    before = convert(ecg(filtered, history=history), wanted)
    now = convert(ecg(X), wanted)
    np.testing.assert_allclose(now.panel.x, before.panel.x, atol=1e-6)
    assert before.notes == (
        "filter band 0.5-45 Hz had been applied to the recordings before",
        "filter notch 49 Hz had been applied to the recordings before",
    )
    assert now.panel.history == history
    other = convert(ecg(X, history=("band 1-30 Hz",)), wanted)
    assert "the recordings are filtered unlike those of the encoder (band 1-30 Hz)" in other.doubts


def test_a_filter_has_nothing_to_do_above_what_recordings_hold() -> None:
    wanted = contract(filter=[{"kind": "notch", "hz": 50}, {"kind": "butter", "band": [None, 50]}])
    got = convert(ecg(X), wanted)
    np.testing.assert_array_equal(got.panel.x, convert(ecg(X), contract()).panel.x)
    assert [note for note in got.notes if "nothing to do below 50 Hz" in note] == list(got.notes)


def loop(x: NDArray[Any], how: str, steps: int) -> NDArray[Any]:
    """Windows standardised one after the other, ignoring missing values."""
    out = []
    for record in x.astype(np.float64):
        for start in range(0, record.shape[1] - steps + 1, steps):
            window = record[:, start : start + steps].copy()
            over = record if "record" in how or how == "minmax-channel" else window.copy()
            for c in range(len(window)):
                about = over if how in ("record-all", "window-all", "minmax-record") else over[c]
                seen = about[~np.isnan(about)]
                if how.startswith("minmax"):
                    flat = seen.max() == seen.min()
                    scaled = 2 * (window[c] - seen.min()) / (1 if flat else seen.max() - seen.min()) - 1
                    window[c] = np.where(np.isnan(window[c]), np.nan, 0) if flat else scaled
                else:
                    std = seen.std() + 1e-3
                    window[c] = (window[c] - seen.mean()) / std
            out.append(window)
    return np.stack(out)


@pytest.mark.parametrize(
    "how", ["record", "record-all", "window", "window-all", "minmax-record", "minmax-channel", "none"]
)
def test_every_way_to_standardise_is_what_a_loop_does(how: How) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(1, 2, (5, 3, 60)).astype(np.float32)
    x[0, 1] = 7  # flat
    x[1, 2, 20:30] = np.nan
    x[4] = 0
    said: dict[str, Any] = {"how": how}
    said |= {"range": [-1, 1]} if how.startswith("minmax") else {}
    said |= {"eps": 1e-3} if how != "none" and not how.startswith("minmax") else {}
    wanted = SignalContract(
        modality="series",
        channels=("a", "b", "c"),
        sfreq=10,
        unit="mV",
        window={"steps": 20},
        standardise=said,
    )
    panel = ecg(x, ("a", "b", "c"), modality="series", sfreq=10)
    want = loop(x, how, 20) if how != "none" else panel.windows(20).x
    np.testing.assert_allclose(convert(panel, wanted).panel.x, want, atol=2e-5)


@pytest.mark.parametrize("how", ["global", "channel"])
def test_stored_statistics_travel_and_those_of_the_data_are_not_used(how: How) -> None:
    mean, std = ([0.1], [2.0]) if how == "global" else (list(range(12)), list(range(1, 13)))
    wanted = contract(standardise={"how": how, "mean": mean, "std": std})
    got = convert(ecg(5 * X + 1), wanted).panel.x
    windows = ecg(5 * X + 1).windows(250).x.astype(np.float64)
    np.testing.assert_allclose(got, (windows - np.array(mean)[:, None]) / np.array(std)[:, None], atol=2e-5)


def test_scale_comes_last_and_clip_before_it() -> None:
    plain = convert(ecg(X), contract()).panel.x
    np.testing.assert_allclose(convert(ecg(X), contract(scale=10)).panel.x, 10 * plain, rtol=1e-5, atol=1e-6)
    standardise = contract().standardise.model_copy(update={"clip": (-1.0, 0.5)}).model_dump()
    clipped = convert(ecg(X), contract(scale=10, standardise=standardise)).panel.x
    np.testing.assert_allclose(clipped, 10 * np.clip(plain, -1, 0.5), rtol=1e-5, atol=1e-6)


def test_the_last_window_may_end_with_the_recording() -> None:
    x = np.arange(1003, dtype=np.float32)[None, None] * np.ones((2, 12, 1), np.float32)
    window = {"steps": 250, "hop_seconds": 1.25}

    def first_steps(**fields: Any) -> list[int]:
        wanted = contract(window=window | fields, standardise={"how": "none"})
        windows = convert(ecg(x), wanted).panel.x
        assert windows.shape[1:] == (12, 250)
        return windows[: len(windows) // 2, 0, 0].astype(int).tolist()

    assert first_steps(tail="drop") == [0, 125, 250, 375, 500, 625, 750]
    assert first_steps(tail="align") == [0, 125, 250, 375, 500, 625, 750, 753]
    assert first_steps(longer="crop-start") == [0]
    assert first_steps(longer="crop-centre") == [376]


def test_short_recordings_are_padded_repeated_or_resized() -> None:
    x = np.random.default_rng(0).normal(size=(2, 12, 200))
    free = {"standardise": {"how": "none"}, "window": {"steps": 250, "shorter": "pad"}}
    padded = convert(ecg(x), contract(**free)).panel.x
    np.testing.assert_allclose(padded[..., :200], x, rtol=1e-6)
    assert np.isnan(padded[..., 200:]).all()
    zeros = convert(ecg(x), contract(**free, missing_values="zero")).panel.x
    assert (zeros[..., 200:] == 0).all()
    free["window"]["shorter"] = "repeat"
    repeated = convert(ecg(x), contract(**free)).panel.x
    np.testing.assert_allclose(repeated, np.concatenate([x, x[..., :50]], axis=2), rtol=1e-6)
    free["window"]["shorter"] = "interpolate"
    resized = convert(ecg(x), contract(**free))
    np.testing.assert_allclose(resized.panel.x[..., 0], x[..., 0], rtol=1e-6)
    assert resized.panel.x.shape == (2, 12, 250)
    assert resized.notes[0] == "recordings of 200 steps were resized to 250"


def test_whole_recordings_are_cropped_to_a_multiple() -> None:
    free = {"standardise": {"how": "none"}}
    got = convert(ecg(X[..., :333]), contract(**free, window={"multiple_of": 32})).panel
    assert got.length == 320
    odd = {"multiple_of": 32, "longer": "crop-start"}
    assert convert(ecg(X[..., :333]), contract(**free, window=odd)).panel.length == 352


def test_gaps_stay_gaps_and_long_ones_take_the_channel_with_them() -> None:
    x = millivolts(2, rate=500)
    x[0, 1, 600:610] = np.nan  # 20 ms
    x[1, 2, 2000:2100] = np.nan  # 200 ms
    free = {"standardise": {"how": "none"}}
    got = convert(ecg(x, sfreq=500), contract(**free)).panel.x.reshape(2, 4, 12, 250)
    assert np.flatnonzero(np.isnan(got[0, 0, 1])).tolist() == [120, 121]
    assert np.isnan(got[1, 1, 2]).all()
    assert np.isnan(got).sum() == 2 + 250
    want = convert(ecg(millivolts(2, rate=500), sfreq=500), contract(**free)).panel.x.reshape(got.shape)
    there = ~np.isnan(got)
    assert np.abs(got - want)[there].max() < 0.02


@pytest.mark.parametrize("how", ["interpolate", "zero", "mean"])
def test_an_encoder_that_takes_no_missing_values_is_shown_none(how: str) -> None:
    x = np.ones((2, 12, 250)) * np.arange(250)
    x[0, 3, 100:110] = np.nan
    wanted = contract(missing_values=how, standardise={"how": "none"})
    got = convert(ecg(x), wanted).panel.x[0, 3, 100:110]
    kept = np.delete(np.arange(250), np.arange(100, 110))
    want = {"interpolate": np.arange(100, 110), "zero": np.zeros(10), "mean": np.full(10, kept.mean())}[how]
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_channels_that_are_not_recorded_become_zero_after_standardisation() -> None:
    some, allowed = ecg(X[:, :9], LEADS[:9]), Policies(missing_channels="zero")
    got = convert(some, contract(), allowed)
    want = convert(ecg(X), contract()).panel.x
    np.testing.assert_allclose(got.panel.x[:, :9], want[:, :9], rtol=1e-6)
    assert (got.panel.x[:, 9:] == 0).all()
    assert got.doubts == ("V4, V5, V6 are not recorded: zeros instead",)


def test_channels_that_are_not_recorded_become_the_mean_of_like_ones() -> None:
    some = ecg(X[:, :9], LEADS[:9])
    got = convert(some, contract(standardise={"how": "none"}), Policies(missing_channels="mean")).panel.x
    chest = ecg(X).windows(250).x[:, 6:9].mean(axis=1)
    np.testing.assert_allclose(got[:, 9], chest, atol=1e-6)


def test_an_encoder_that_says_so_is_shown_missing_channels() -> None:
    wanted = contract(output={"accepts_missing_channels": True})
    got = convert(ecg(X[:, :9], LEADS[:9]), wanted, Policies(missing_channels="mask")).panel.x
    assert np.isnan(got[:, 9:]).all()
    assert not np.isnan(got[:, :9]).any()


def test_each_channel_alone_and_channels_by_name() -> None:
    two = ecg(X[:, [8, 0]], ("v3", "foo"))
    free: dict[str, Any] = {"standardise": {"how": "none"}}
    each = convert(two, contract(channel_mode="each", channels=None, **free)).panel
    assert each.channels == ("v3", "foo")
    named = convert(two, contract(channel_mode="named", **free)).panel
    assert named.channels == ("V3",)
    np.testing.assert_array_equal(named.x, two.windows(250).x[:, :1])


def test_an_eeg_is_brought_to_the_contracts_reference() -> None:
    names = ("Fp1", "Fp2", "C3", "C4", "O1", "O2", "M1", "M2")
    x = np.random.default_rng(0).normal(0, 20, (3, 8, 256))
    said: dict[str, Any] = {"modality": "eeg", "sfreq": 128, "unit": "µV"}
    one = SignalContract(
        modality="eeg",
        channels=names[:6],
        sfreq=128,
        unit="µV",
        reference="average",
        window=Window(steps=256),
    )
    got = convert(ecg(x, names, **said), one)
    np.testing.assert_allclose(got.panel.x, x[:, :6] - x[:, :6].mean(axis=1, keepdims=True), atol=1e-4)
    assert any("12 are few" in note for note in got.doubts)
    ears = one.model_copy(update={"reference": "linked mastoids"})
    got = convert(ecg(x, names, **said), ears)
    np.testing.assert_allclose(got.panel.x, x[:, :6] - x[:, 6:].mean(axis=1, keepdims=True), atol=1e-4)
    to_cz = one.model_copy(update={"reference": ("C3",)})
    got = convert(ecg(x, names, **said), to_cz)
    np.testing.assert_allclose(got.panel.x, x[:, :6] - x[:, 2:3], atol=1e-4)
    # recordings that have the reference already are left alone
    same = ecg(x, names, history=("reference average",), **said)
    assert convert(same, one).panel.store.base is not None
    np.testing.assert_allclose(convert(same, one).panel.x, x[:, :6], atol=1e-4)


def test_a_bare_number_of_steps_is_taken_by_an_encoder_of_any_series() -> None:
    wanted = SignalContract(
        modality="series",
        channels=None,
        channel_mode="each",
        sfreq=1,
        unit="a.u.",
        window=Window(steps=32, longer="interpolate", shorter="interpolate"),
    )
    for rate, length in ((10, 50), (1000, 20)):
        x = np.random.default_rng(0).normal(size=(3, 2, length))
        got = convert(ecg(x, ("a", "b"), modality="series", unit="", sfreq=rate), wanted).panel
        assert got.x.shape == (3, 2, 32)
        assert got.sfreq == rate


def test_recordings_that_cannot_be_used_are_left_out_and_named() -> None:
    x = X.copy()
    x[3] = -32.768
    x[5, :7] = 1
    x[7, 2, 40] = np.inf
    names = tuple(f"r{k}" for k in range(len(x)))
    got = convert(ecg(x, record_names=names), contract())
    said = dict(got.unusable)
    assert said[3].startswith("12 of 12 leads are constant")
    assert said[5] == "7 of 12 leads are constant (I, II, III and 4 more)"
    assert said[7] == "III has an infinite value"
    assert [name for name, _ in got.panel.skipped] == ["r3", "r5", "r7"]
    assert set(got.panel.trial.tolist()) == set(range(20)) - {3, 5, 7}
    (alone,) = convert(ecg(X[:3, :1] * [[[1]], [[0]], [[1]]], ("V3",)), contract(channels=["V3"])).unusable
    assert alone == (1, "lead V3 is constant")


def test_labels_and_names_stay_with_their_recordings() -> None:
    panel = ecg(X, record_names=tuple(f"r{k}" for k in range(20))).select(np.array([4, 9, 2]))
    five = replace(panel, sfreq=100)
    got = convert(five, contract(filter=[{"kind": "butter", "band": [1, 30]}])).panel
    assert got.trial.tolist() == np.repeat([4, 9, 2], 4).tolist()
    assert [got.record_names[row] for row in got.row] == np.repeat(["r4", "r9", "r2"], 4).tolist()


def test_large_recordings_are_kept_in_a_file_that_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "IN_MEMORY", 1000)
    wanted = contract(filter=[{"kind": "butter", "band": [1, 30]}])
    in_memory = convert(ecg(X), wanted).panel.x
    panel = ecg(X).hashed().kept_in(tmp_path)
    got = convert(panel, wanted).panel
    np.testing.assert_array_equal(got.x, in_memory)
    (file,) = tmp_path.glob("*.npy")
    before = file.stat().st_mtime_ns
    again = convert(panel, wanted).panel
    assert file.stat().st_mtime_ns == before
    assert not list(tmp_path.glob(".*"))
    np.testing.assert_array_equal(again.x, in_memory)
    # a part of them, and others, are not taken for the same
    part = convert(panel.select(np.arange(5)), wanted).panel
    np.testing.assert_array_equal(part.x, in_memory[:20])
    other = convert(panel.select(np.arange(5, 10)), wanted).panel
    np.testing.assert_array_equal(other.x, in_memory[20:40])


def test_a_plan_reads_nothing_but_some_recordings_and_changes_nothing() -> None:
    panel: Panel = ecg(millivolts(rate=500), sfreq=500, unit="mV")
    made = plan(panel, contract())
    assert made.notes == ("recordings were resampled from 500 to 100 Hz (polyphase)",)
    assert made.digest == plan(panel, contract()).digest
    assert made.digest != plan(panel, contract(resample="linear")).digest
    assert made.apply(panel.select(np.arange(3))).x.shape == (12, 12, 250)
