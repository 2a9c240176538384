"""The registries of all kinds of parts."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from tsrep.errors import ConfigError
from tsrep.listing import Listed
from tsrep.registry.registry import Registry
from tsrep.registry.settings import nearest

DATASETS = Registry(
    "dataset",
    "tsrep.datasets",
    of_paths="name what reads it and give the path with --root: arrays, panel-csv, wfdb or eeg for samples, "
    "series-csv for one long series; all are listed by tsrep data list",
)
SPLITS = Registry("split", "tsrep.splits")
ENCODERS = Registry("encoder", "tsrep.encoders")
VIEWS = Registry("view", "tsrep.views")
LOSSES = Registry("loss", "tsrep.losses")
OBJECTIVES = Registry(
    "objective",
    "tsrep.objectives",
    "tsrep.forecasting",
    reserved=("majority", "repeat-last", "seasonal-naive", "ridge-nlinear"),  # baselines beside it in scores
)
HEADS = Registry("head", "tsrep.forecasting.heads")
SAMPLERS = Registry("sampler", "tsrep.sampling")
TRACKERS = Registry("tracker", "tsrep.training.trackers")
PROTOCOLS = Registry(
    "protocol",
    "tsrep.evaluation.protocols",
    # what settings of an evaluation have already, beside which those of a protocol stand under its name
    reserved=(
        *("pool", "protocols", "labels", "subsample_by", "seeds", "n_bootstrap", "aggregate", "part"),
        *("keep_heads", "calibration", "thresholds", "coverage", "credit"),
        *("known", "given", "of", "of_heads", "refuse_several_classes", *dir(BaseModel)),
    ),
)
CLASSIFIERS = Registry("classifier", "tsrep.evaluation.labels", "tsrep.evaluation.targets")
REGISTRIES: Mapping[str, Registry] = {
    "datasets": DATASETS,
    "splits": SPLITS,
    "encoders": ENCODERS,
    "views": VIEWS,
    "losses": LOSSES,
    "objectives": OBJECTIVES,
    "heads": HEADS,
    "samplers": SAMPLERS,
    "protocols": PROTOCOLS,
    "trackers": TRACKERS,
}


def list_registered(kind: str) -> list[Listed]:
    """What there is of a kind: name, one line, and reference of each.

    Parameters
    ----------
    kind : str
        A key of :data:`REGISTRIES`, such as ``"encoders"``.

    Raises
    ------
    ConfigError
        When there is no such kind.
    """
    if kind not in REGISTRIES:
        raise ConfigError(f"there is no list of {kind!r}; {nearest(kind, list(REGISTRIES))}")
    return [REGISTRIES[kind].describe(name) for name in REGISTRIES[kind].names()]
