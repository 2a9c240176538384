"""What the JSON file beside predictions says of the encoder and its head."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from tsrep.evaluation.heads.facts import Facts
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.runs.loaded_encoder import LoadedEncoder


def about(loaded: LoadedEncoder, head: KeptHead, *, calibrated: bool) -> dict[str, Any]:
    """Facts as JSON takes them.

    Parameters
    ----------
    loaded : LoadedEncoder
    head : KeptHead
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
            "predicts": head.predicts,
            "aggregate": head.aggregate,
            "fitted_on": _plain(head.fitted_on),
            "notes": list(head.notes),
            **{name: _plain(value) for name, value in head.facts().items()},
        },
        "calibrated": calibrated and head.facts().get("calibration") is not None,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Facts):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, tuple) else value
