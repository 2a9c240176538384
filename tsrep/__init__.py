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
    from tsrep.api import audit as audit
    from tsrep.api import compare as compare
    from tsrep.api import evaluate as evaluate
    from tsrep.api import fit as fit
    from tsrep.api import forecast as forecast
    from tsrep.api import load_encoder as load_encoder
    from tsrep.api import plot_attribution as plot_attribution
    from tsrep.api import plot_receptive_field as plot_receptive_field
    from tsrep.api import plot_views as plot_views
    from tsrep.api import predict as predict
    from tsrep.api import validate as validate
    from tsrep.datasets.loading import load as load
    from tsrep.evaluation.scores import Scores as Scores
    from tsrep.inspect.attribution.numbers import Attribution as Attribution
    from tsrep.inspect.attribution.numbers import attribute as attribute
    from tsrep.registry import list_registered as list_registered
    from tsrep.runs.embed import Embeddings as Embeddings
    from tsrep.runs.embed import embed as embed
    from tsrep.runs.folder import Run as Run
    from tsrep.runs.forecast_own import OwnForecast as OwnForecast
    from tsrep.runs.loaded_encoder import LoadedEncoder as LoadedEncoder
    from tsrep.runs.overview import list_runs as list_runs
    from tsrep.runs.packed import from_pretrained as from_pretrained
    from tsrep.runs.packed import save_pretrained as save_pretrained
    from tsrep.runs.predict.table import PredictionTable as PredictionTable
    from tsrep.runs.score_file.score import score as score
    from tsrep.signals.panel import Panel as Panel
    from tsrep.signals.series import Series as Series

ROOMS = {
    "Attribution": "inspect.attribution.numbers",
    "Embeddings": "runs.embed",
    "LoadedEncoder": "runs.loaded_encoder",
    "OwnForecast": "runs.forecast_own",
    "Panel": "signals.panel",
    "PredictionTable": "runs.predict.table",
    "Run": "runs.folder",
    "Scores": "evaluation.scores",
    "Series": "signals.series",
    "attribute": "inspect.attribution.numbers",
    "compare": "api",
    "embed": "runs.embed",
    "evaluate": "api",
    "fit": "api",
    "forecast": "api",
    "from_pretrained": "runs.packed",
    "list_registered": "registry",
    "list_runs": "runs.overview",
    "load": "datasets.loading",
    "load_encoder": "api",
    "plot_attribution": "api",
    "plot_receptive_field": "api",
    "plot_views": "api",
    "predict": "api",
    "save_pretrained": "runs.packed",
    "score": "runs.score_file.score",
    "audit": "api",
    "validate": "api",
}
__all__ = list(ROOMS)


def __getattr__(name: str) -> Any:
    """Import on first use, so that the command line starts at once."""
    if name not in ROOMS:
        raise AttributeError(f"module 'tsrep' has no attribute {name!r}")
    return getattr(import_module(f"tsrep.{ROOMS[name]}"), name)


def __dir__() -> list[str]:
    """What is offered, for completion and ``help(tsrep)``."""
    return sorted([*(name for name in globals() if name.startswith("__")), *ROOMS])
