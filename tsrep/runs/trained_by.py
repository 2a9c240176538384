"""Settings that trained weights depend on, and refusing others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tsrep.errors import RunError
from tsrep.runs.config import Configuration, plain

if TYPE_CHECKING:
    from tsrep.runs.folder import Run


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


def refuse_other_settings(wanted: dict[str, Any], run: Run, wants: str) -> None:
    """Refuse settings in a run's configuration other than those wanted."""
    then, now = dict(_leaves(wanted)), dict(_leaves(trained_by(run.config)))
    for name in dict.fromkeys([*now, *then]):
        if then.get(name) != now.get(name):
            raise RunError(
                f"{name} in {run.path}/config.yaml is {now.get(name)!r}, but {wants} {then.get(name)!r}; "
                f"restore it, or train it further in a new folder with: {run.trained_further_by}"
            )


def _leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Values that are no mappings, by their path."""
    if not isinstance(values, dict):
        yield path, values
        return
    for key, value in values.items():
        yield from _leaves(value, f"{path}.{key}" if path else key)
