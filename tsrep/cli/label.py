"""The option that names the column with the class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tsrep.errors import ConfigError

Label = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="NAME",
        help="Column with the class, of own recordings with a table and of BIDS folders; sets dataset.label.",
    ),
]


def label_of(label: str | None, *layers: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings that the option stands for, on top of those of the layers below.

    Raises
    ------
    ConfigError
        When the data set of the layers has no such setting.
    """
    from tsrep.registry import DATASETS
    from tsrep.runs.config import configure, merged

    if label is None:
        return {}
    values: dict[str, Any] = {}
    for layer in layers:
        values = merged(values, layer or {})
    dataset = values.get("dataset", configure().dataset.name)
    name = dataset.get("name", configure().dataset.name) if isinstance(dataset, Mapping) else dataset
    if "label" not in DATASETS.entry(str(name)).settings.model_fields:
        raise ConfigError(f"--label sets dataset.label, and {name} has no such setting; leave it out")
    return {"dataset": {"label": label}}
