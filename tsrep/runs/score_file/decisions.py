"""Decisions by thresholds that were chosen elsewhere: on validation predictions, or by whoever predicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.heads.rules import Rule
from tsrep.evaluation.heads.thresholds import choose_thresholds
from tsrep.evaluation.labels.metrics import positives
from tsrep.evaluation.predictions import Predictions
from tsrep.files import said

DECISIONS = ("accuracy", "exact_match", "precision", "recall", "f1")
SIDECAR = "sidecar"
Decide = Callable[[Predictions], Predictions]


def decide_by(thresholds: Sequence[float]) -> Decide:
    """Probabilities become 1 from the threshold of their class on, else 0.

    Parameters
    ----------
    thresholds : sequence of float
        One for each class; of two exclusive classes that of the second one counts.
    """

    def decide(predictions: Predictions) -> Predictions:
        hard = (predictions.prob >= np.array(thresholds)).astype(np.float64)
        if not predictions.multilabel:
            hard = np.stack([1 - hard[:, 1], hard[:, 1]], axis=1)
        return replace(predictions, prob=hard)

    return decide


def refuse_exclusive(classes: Sequence[str], *, multilabel: bool) -> None:
    """Check that classes are decided on one by one.

    Raises
    ------
    ConfigError
    """
    if not multilabel and len(classes) > 2:
        raise ConfigError(
            f"of {len(classes)} exclusive classes the most probable one is decided on, without thresholds; "
            "leave --thresholds out"
        )


def chosen_on(rule: str, validation: Predictions, *, n_bootstrap: int, seed: int) -> Decide:
    """Thresholds by a rule on validation predictions, which are of other records than those scored.

    Raises
    ------
    ConfigError
        When the rule is not known.
    """
    shares = positives(validation.target, validation.prob.shape[1]).mean(axis=0)
    found = choose_thresholds(_rule(rule), validation, shares, n_bootstrap=n_bootstrap, seed=seed)
    return decide_by([0.5 if each is None else each.value for each in found.classes])


def fixed(text: str, classes: Sequence[str], predictions: Path) -> Decide:
    """Thresholds as given: a number for all classes, a JSON file, or ``sidecar``, the one beside a table.

    Raises
    ------
    ConfigError, DataError
        When the text is none of them, or a class has no threshold.
    """
    if text != SIDECAR and not text.endswith(".json"):
        rule = _rule(text)
        if rule.name:
            raise ConfigError(
                f"thresholds by the rule {text} are not taken from the scored part; give validation "
                "predictions with --thresholds-from FILE"
            )
        return decide_by([rule.value] * len(classes))
    path = predictions.with_suffix(".json") if text == SIDECAR else Path(text)
    found = read_thresholds(path)
    if absent := [name for name in classes if name not in found]:
        raise DataError(f"{path} has no threshold of {', '.join(absent)}; give one for each class")
    return decide_by([found[name] for name in classes])


def read_thresholds(path: Path) -> Mapping[str, float]:
    """Thresholds by class: ``{"MI": 0.3}``, such an object under ``thresholds``, or those of predictions.

    Raises
    ------
    DataError
        When the file cannot be read so.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.get("thresholds", content)
        if "head" in content:  # of `tsrep predict`; where a class has none it is decided on from one half
            head = content["head"]
            values = [0.5 if each is None else each["value"] for each in head["thresholds"]["classes"]]
            found = dict(zip(head["classes"], values, strict=True))
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(
            f'{path} holds no thresholds by class ({said(error)}); write them as JSON, such as {{"MI": 0.3}}'
        ) from error


def _rule(text: str) -> Rule:
    try:
        return Rule.of(text)
    except ValueError as error:
        raise ConfigError(f"--thresholds {text}: {error}, sidecar or a JSON file") from error
