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
    from tsrep.api import (
        Embeddings,
        OwnForecast,
        Run,
        Scores,
        embed,
        evaluate,
        fit,
        forecast,
        load,
        plot_receptive_field,
        plot_views,
    )
    from tsrep.registry import list_registered
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
ELSEWHERE = {
    "Panel": "tsrep.signals.panel",
    "Series": "tsrep.signals.series",
    "list_registered": "tsrep.registry",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that the command line starts at once."""
    if name not in __all__:
        raise AttributeError(f"module 'tsrep' has no attribute {name!r}")
    return getattr(import_module(ELSEWHERE.get(name, "tsrep.api")), name)
