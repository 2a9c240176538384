"""Data are a panel of patients or a series in time; what belongs to which is checked before any are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsrep.errors import ConfigError
from tsrep.registry import DATASETS, OBJECTIVES, SPLITS

SERIES_DEFAULTS: Mapping[str, Any] = {
    "window": {"seconds": None, "standardise": "channel"},
    "encoder": {"name": "dilated-conv-ar"},
    "objective": {"name": "autotcl"},
    "training": {"epochs": 20, "batch_size": 32, "lr": 2e-4, "average": "uniform", "validate_every": 5},
    "evaluation": {"protocols": ["forecast"], "seeds": 3},
}
OF_PANELS = ("pool", "labels", "subsample_by", "C", "scheme", "aggregate", "n_bootstrap", "finetune")


def kind_of(part: Any) -> str:
    """``"series"`` or ``"panel"``: what a data set gives, or what a split rule divides."""
    kind: str = getattr(part, "kind", "panel")
    return kind


def refuse_mixed_kinds(config: Any) -> None:
    """Check that split, objective, protocols and standardisation go with the kind of the data.

    Raises
    ------
    ConfigError
        Naming the first part that does not.
    """
    kind, data = kind_of(DATASETS.entry(config.dataset.name).cls), config.dataset.name
    if config.split is not None and kind_of(SPLITS.entry(config.split.name).cls) != kind:
        fitting = [name for name in SPLITS.names() if kind_of(SPLITS.entry(name).cls) == kind]
        what = "a series, divided in time" if kind == "series" else "divided by patients"
        raise ConfigError(f"{data} is {what}, not by {config.split.name}; use {' or '.join(fitting)}")
    for protocol in config.evaluation.protocols:
        if (protocol == "forecast") != (kind == "series"):
            fitting = ["forecast"] if kind == "series" else ["probe", "knn", "svm", "logistic", "finetune"]
            raise ConfigError(
                f"{data} is {'a series' if kind == 'series' else 'a panel of labelled samples'}, which the "
                f"protocol {protocol} does not score; use {' or '.join(fitting)}"
            )
    method = config.objective.name
    cut = OBJECTIVES.entry(method).cls.training_windows(config.objective)
    if kind == "panel" and cut is not None:
        raise ConfigError(
            f"objective {method} forecasts a series, and {data} is a panel of labelled samples; use another "
            "objective or a series such as etth1"
        )
    if cut is not None and config.window.steps is not None:
        raise ConfigError(
            f"window.steps has no effect on objective {method}, whose samples are look-back and horizon; set "
            "objective.lookback and objective.horizon"
        )
    if config.pretrain is not None and getattr(config.objective, "contrast", None) is None:
        raise ConfigError(
            f"pretrain trains by the contrast of objective forecast, and objective {method} has none; set "
            "objective.contrast or leave pretrain out"
        )
    if kind == "panel":
        return
    needs = OBJECTIVES.entry(config.objective.name).cls.needs
    if needs:
        raise ConfigError(
            f"objective {config.objective.name} needs a {' and a '.join(sorted(needs))} of every sample, "
            f"which {data} does not have; use one such as autotcl or ts2vec"
        )
    if config.window.standardise not in ("channel", "none"):
        raise ConfigError(
            f"window.standardise is {config.window.standardise!r}, but a series is standardised per channel; "
            "set it to channel or none"
        )
    if config.window.seconds is not None or config.window.hop_seconds is not None:
        raise ConfigError(
            f"{data} is a series, which is cut by steps and not by seconds; leave window.seconds out and set "
            "window.steps and window.hop_steps"
        )
    for name in OF_PANELS:
        field = type(config.evaluation).model_fields[name]
        if getattr(config.evaluation, name) != field.get_default(call_default_factory=True):
            raise ConfigError(
                f"evaluation.{name} is for labelled samples, and {data} is a series; leave it out, or look "
                "under evaluation.forecast"
            )
