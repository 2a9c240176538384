"""Keys of recordings: literal ones, what leaves them as they are, and what does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from tsrep.signals import Panel
from tsrep.signals.filters import bandpass
from tsrep.signals.fingerprint import Fingerprints, lead_key, ranked, shapes, sketch
from tsrep.signals.same_signal import near_keys, same_signal
from tsrep.signals.shifted import Spectra, shifted_copies

TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def recordings(count: int = 6, seed: int = 0, seconds: float = 10) -> np.ndarray:
    """Counts of ECG-like records at 100 Hz: sharp beats of random shape and rhythm over slow waves."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(100 * seconds)) / 100
    x = np.zeros((count, 12, len(t)))
    for i in range(count):
        beats = np.cumsum(rng.uniform(0.6, 1.1, 40)) - rng.uniform(0, 1)
        for _ in range(3):
            late, width = rng.uniform(-0.2, 0.3), rng.uniform(0.02, 0.08)
            wave = np.exp(-((t - beats[:, None] - late) ** 2) / (2 * width**2)).sum(axis=0)
            x[i] += rng.normal(0, 300, (12, 1)) * wave
        x[i] += rng.normal(0, 15, x[i].shape) + rng.normal(0, 400, (12, 1))
    return x.round().astype(np.int16)


def panel_of(x: np.ndarray, sfreq: float = 100, channels=TWELVE, **more) -> Panel:
    n = len(x)
    return Panel.from_arrays(
        x, label=np.arange(n) % 2, patient=np.arange(n), sfreq=sfreq, channels=channels, **more
    )


def fixed(rate: int, seconds: int = 10) -> np.ndarray:
    """Twelve leads of whole numbers that are the same on every machine."""
    step, lead = np.arange(rate * seconds), np.arange(12)[:, None]
    return ((step * step * (lead + 3) + 7919 * step * (lead + 1)) % 2003 - 1000).astype(np.int16)


LITERAL = {
    (100, 10): (10609408506726631046, 10488997432765439402, "c7abfe0a3c1e57f943aee20c6375d229"),
    (250, 10): (5235463840618368335, 14523557952747532004, "36e4e39384e03e8ee4a36effa87d1a54"),
    (500, 8): (451020692218726703, 4451871743411912251, "e6f7bfb095b63b93b50909bf381acea1"),
}


@pytest.mark.parametrize(("rate", "seconds"), LITERAL)
def test_literal_keys(rate: int, seconds: int) -> None:
    prints = Fingerprints.of(panel_of(fixed(rate, seconds)[None], rate))
    exact, lead, coarse = LITERAL[rate, seconds]
    assert (int(prints.exact[0]), int(prints.lead[0, 0])) == (exact, lead)
    differ = np.unpackbits(prints.coarse[0] ^ np.frombuffer(bytes.fromhex(coarse), np.uint8)).sum()
    assert differ <= 2  # filters of other versions may round otherwise
    assert prints.mask.tolist() == [255]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x * 3,
        lambda x: x - 250,
        lambda x: (x * np.float32(0.001)).astype(np.float32),
        lambda x: (x * np.float32(0.00488) + np.float32(1.5)).astype(np.float32),
        lambda x: x.astype(np.float32),
    ],
    ids=["gain", "offset", "mV", "a step of 4.88 and an offset", "float"],
)
def test_exact_keys_do_not_mind(change) -> None:
    x = recordings()
    one, other = Fingerprints.of(panel_of(x)), Fingerprints.of(panel_of(change(x)))
    assert one.exact.tolist() == other.exact.tolist()
    assert one.lead.tolist() == other.lead.tolist()
    assert len(set(one.exact.tolist())) == len(x)


def test_exact_keys_do_not_mind_the_order_and_spelling_of_leads() -> None:
    x, order = recordings(), [7, 1, 0, *range(2, 7), *range(8, 12)]
    names = tuple(TWELVE[i].lower() for i in order)
    one, other = Fingerprints.of(panel_of(x)), Fingerprints.of(panel_of(x[:, order], channels=names))
    assert one.exact.tolist() == other.exact.tolist()
    assert one.lead.tolist() == other.lead.tolist()
    np.testing.assert_array_equal(one.coarse, other.coarse)


def test_exact_keys_mind_one_count_the_rate_and_the_length() -> None:
    lead = recordings(1)[0, 1]
    changed = lead.copy()
    changed[500] += 1
    keys = [lead_key(lead, 100), lead_key(changed, 100), lead_key(lead, 500), lead_key(lead[:-1], 100)]
    assert len(set(keys)) == 4


def test_leads_without_two_values_have_no_key_and_share_none() -> None:
    x = recordings(2)
    x[:, 3] = 5
    assert lead_key(x[0, 3], 100) == lead_key(np.full(10, np.nan, np.float32), 100) == 0
    x[:] = 0
    prints = Fingerprints.of(panel_of(x))
    assert not np.concatenate([prints.exact, prints.lead.ravel(), prints.mask]).any()
    assert len(set(same_signal(panel_of(x)).tolist())) == 2


def test_numbers_without_a_step_have_the_key_of_their_bytes() -> None:
    lead = np.random.default_rng(0).normal(size=300).astype(np.float32)
    gap = lead.copy()
    gap[7] = np.nan
    assert lead_key(lead, 100) == lead_key(lead.copy(), 100) != lead_key(lead * 2, 100)
    assert lead_key(gap, 100) == lead_key(gap.copy(), 100) not in (0, lead_key(lead, 100))


def differing(x: np.ndarray, y: np.ndarray, sfreq: float = 100) -> np.ndarray:
    one, other = Fingerprints.of(panel_of(x)), Fingerprints.of(panel_of(y, sfreq))
    return np.unpackbits(one.coarse ^ other.coarse, axis=1).sum(axis=1)


def resampled(x: np.ndarray, rate: int) -> np.ndarray:
    return signal.resample_poly(x.astype(np.float64), rate // 10, 10, axis=2)


NOISE = np.random.default_rng(5).normal(0, 20, (6, 12, 1000))
CHANGES = {
    "unit and offset": lambda x: x * 0.001 + 3,
    "rounding to 10": lambda x: (x / 10).round() * 10,
    "noise of 20 counts": lambda x: x + NOISE,
    "0.5 to 40 Hz": lambda x: bandpass(x, 100, 0.5, 40),
    "1 Hz high-pass": lambda x: bandpass(x, 100, 1, None),
    "clipping": lambda x: np.clip(x, *np.quantile(x, [0.002, 0.998])),
}


@pytest.mark.parametrize("change", CHANGES)
def test_coarse_keys_hardly_mind(change: str) -> None:
    x = recordings()
    assert (differing(x, CHANGES[change](x).astype(np.float32)) <= 12).all()


MIXED = np.random.default_rng(0).permutation(12)
HALF = {
    "a third in half precision": lambda x: (x * np.float32(1 / 3)).astype(np.float16),
    "a gain for each lead and rounding": lambda x: (x * np.linspace(0.2, 0.9, 12)[:, None]).round(),
    **CHANGES,
}


@pytest.mark.parametrize("change", HALF)
def test_copies_are_known_by_leads_in_another_order_together_with_other_changes(change: str) -> None:
    x = recordings()
    copy = HALF[change](x[:, MIXED].astype(np.float32)).astype(np.float32)
    one, other = Fingerprints.of(panel_of(x)), Fingerprints.of(panel_of(copy))
    assert (np.bitwise_count(one.free ^ other.free).sum(axis=1) <= 12).all()
    number = same_signal(panel_of(np.concatenate([x.astype(np.float32), copy])))
    assert number[:6].tolist() == number[6:].tolist()
    assert len(set(number.tolist())) == 6


def test_keys_free_of_order_are_those_of_the_leads_that_are_there() -> None:
    x = recordings(30)
    windows = shapes(x, 100)[0][:, :, 40:360]
    keys = ranked(windows)
    np.testing.assert_array_equal(keys, ranked(windows[:, ::-1] * np.linspace(1, 9, 12)[:, None]))
    distance = np.unpackbits(keys[:, None] ^ keys, axis=2).sum(axis=2) + 128 * np.eye(30, dtype=int)
    assert distance.min() > 24
    assert np.bitwise_count(keys ^ ranked(-windows)).sum(axis=1).min() > 24
    for leads in (2, 5):  # leads that are flat have no part in it
        few = np.where(np.arange(12)[:, None] < leads, windows, 0)
        np.testing.assert_array_equal(ranked(few), ranked(windows[:, :leads]))
    assert not ranked(np.where(np.arange(12)[:, None] < 1, windows, 0)).any()
    assert not ranked(windows[:, :1]).any()


def test_leads_that_only_some_recordings_share_make_no_copies() -> None:
    x = recordings(8)
    x[4:, :6] = x[:4, 6:][:, ::-1]  # half of the leads, under other names
    assert len(set(same_signal(panel_of(x)).tolist())) == 8


@pytest.mark.parametrize("rate", [200, 250, 500, 1000])
def test_coarse_keys_hardly_mind_the_rate_and_2_ms(rate: int) -> None:
    x = recordings()
    fine = resampled(x, 1000).astype(np.float32)
    assert (differing(x, fine[:, :, :: 1000 // rate], rate) <= 6).all()
    assert (differing(x, np.roll(fine, 2, axis=2), 1000) <= 12).all()


def test_other_records_and_turned_ones_are_far() -> None:
    x = recordings(30)
    key = Fingerprints.of(panel_of(x)).coarse
    distance = np.unpackbits(key[:, None] ^ key, axis=2).sum(axis=2) + 128 * np.eye(30, dtype=int)
    assert distance.min() > 24
    assert (differing(x, -x) > 100).all()
    assert (differing(x, np.roll(x, 10, axis=2)) > 24).all()


def test_short_slow_and_long_records() -> None:
    assert len(Fingerprints.of(panel_of(recordings(2, seconds=7.9))).coarse) == 0
    assert len(Fingerprints.of(panel_of(recordings(2), sfreq=30)).coarse) == 0
    long = Fingerprints.of(panel_of(recordings(2, seconds=35)))
    assert long.record.tolist() == [0, 0, 0, 1, 1, 1]
    first = Fingerprints.of(panel_of(recordings(2, seconds=35)[:, :, :1000]))
    assert np.unpackbits(long.coarse[::3] ^ first.coarse).sum() <= 6


def test_missing_and_flat_leads_count_in_no_distance() -> None:
    x = recordings(4)
    few = x.copy()
    few[:, 6:] = 0  # limb leads alone, so that I and II are left
    whole, part = (shapes(y, 100, TWELVE)[0][:, :, 40:360] for y in (x, few))
    one, other = sketch(whole), sketch(part)
    assert other[1].tolist() == [0b11000000] * 4
    pairs = [pair for i, j in near_keys(one, other, 0) for pair in zip(i.tolist(), j.tolist(), strict=True)]
    assert pairs == [(n, n) for n in range(4)]
    few[:, 1] = 0  # one lead is too little to know a record by
    assert not list(near_keys(one, sketch(shapes(few, 100, TWELVE)[0][:, :, 40:360]), 1))


@pytest.mark.parametrize("several", [False, True])
def test_keys_are_compared_with_each_other_once(several: bool) -> None:
    rng = np.random.default_rng(0)
    keys = rng.integers(0, 256, (2100, 16), np.uint8)  # more than a block
    keys[2099], keys[65], keys[700] = keys[3], keys[64], keys[10]
    masks = np.full(2100, 255, np.uint8)
    if several:
        masks[:5] = 0b11110000
    found = list(near_keys((keys, masks), None, 12 / 128))
    assert sorted(pair for i, j in found for pair in zip(i.tolist(), j.tolist(), strict=True)) == [
        (3, 2099), (10, 700), (64, 65),
    ]  # fmt: skip


def test_same_signal_joins_copies_and_no_others() -> None:
    x = recordings(8).astype(np.float32)
    x[5] = x[1] * 0.25 + 7  # another unit
    x[6] = bandpass(x[2], 100, 0.5, 40)  # filtered
    x[7, [1, 7]] = x[3, [1, 7]]  # II and V2, the leads with keys of their own
    x[:, 5] = np.arange(1000)  # a clock
    number = same_signal(panel_of(x))
    assert number[[5, 6, 7]].tolist() == number[[1, 2, 3]].tolist()
    assert len(set(number.tolist())) == 5
    assert len(set(same_signal(replace(panel_of(x), synthetic=True)).tolist())) == 8


def test_one_channel_that_all_have_makes_no_copies() -> None:
    x = recordings(5)[:, :3, :200]
    x[:, 0] = np.arange(200)
    panel = panel_of(x, channels=("clock", "a", "b"))
    assert len(set(same_signal(panel).tolist())) == 5


def test_dead_leads_beside_a_clock_make_no_copies_and_a_panel_of_one_lead_has_some() -> None:
    x = recordings(8)[:, :3, :200]
    x[:, 2] = np.arange(200) % 100 == 0
    x[[2, 6], :2] = 0
    panel = panel_of(x, channels=("I", "II", "clock"))
    assert Fingerprints.of(panel).exact[[2, 6]].tolist() == [0, 0]
    assert len(set(same_signal(panel).tolist())) == 8
    x[6, :2] = recordings(8)[6, :2, :200]
    x[5, :2] = x[6, 1::-1]  # two leads that are not flat, in the other order
    number = same_signal(panel_of(x, channels=("I", "II", "clock")))
    assert number[5] == number[6]
    single = np.repeat(x[:4, 1:2], 2, axis=0)[:, :, :150]
    single[4:6, 0, :3] = [1, 2, 3]  # of the record that was flat
    number = same_signal(panel_of(single, channels=("II",)))
    assert number.reshape(4, 2).tolist() == [[n, n] for n in number[::2]]
    assert len(set(number.tolist())) == 4


def test_epochs_of_a_long_record_are_compared_tile_by_tile() -> None:
    x = recordings(3, seconds=40)
    x[2, :, 1000:2000] = bandpass(x[0, :, 1000:2000], 100, 0.5, 40)
    number = same_signal(panel_of(x))
    assert number[0] == number[2] != number[1]


def test_keys_are_kept_beside_the_recordings(tmp_path, monkeypatch) -> None:
    x = recordings()
    panel = panel_of(x).hashed("content").kept_in(tmp_path)
    first = same_signal(panel), Fingerprints.of(panel)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"fingerprints-2-{panel.digest}.npz", f"same-signal-2-{panel.digest}.npz"]
    monkeypatch.setattr("tsrep.signals.fingerprint._made", None)  # nothing is worked out again
    again = same_signal(panel.windows(250)), Fingerprints.of(panel.windows(250))
    np.testing.assert_array_equal(first[0], again[0])
    for field, values in vars(first[1]).items():
        np.testing.assert_array_equal(values, getattr(again[1], field))


def test_a_broken_cache_is_made_again_and_one_that_cannot_be_written_does_no_harm(tmp_path) -> None:
    panel = panel_of(recordings()).hashed("content")
    expected = Fingerprints.of(panel).exact.tolist()
    Fingerprints.of(panel.kept_in(tmp_path))
    path = tmp_path / f"fingerprints-2-{panel.digest}.npz"
    path.write_bytes(path.read_bytes()[:200])
    assert Fingerprints.of(panel.kept_in(tmp_path)).exact.tolist() == expected
    assert path.stat().st_size > 200
    (tmp_path / "file").write_text("")
    assert Fingerprints.of(panel.kept_in(tmp_path / "file")).exact.tolist() == expected


@pytest.mark.parametrize("milliseconds", [-1000, -613, -50, 0, 12, 37, 480, 1000])
def test_shifted_copies_are_found_at_any_shift_up_to_a_second(milliseconds: int) -> None:
    long = resampled(recordings(6, seconds=12), 1000)
    begin = 1000 + milliseconds
    x = np.concatenate([long[:, :, 1000:11000:10], long[:3, :, begin : begin + 10000 : 10] * 2])
    panel = panel_of(x.round().astype(np.int16))
    pairs = shifted_copies(panel, Spectra.of(panel, np.arange(6)), Spectra.of(panel, np.arange(6, 9)))
    assert pairs.tolist() == [[0, 6], [1, 7], [2, 8]]


def test_cuts_that_keep_the_middle_are_found_and_a_record_is_no_copy_of_itself() -> None:
    x = recordings(6)
    cut = np.zeros_like(x[:3])
    cut[:, :, :800] = x[:3, :, 100:900]
    panel = panel_of(np.concatenate([x, cut]))
    every = np.arange(9)
    first, second = Spectra.of(panel, every[:6]), Spectra.of(panel, every[6:])
    assert shifted_copies(panel, first, second).tolist() == [[0, 6], [1, 7], [2, 8]]
    assert shifted_copies(panel, first, first).tolist() == []


def test_recordings_of_one_lead_have_nothing_to_compare() -> None:
    x = recordings(6)
    x[3:, 1:] = 0
    panel = panel_of(x)
    assert Spectra.of(panel, np.arange(6)).row.tolist() == [0, 1, 2]
    assert not len(Spectra.of(panel, np.arange(3, 6)).values)
    assert not len(shifted_copies(panel, *[Spectra.of(panel, np.arange(3, 6))] * 2))
