"""What the JSON file beside predictions says of the encoder and its head."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from tsrep.evaluation.heads.facts import Facts
from tsrep.evaluation.heads.head import Head
from tsrep.runs.loaded_encoder import LoadedEncoder


def about(loaded: LoadedEncoder, head: Head, *, calibrated: bool) -> dict[str, Any]:
    """Facts as JSON takes them.

    Parameters
    ----------
    loaded : LoadedEncoder
    head : Head
    calibrated : bool
        Whether the probabilities of the table are calibrated.
    """
    return {
        "tsrep": version("tsrep"),
        "encoder": {
            "reference": loaded.reference,
            "weights": loaded.weights,
            "contract": loaded.contract.digest,
            "licence": loaded.licence,
            "citation": loaded.citation,
        },
        "head": {
            "name": head.name,
            "kind": head.kind,
            "classes": list(head.classes),
            "multilabel": head.multilabel,
            "aggregate": head.aggregate,
            "fitted_on": _plain(head.fitted_on),
            "notes": list(head.notes),
        },
        "calibrated": calibrated and head.calibration is not None,
        "calibration": _plain(head.calibration),
        "thresholds": _plain(head.thresholds),
        "sets": _plain(head.sets),
    }


def _plain(facts: Facts | None) -> Any:
    return None if facts is None else facts.model_dump(mode="json")
