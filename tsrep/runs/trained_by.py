"""Settings that trained weights depend on, and refusing others."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tsrep.errors import RunError
from tsrep.runs.config import Configuration, plain


def trained_by(config: Configuration) -> dict[str, Any]:
    """Settings that trained weights depend on, as plain values; not where and how fast they are made."""
    values = plain(config)
    evaluation = values.pop("evaluation")
    if config.training.keep == "probe":  # an epoch for each draw of labels
        values["evaluation"] = {
            name: evaluation[name] for name in ("labels", "subsample_by", "seeds", "pool")
        }
    for name in ("name", "device", "root", "seeds", "ledger", "tracking"):
        del values[name]
    del values["training"]["save_seconds"]
    return values


def refuse_other_settings(wanted: dict[str, Any], config: Configuration, run: Path, wants: str) -> None:
    """Refuse settings in the configuration of a run folder other than those wanted."""
    then, now = dict(_leaves(wanted)), dict(_leaves(trained_by(config)))
    for name in dict.fromkeys([*now, *then]):
        if then.get(name) != now.get(name):
            raise RunError(
                f"{name} in {run}/config.yaml is {now.get(name)!r}, but {wants} {then.get(name)!r}; "
                f"restore it, or train it further in a new folder with: {trained_further_by(run)}"
            )


def trained_further_by(run: Path) -> str:
    """The command that trains a run further, in a new folder."""
    return shlex.join(["tsrep", "fit", "--init", str(run), "--set", "init.what=encoder+objective"])


def _leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Values that are no mappings, by their path."""
    if not isinstance(values, dict):
        yield path, values
        return
    for key, value in values.items():
        yield from _leaves(value, f"{path}.{key}" if path else key)
