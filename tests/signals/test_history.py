"""What panels say was done to their recordings is what contracts ask for."""

from __future__ import annotations

import pytest

from tsrep.datasets.eeg.preparation import Preparation
from tsrep.signals import history
from tsrep.signals.filter_steps import Butterworth, Fir, MedianBaseline, Notch
from tsrep.signals.resample import resampled


@pytest.mark.parametrize(
    "wanted",
    [
        Preparation(reference="average", band=(0.5, 45.0), notch=50.0),
        Preparation(reference=("m1", "M2"), band=(None, 30.0)),
        Preparation(band=(1.0, None), notch=60.0),
    ],
)
def test_filters_and_reference_of_a_preparation_are_found_in_its_history(wanted: Preparation) -> None:
    steps = [Butterworth(band=wanted.band)] if wanted.band else []
    steps += [Notch(hz=wanted.notch)] if wanted.notch else []  # type: ignore[list-item]
    assert list(history.filters(wanted.history)) == steps
    assert all(step.said in wanted.history for step in steps)
    mastoids = ("M1", "M2") if wanted.references else wanted.reference
    assert history.reference(wanted.history) == mastoids


def test_filters_with_other_settings_are_other_filters() -> None:
    said = {
        step.said
        for step in (
            Butterworth(band=(1, 40)), Butterworth(band=(1, 40), order=2), Butterworth(band=(1, None)),
            Notch(hz=50), Notch(hz=50, quality=10), Fir(band=(1, 40), taps=51), MedianBaseline(seconds=0.2),
        )
    }  # fmt: skip
    assert len(said) == 7


def test_signals_hold_what_the_poorest_step_left() -> None:
    assert history.highest((), 500) == 250
    assert history.highest(resampled([100.0], 500), 500) == 50
    assert history.highest(resampled([1000.0, 250.0], 500), 500) == 125
    assert history.highest(("band 0.5-40 Hz",), 500) == 40
    assert history.highest(("band 0.5-inf Hz", "notch 50 Hz"), 500) == 250
    assert history.lowest(("band 0.5-40 Hz", "band 1-inf Hz")) == 1
    assert history.lowest(("band 0-40 Hz",)) is None


def test_standardisation_and_reference_are_none_where_nothing_is_said() -> None:
    assert history.reference(("band 1-40 Hz",)) is None
    assert history.standardisation(("band 1-40 Hz",)) is None
    assert history.standardisation(("standardised record",)) == "record"
