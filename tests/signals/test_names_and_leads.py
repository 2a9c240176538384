"""Names of channels in every spelling, and limb leads from any two others."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

from tests.signals.ecgs import FROM_I_AND_II, millivolts
from tsrep.signals.leads import contradictory, derivable, derivation, growth_of_noise
from tsrep.signals.montage import electrodes, neighbours
from tsrep.signals.names import CHEST, ECG, LIMB, canonical_names, modality_of, read_names


@pytest.mark.parametrize(
    ("recorded", "canonical"),
    [
        ("avr", "aVR"), ("Lead II", "II"), ("LEAD_III", "III"), ("ECG I", "I"), (" v4 ", "V4"), ("C3", "V3"),
        ("Chest 1", "V1"), ("v 6", "V6"), ("L2", "II"), ("dIII", "III"), ("EKG aVF", "aVF"), ("v3r", "V3R"),
    ],
)  # fmt: skip
def test_leads_go_by_many_names(recorded: str, canonical: str) -> None:
    (named,) = read_names([recorded], "ecg")
    assert (named.name, named.known, named.sign, named.modified) == (canonical, True, 1, False)


@pytest.mark.parametrize(
    ("recorded", "canonical", "reference"),
    [
        ("EEG FP1-REF", "Fp1", "REF"), ("T3", "T7", ""), ("t6", "P8", ""), ("Fc5..", "FC5", ""),
        ("Cz.", "Cz", ""),
        ("EEG Cz-LE", "Cz", "LE"), ("F3-A2", "F3", "A2"), ("POZ", "POz", ""), ("EEG T4:4", "T8", ""),
        ("fcc5h", "FCC5h", ""),
    ],
)  # fmt: skip
def test_electrodes_go_by_many_names(recorded: str, canonical: str, reference: str) -> None:
    (named,) = read_names([recorded], "eeg")
    assert (named.name, named.known, named.reference, named.bipolar) == (canonical, True, reference, False)


def test_names_that_mean_something_else_are_not_taken() -> None:
    assert [n.known for n in read_names(["fpl", "ch0", "EOG"], "eeg")] == [False] * 3
    assert read_names(["Fp1-F7"], "eeg")[0].bipolar
    assert read_names(["EEG T3-T5"], "eeg")[0].bipolar
    (upside_down,) = read_names(["-aVR"], "ecg")
    assert (upside_down.name, upside_down.sign) == ("aVR", -1)
    assert read_names(["MLII"], "ecg")[0].modified
    assert not read_names(["C3"], "series")[0].known


def test_numbers_are_leads_only_beside_augmented_ones_and_letters_only_alone() -> None:
    assert [n.name for n in read_names(["1", "2", "3", "avr", "avl", "avf"], "ecg")] == list(LIMB)
    assert not any(n.known for n in read_names(["1", "2", "3"], "ecg"))
    assert [n.name for n in read_names(["x", "Y", "z", "V1"], "ecg")] == ["VX", "VY", "VZ", "V1"]
    assert not read_names(["x", "y", "z", "w"], "ecg")[0].known


def test_a_name_that_two_channels_would_share_stays_as_it_was_recorded() -> None:
    assert canonical_names(["V1", "c1", "avl", "-aVR", "MLII"], "ecg") == ("V1", "c1", "aVL", "-aVR", "MLII")


def test_names_say_what_the_channels_are_of() -> None:
    assert modality_of(["I", "v1", "AVR"]) == "ecg"
    assert modality_of(["C3", "C4"]) == "eeg"
    assert modality_of(["x", "y", "z"]) == modality_of(["ch0"]) == modality_of(["I", "pressure"]) == "series"


def test_electrodes_are_those_of_the_ten_five_system() -> None:
    mne = pytest.importorskip("mne")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the name of the montage is about to change
        montage = mne.channels.make_standard_montage("standard_1005")
    places = montage.get_positions()["ch_pos"]
    older = {"T3", "T4", "T5", "T6", "A1", "A2", "M1", "M2"}
    assert set(places) - older <= electrodes().keys()
    assert all(np.linalg.norm(place) == pytest.approx(1) for place in electrodes().values())
    # nearest neighbours on the sphere are near on a head too
    names = tuple(name for name in places if name not in older and not name.endswith("h") and len(name) < 4)
    for name in ("Cz", "T7", "Fp2", "P4", "O1"):
        others = tuple(other for other in names if other != name)
        far = [np.linalg.norm(places[name] - places[other]) for other in others]
        near = {others[k] for k in np.argsort(far)[:8]}
        assert neighbours(name, others).keys() <= near
        assert sum(neighbours(name, others).values()) == pytest.approx(1)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_any_two_limb_leads_and_more_give_all_six(count: int) -> None:
    x = millivolts(3)[:, :6]
    subsets = list(itertools.combinations(range(6), count))
    for subset in subsets:
        recorded = [LIMB[k] for k in subset]
        assert derivable(LIMB, recorded)
        restored = derivation(LIMB, recorded) @ x[:, subset]
        np.testing.assert_allclose(restored, x, rtol=1e-6, atol=1e-9)
        assert not contradictory(x[:, subset], recorded).any()
    assert len(subsets) == {2: 15, 3: 20, 4: 15, 5: 6, 6: 1}[count]


def test_what_is_not_in_the_limb_leads_does_not_come_from_them() -> None:
    assert not derivable(["V1"], LIMB)
    assert not derivable(["I"], CHEST)
    assert not derivable(["II"], ["I"])
    assert set(LIMB) < set(ECG)


def test_the_worst_pair_lets_noise_grow_six_times() -> None:
    growth = {pair: growth_of_noise(pair) for pair in itertools.combinations(LIMB, 2)}
    assert max(growth, key=growth.__getitem__) == ("III", "aVF")
    assert growth["III", "aVF"] == pytest.approx(6.34, abs=0.01)


def test_swapped_and_inverted_leads_contradict_the_others() -> None:
    x = millivolts(5)[:, :6]
    swapped = x[:, [1, 0, 2, 3, 4, 5]]
    inverted = x * np.array([1, 1, 1, -1, 1, 1])[:, None]
    scaled = x * np.array([1, 1, 1, 1, 10, 1])[:, None]
    for wrong in (swapped, inverted, scaled):
        assert contradictory(wrong, LIMB).all()
    # a third lead from two that were read the other way round is found as well
    assert contradictory(swapped[:, :3], LIMB[:3]).all()
    noisy = x + 1e-3 * np.random.default_rng(0).normal(size=x.shape)
    assert not contradictory(noisy, LIMB).any()
    np.testing.assert_array_equal(FROM_I_AND_II, derivation(LIMB, ["I", "II"]))
