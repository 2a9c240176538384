"""Conformance of evaluation protocols on labelled samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tsrep.errors import TsrepError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.settings import HeadSettings
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.protocols.protocol import Protocol, outcome
from tsrep.evaluation.scores import RANDOM_INIT, Scores
from tsrep.rng import numpy_generator
from tsrep.signals import Panel
from tsrep.splits.split import Split
from tsrep.testing.assertions import global_randomness_untouched, require


def check_protocol(make: Callable[[], Protocol]) -> None:
    """Check what a protocol on frozen features promises: complete scores that tell signal from noise.

    Features that carry the classes are scored beside features that do not, as a method and its control.

    Parameters
    ----------
    make : callable
        ``make()`` gives the protocol with its settings, as a registry builds it.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    made = make()
    require(isinstance(made, Protocol), "a protocol derives from the class Protocol")
    for name, kind in (("title", str), ("metric", str), ("rank", int)):
        require(isinstance(getattr(made, name, None), kind), f"{name} is no {kind.__name__}")
    require(made.task == "panel", f"the task is {made.task!r}; this check is of protocols on a panel")
    scores = _scores(make())  # first outside of the guard: modules imported now may draw
    with global_randomness_untouched("the protocol"):
        again = _scores(make())
    require(again.to_json() == scores.to_json(), "equal inputs give unequal scores")
    for head in scores.heads.values():
        _check_head(head)
    for name in ("informative", RANDOM_INIT):
        found = scores.where(method=name, unit="record")
        require(len(found) == 2, f"{len(found)} scores of {name!r} per record for two fractions of labels")
    good, bad = (scores.where(method=name, fraction=1.0).scores[0] for name in ("informative", RANDOM_INIT))
    require(good.value == good.value, f"the metric {good.metric!r} of informative features is not defined")
    better = good.value < bad.value if good.lower_is_better else good.value > bad.value
    require(
        better,
        f"features with and without information get {good.value:.3f} and {bad.value:.3f}",
    )


def _check_head(head: Head) -> None:
    """Check that what is kept of a classifier gives equal probabilities."""
    stored, model = head.classifier.stored(), head.classifier
    require(stored is not None, "a head is kept whose classifier is not stored")
    assert stored is not None
    again = type(model).restored(stored.arrays, json.loads(json.dumps(stored.settings)))
    width = 4 if model.width is None else model.width
    x = numpy_generator("conformance of heads").normal(size=(20, width)).astype(np.float32)
    require(
        np.array_equal(model.predict(x), again.predict(x)),
        "a classifier that was stored and restored gives other probabilities",
    )


def _scores(protocol: Protocol) -> Scores:
    rng = numpy_generator("conformance of protocols")
    label = np.arange(120) % 3
    panel = Panel.from_arrays(
        np.zeros((120, 1, 2), np.float32),
        label=label,
        patient=np.arange(120) // 3,
        sfreq=1.0,
        target=label[:, None].astype(np.float32),
        target_names=("class number",),
        target_units=("",),
    )
    part = np.arange(120) // 3 % 4
    split = Split.make(panel, part < 2, part == 2, part == 3, how="by hand")
    evaluation = LabelEvaluation(panel, split, fractions=(1.0, 0.5), subsample_by=("patient",), seeds=2,
                                 n_bootstrap=20, heads=HeadSettings())  # fmt: skip
    noise: Any = rng.normal(size=(2, 120, 4)).astype(np.float32)
    informative = noise[0] + 3 * np.eye(4, dtype=np.float32)[label]
    candidates = [
        Candidate.of_features("informative", informative),
        Candidate.of_features(RANDOM_INIT, noise[1]),
    ]
    try:
        return outcome(protocol, candidates, evaluation)
    except TsrepError as error:
        raise AssertionError(str(error)) from error
