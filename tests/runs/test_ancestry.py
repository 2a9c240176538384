"""Which weights a training began with, in words."""

from __future__ import annotations

from tests.runs.test_packed import loaded
from tsrep.runs.ancestry import started_from
from tsrep.runs.card import card_of
from tsrep.runs.described import described

FIRST = {"sha256_of_weights": "a" * 64, "sources": ["PTB-XL 1.0.3"], "objective": "simclr"}
SECOND = {"sha256_of_weights": "b" * 64, "sources": "unknown", "objective": "unknown"}


def test_the_last_weights_come_first() -> None:
    assert started_from({}) == ""
    assert started_from({"chain": [FIRST, SECOND]}) == (
        "an encoder trained on unknown data (bbbbbbbbbbbb), which began with the weights of an encoder "
        "trained by simclr on PTB-XL 1.0.3 (aaaaaaaaaaaa)"
    )


def test_the_card_and_the_facts_say_it() -> None:
    begun = loaded(provenance=loaded().provenance | {"chain": [FIRST]})
    told = started_from(begun.provenance)
    assert described(begun)["began with the weights of"] == told
    assert f"Its training began with the weights of {told}." in card_of(begun, None, None, "mit", "", False)
    assert "began with" not in card_of(loaded(), None, None, "mit", "", False)
