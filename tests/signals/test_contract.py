"""A contract is a file: it comes back as it was, and any change of it shows in its digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.ecgs import contract
from tsrep.errors import ContractError
from tsrep.signals.contract import SignalContract

positive = st.floats(1e-3, 1e4, allow_nan=False)
filters = st.one_of(
    st.fixed_dictionaries({"kind": st.just("notch"), "hz": positive}),
    st.fixed_dictionaries({"kind": st.just("butter"), "band": st.tuples(positive, st.none())}),
    st.fixed_dictionaries(
        {"kind": st.just("fir"), "band": st.tuples(st.none(), positive), "taps": st.just(151)}
    ),
    st.fixed_dictionaries({"kind": st.just("median-baseline"), "seconds": positive}),
)
standards = st.one_of(
    st.builds(lambda m, s: {"how": "global", "mean": [m], "std": [s]}, st.floats(-1e3, 1e3), positive),
    st.sampled_from(["record", "record-all", "window", "window-all", "none"]).map(lambda how: {"how": how}),
    st.builds(lambda low: {"how": "minmax-record", "range": [-low, low]}, positive),
)
contracts = st.builds(
    SignalContract,
    channels=st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4, unique=True).map(tuple),
    modality=st.sampled_from(["ecg", "eeg", "series", "other"]),
    sfreq=positive,
    unit=st.sampled_from(["mV", "µV", "V", "a.u.", "mmHg"]),
    scale=positive,
    filter=st.none() | st.lists(filters, max_size=3).map(tuple),
    standardise=standards,
)


@settings(max_examples=60, deadline=None)
@given(made=contracts)
def test_a_contract_comes_back_from_its_json_in_any_order_of_keys(made: SignalContract) -> None:
    text = made.to_json()
    assert SignalContract.from_json(text) == made
    values = json.loads(text)
    turned = SignalContract.from_json(json.dumps(dict(reversed(values.items())), indent=1))
    assert turned.digest == made.digest == values["digest"]
    assert turned.to_json() == text


OTHERS: dict[str, Any] = {
    "modality": "other",
    "channels": ("I",),
    "channel_mode": "named",
    "join": "mean",
    "reference": "average",
    "sfreq": 101,
    "unit": "V",
    "scale": 2,
    "filter": [{"kind": "notch", "hz": 50}],
    "filter_when": "in window",
    "window": {"steps": 251},
    "standardise": {"how": "record"},
    "missing_values": "zero",
    "missing_channels": "zero",
    "resample": "linear",
    "output": {"dim": 3},
}


def test_every_field_is_in_the_digest_but_what_the_encoder_learnt_from() -> None:
    one = contract()
    seen = {one.digest}
    for name, value in OTHERS.items():
        seen.add(contract(**{name: value}).digest)
    assert len(seen) == 1 + len(OTHERS)
    assert set(SignalContract.model_fields) - OTHERS.keys() == {"format", "trained_on"}
    assert contract(trained_on={"records": 7}).digest == one.digest
    # a changed copy of a contract whose digest was asked for has its own
    assert one.model_copy(update={"scale": 2.0}).digest == contract(scale=2).digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chanels": ["I"]}, "unknown setting chanels; did you mean 'channels'"),
        ({"sfreq": -1}, "sfreq is -1: .*greater than 0"),
        ({"sfreq": float("nan")}, "sfreq is nan: .*finite"),
        ({"channels": ["I", "I"]}, "name each once"),
        ({"channels": None}, "channel_mode fixed needs channels"),
        ({"unit": "MV"}, "mega- or millivolts; write mV"),
        ({"reference": "ears"}, "reference is 'ears'; write as recorded, average"),
        ({"standardise": {"how": "global"}}, "global needs mean and std"),
        ({"standardise": {"how": "channel", "mean": [0], "std": [1]}}, "give one for each channel"),
        ({"standardise": {"how": "minmax-record"}}, "needs a range"),
        ({"standardise": {"how": "record", "mean": [0], "std": [1]}}, "no stored mean"),
        ({"standardise": {"how": "record", "clip": [1, -1]}}, "clip goes from 1 to -1"),
        ({"filter": [{"kind": "fir", "band": [1, None], "taps": 150}]}, "taps is 150; give an odd number"),
        ({"filter": [{"kind": "cheby"}]}, "filter"),
        ({"digest": "0" * 64}, "was changed after it was written"),
    ],
)
def test_a_contract_written_by_hand_is_refused_in_a_sentence(change: dict[str, Any], message: str) -> None:
    values = json.loads(contract().to_json())
    del values["digest"]
    with pytest.raises(ContractError, match=message) as caught:
        SignalContract.from_json(json.dumps(values | change))
    assert "\n" not in str(caught.value)


def test_what_is_no_json_is_no_contract() -> None:
    for text in ("{", "[]", ""):
        with pytest.raises(ContractError, match="the contract is no JSON"):
            SignalContract.from_json(text)


def test_a_contract_by_hand_needs_no_digest_and_spells_its_unit() -> None:
    values = json.loads(contract().to_json())
    del values["digest"]
    assert SignalContract.from_json(json.dumps(values | {"unit": "uV"})).unit == "µV"


def test_the_schema_in_the_reference_is_that_of_a_contract() -> None:
    file = Path(__file__).parents[2] / "docs" / "reference" / "contract.schema.json"
    assert json.loads(file.read_text(encoding="utf-8")) == SignalContract.model_json_schema()
