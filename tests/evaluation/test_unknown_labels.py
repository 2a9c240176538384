"""A label that the source does not state is neither learned nor scored, whatever number stands for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.evaluation.test_protocol import cohort, informed
from tsrep.datasets.check import check
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.errors import DataError
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.label_fractions import subsample_labels
from tsrep.evaluation.protocols import finetune
from tsrep.evaluation.protocols.finetune import FineTuning
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.evaluation.scores import Scores
from tsrep.rng import initial_weights
from tsrep.signals import Panel
from tsrep.splits.split import Split
from tsrep.training.loop import Part, Trainer

QUICK: dict[str, Any] = {"fractions": (1.0, 0.3), "seeds": 2, "n_bootstrap": 30}


def half_known(multi: bool, value: int) -> tuple[Panel, Split, np.ndarray]:
    """A cohort in which every fourth patient has no stated label, with a value in its place."""
    panel, split = cohort(multi=multi)
    unknown = panel.patient % 4 == 0
    known = np.repeat(~unknown[:, None], 3, axis=1) if multi else ~unknown
    if multi:
        known[unknown, 1:] = True  # one class that is not known makes the sample unknown
    label = panel.label.copy()
    label[~known] = value
    return replace(panel, label=label, known=known), split, informed(panel, 1.0)


def scored(panel: Panel, split: Split, x: np.ndarray, protocol: str, part: str) -> Scores:
    return evaluate_features({"m": x}, panel, split, protocols=(protocol,), part=part, **QUICK)


@pytest.mark.parametrize(
    ("protocol", "multi"),
    [("probe", False), ("knn", False), ("logistic", False), ("svm", False)],
)
@pytest.mark.parametrize("part", ["test", "validation"])
def test_the_value_of_an_unknown_label_changes_no_score(protocol: str, multi: bool, part: str) -> None:
    one, two = (scored(*half_known(multi, value), protocol, part) for value in (0, 1))
    assert one.to_json() == two.to_json()
    for key, kept in one.predictions.items():
        np.testing.assert_array_equal(kept.prob, two.predictions[key].prob)
    panel, split, x = half_known(multi, 1)
    trusted = scored(replace(panel, known=None), split, x, protocol, part)
    assert trusted.where(method="m").scores[0].value != one.where(method="m").scores[0].value


def test_scores_are_those_of_the_known_samples_alone() -> None:
    panel, split, x = half_known(False, 2)
    index = np.flatnonzero(panel.labelled)
    place = np.full(len(panel), -1)
    place[index] = np.arange(len(index))
    parts = (place[part][place[part] >= 0] for part in (split.train, split.validation, split.test))
    alone = Split.make(panel.select(index), *parts, how="known alone")
    expected = scored(panel.select(index), alone, x[index], "probe", "test")
    found = scored(panel, split, x, "probe", "test")
    for s, e in zip(found.where(fraction=1.0), expected.where(fraction=1.0), strict=True):
        assert s.n == e.n
        assert s.metrics["auroc"].value == pytest.approx(e.metrics["auroc"].value, abs=1e-12)


def test_scores_say_how_many_samples_are_left_out() -> None:
    panel, split, x = half_known(False, 1)
    counts = [
        f"{int((~panel.labelled[part]).sum())} of {len(part)} in the {name} part"
        for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test))
    ]
    (note,) = scored(panel, split, x, "probe", "test").notes
    assert note == f"Samples whose labels are not known are left out: {', '.join(counts)}."
    assert scored(replace(panel, known=None), split, x, "probe", "test").notes == ()


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_part_without_a_known_label_is_refused(part: str) -> None:
    panel, split = cohort()
    known = np.ones(len(panel), bool)
    known[getattr(split, part)] = False
    with pytest.raises(DataError, match=f"no label of the {part} part is known, of 120 samples; give"):
        LabelEvaluation(replace(panel, known=known), split).refuse_unlabelled()


def test_unknown_labels_are_never_drawn() -> None:
    panel, split, _ = half_known(False, 0)
    for by in ("sample", "record", "patient"):
        small, large = (subsample_labels(panel, split.train, f, by, seed=1) for f in (0.2, 1.0))
        assert set(small) < set(large) == set(split.train[panel.labelled[split.train]])


def test_fine_tuning_neither_trains_nor_chooses_on_unknown_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Scores] = []
    seen: list[Panel] = []

    def watched(
        encoder: Any, objective: Any, train: Part, validation: Part, *rest: Any, **more: Any
    ) -> Trainer:
        seen.extend((train.tensors.panel, validation.tensors.panel))
        return Trainer(encoder, objective, train, validation, *rest, **more)

    monkeypatch.setattr(finetune, "Trainer", watched)
    for value in (0, 1):
        panel, split, _ = half_known(False, value)
        store = np.random.default_rng(0).normal(size=(len(panel), 1, 12)).astype(np.float32)
        panel = replace(panel, store=store, length=12)

        def model() -> Model:
            with initial_weights(0, "encoder"):
                return DilatedConv(channels=1, hidden=2, dim=4, depth=1), None

        evaluation = LabelEvaluation(panel, split, fractions=(1.0,), seeds=1, n_bootstrap=10)
        protocol = FineTuning(epochs=2, min_steps=0, batch_size=32)
        found.append(protocol.evaluate([Candidate("m", "method", [model])], evaluation)[0])
    one, two = found
    assert one.to_json() == two.to_json()
    assert len(seen) == 4
    assert all(len(panel) and panel.labelled.all() for panel in seen)
    (kept,) = (each for key, each in one.predictions.items() if key[0] == "m")
    np.testing.assert_array_equal(np.unique(kept.trial), np.unique(panel.trial[evaluation.scored]))


def test_a_look_at_the_data_tells_of_unknown_labels() -> None:
    panel, split, _ = half_known(False, 0)
    known = panel.known & (panel.label != 2)
    text = " ".join(finding.what for finding in check(replace(panel, known=known), split))
    assert f"{int((~known).sum())} samples whose labels are not wholly known" in text
    assert "no sample of class c" in text
