"""tsrep: a time-series and biosignal representation workbench.

>>> import tsrep
>>> panel = tsrep.load("ptb-xl", "path/to/ptb-xl")        # doctest: +SKIP
>>> run = tsrep.fit({"dataset": "ptb-xl-sim"})            # doctest: +SKIP
>>> tsrep.embed(run, panel).x.shape                       # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsrep.api import evaluate, fit, forecast, plot_receptive_field, plot_views
    from tsrep.datasets.loading import load
    from tsrep.evaluation.scores import Scores
    from tsrep.registry import list_registered
    from tsrep.runs.embed import Embeddings, embed
    from tsrep.runs.folder import Run
    from tsrep.runs.forecast_own import OwnForecast
    from tsrep.signals.panel import Panel
    from tsrep.signals.series import Series

__all__ = [
    "Embeddings",
    "OwnForecast",
    "Panel",
    "Run",
    "Scores",
    "Series",
    "embed",
    "evaluate",
    "fit",
    "forecast",
    "list_registered",
    "load",
    "plot_receptive_field",
    "plot_views",
]
ROOMS = {
    "Embeddings": "runs.embed",
    "OwnForecast": "runs.forecast_own",
    "Panel": "signals.panel",
    "Run": "runs.folder",
    "Scores": "evaluation.scores",
    "Series": "signals.series",
    "embed": "runs.embed",
    "list_registered": "registry",
    "load": "datasets.loading",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that the command line starts at once."""
    if name not in __all__:
        raise AttributeError(f"module 'tsrep' has no attribute {name!r}")
    return getattr(import_module(f"tsrep.{ROOMS.get(name, 'api')}"), name)
