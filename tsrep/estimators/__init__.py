"""tsrep inside sktime: a transformer of panels, one of series, a classifier and a forecaster.

Names are imported when they are asked for, since sktime takes seconds to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsrep.estimators.classifier import ContrastiveClassifier
    from tsrep.estimators.encoder import ContrastiveEncoder
    from tsrep.estimators.forecaster import ContrastiveForecaster
    from tsrep.estimators.instances import with_ids
    from tsrep.estimators.timestep_encoder import TimestepEncoder

__all__ = [
    "ContrastiveClassifier",
    "ContrastiveEncoder",
    "ContrastiveForecaster",
    "TimestepEncoder",
    "with_ids",
]

_HOME = {
    "ContrastiveClassifier": "classifier",
    "ContrastiveEncoder": "encoder",
    "ContrastiveForecaster": "forecaster",
    "TimestepEncoder": "timestep_encoder",
    "with_ids": "instances",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
