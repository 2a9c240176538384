"""tsrep inside sktime: a transformer of panels, one of series, a classifier and a forecaster.

Names are imported when they are asked for, since sktime takes seconds to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsrep.estimators.contrastive_classifier import ContrastiveClassifier
    from tsrep.estimators.contrastive_encoder import ContrastiveEncoder
    from tsrep.estimators.contrastive_forecaster import ContrastiveForecaster
    from tsrep.estimators.instances import with_ids
    from tsrep.estimators.timestep_encoder import TimestepEncoder

__all__ = [
    "ContrastiveClassifier",
    "ContrastiveEncoder",
    "ContrastiveForecaster",
    "TimestepEncoder",
    "with_ids",
]

_MODULES = {
    "ContrastiveClassifier": "contrastive_classifier",
    "ContrastiveEncoder": "contrastive_encoder",
    "ContrastiveForecaster": "contrastive_forecaster",
    "TimestepEncoder": "timestep_encoder",
    "with_ids": "instances",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
