"""Recordings that an encoder has seen are refused, left out or marked, as the user says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from tests.signals.test_fingerprint import panel_of, recordings
from tsrep.errors import RunError
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.difference import Difference
from tsrep.evaluation.scores import Score, Scores
from tsrep.runs.contamination import check_seen
from tsrep.runs.ledger import Ledger
from tsrep.runs.sources import known_overlaps, overlaps
from tsrep.signals import Panel

X = recordings(24)
OTHER = recordings(100, seed=5)
ALL = np.arange(100)


def ledger() -> Ledger:
    panel = panel_of(X, source="A 1.0")
    return Ledger.of(panel, index=np.arange(16)).union(Ledger.of(panel, "chosen", np.arange(16, 24)))


def among_others(*copies: np.ndarray) -> Panel:
    """A hundred records, the last ones of which are copies."""
    last = np.concatenate(copies)
    return panel_of(np.concatenate([OTHER[: 100 - len(last)], last]))


def test_one_in_a_hundred_is_refused_and_fewer_are_left_out() -> None:
    with pytest.raises(RunError, match="runs/a was trained on 1 of the 100 records to be scored; score"):
        check_seen(ledger(), among_others(X[:1]), ALL, reference="runs/a")
    more = panel_of(np.concatenate([OTHER, recordings(50, seed=9), X[3:4]]))
    found = check_seen(ledger(), more, np.arange(151), reference="runs/a")
    assert found.trials.tolist() == [150]
    assert (found.contamination.status, found.contamination.left_out) == ("seen", 1)
    assert found.scored(more.windows(250), np.arange(590, 604)).tolist() == list(range(590, 600))
    (sentence,) = found.contamination.notes
    assert "seen some of the 151 records to be scored (1 by their stored values); 1 are left out" in sentence


def test_leaving_out_and_keeping_are_said() -> None:
    panel = among_others(X[:10])
    out = check_seen(ledger(), panel, ALL, reference="runs/a", policy="leave-out")
    assert out.trials.tolist() == list(range(90, 100))
    assert not out.contamination.kept
    kept = check_seen(ledger(), panel, ALL, reference="runs/a", policy="keep")
    assert len(kept.trials) == 0
    assert kept.contamination.mark == "†seen"
    assert "scored all the same" in kept.contamination.notes[0]
    clean = check_seen(ledger(), panel, np.arange(80), reference="runs/a", policy="keep").contamination
    assert (clean.status, clean.mark, clean.notes) == ("none", "", ())


def test_resampled_copies_are_left_out_whatever_their_share() -> None:
    fine = signal.resample_poly(among_others(X[:10]).store.astype(float), 5, 1, axis=2)
    panel = panel_of(fine.astype(np.float32), 500)
    found = check_seen(ledger(), panel, ALL, reference="runs/a")
    assert found.trials.tolist() == list(range(90, 100))
    assert found.contamination.coarse == 10
    assert "By chance" in found.contamination.notes[1]


def test_nothing_is_left_to_score() -> None:
    fine = signal.resample_poly(X.astype(float), 5, 1, axis=2).astype(np.float32)
    with pytest.raises(RunError, match=r"has seen all 24 records.*--seen keep"):
        check_seen(ledger(), panel_of(fine, 500), np.arange(24), reference="runs/a")


def test_the_own_validation_part_may_be_scored_and_copies_of_training_records_may_not() -> None:
    own = panel_of(X, source="A 1.0")
    found = check_seen(ledger(), own, np.arange(16, 24), np.arange(16), reference="a", own_split=True)
    assert (found.contamination.status, len(found.trials)) == ("own-split", 0)
    with pytest.raises(RunError, match="trained on 8 of the 8"):
        check_seen(ledger(), own, np.arange(16, 24), reference="a")
    twice = panel_of(np.concatenate([X, recordings(150, seed=3), X[:1]]), source="A 1.0")
    found = check_seen(ledger(), twice, np.arange(24, 175), reference="a", own_split=True)
    assert (found.contamination.status, found.trials.tolist()) == ("seen", [174])


def test_labels_of_a_head_do_not_make_a_record_seen() -> None:
    labelled = Ledger.of(panel_of(X), "labelled")
    found = check_seen(labelled, panel_of(X), np.arange(24), reference="a")
    assert found.contamination.status == "none"


def test_labels_from_seen_records_are_counted() -> None:
    panel = among_others(X[:10])
    found = check_seen(ledger(), panel, np.arange(80), np.arange(80, 100), reference="a")
    assert (found.contamination.labels, found.contamination.status) == (10, "none")


def test_an_encoder_without_a_ledger_is_unknown_and_what_is_known_is_told() -> None:
    names = tuple(f"g1/HR{n:05d}" for n in range(100))
    panel = replace(panel_of(OTHER, source="own WFDB records in challenge"), record_names=names)
    found = check_seen(None, panel, ALL, reference="hub:o/n", trained_on=["PTB-XL 1.0.3"]).contamination
    assert (found.status, found.mark, found.complete) == ("unknown", "unknown", False)
    (overlap,) = found.known_overlap
    assert "trained on PTB-XL 1.0.3" in overlap
    assert "100 of its records are called as those of PTB-XL (g1/HR00000)" in overlap
    assert found.notes[0] == "Whether the encoder has seen the scored records is unknown."


def test_nobody_has_seen_simulated_records() -> None:
    panel = panel_of(X, synthetic=True)
    assert check_seen(ledger(), panel, np.arange(24), reference="a").contamination.status == "none"
    assert check_seen(None, panel, np.arange(24), reference="a").contamination.status == "none"


@pytest.mark.parametrize(
    ("trained", "scored", "said"),
    [
        ("PTB-XL", "CinC-2021", "all ten folds"),
        ("CinC 2021", "PTB-XL 1.0.3", "CinC-2021 holds 21,837 records of PTB-XL"),
        ("CinC-2021", "ecg-arrhythmia 1.0.0", "records of Ningbo"),
        ("PTB Diagnostic ECG Database", "PTB-XL", "not known"),
        ("CODE-15%", "CODE", "a subset"),
        ("HEEDB", "HEEDB", "trained on HEEDB"),
    ],
)
def test_overlaps_of_public_sets(trained: str, scored: str, said: str) -> None:
    assert any(said in sentence for sentence in known_overlaps([trained], scored))


def test_sets_without_a_known_overlap() -> None:
    assert known_overlaps(["MIMIC-IV-ECG", "HEEDB"], "PTB-XL") == ()
    assert all(row.source and (row.certain or row.note) for row in overlaps())


def test_scores_on_seen_records_are_marked_and_enter_no_verdict() -> None:
    difference = {"auroc": Difference(0.1, 0.05, 0.15)}
    plain = Score(
        "comet", "method", "probe", "auroc", "test", "record", 40, 1,
        {"auroc": Interval(0.8, 0.7, 0.9)}, {}, difference=difference,
    )  # fmt: skip
    seen = check_seen(ledger(), among_others(X[:10]), ALL, reference="a", policy="keep").contamination
    marked = replace(plain, contamination=seen.plain())
    assert plain.gain is not None
    assert marked.gain is None
    assert (plain.called, marked.called) == ("comet", "comet †seen")
    assert "comet †seen" in Scores((marked,)).to_markdown()
    assert Scores.from_json(Scores((marked,)).to_json()).scores[0].contamination == seen.plain()
