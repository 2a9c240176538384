"""What every tracker promises, and how a training tells it numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

from tsrep.errors import ConfigError
from tsrep.registry import TRACKERS
from tsrep.training.hooks import Hook


class Tracker(Protocol):
    """Keeps the numbers of one training; its settings are the keyword arguments of its class.

    A class is made with ``folder`` (that of the run), ``run`` (its name) and ``config`` (the configuration
    as plain values, without the place of the data), of which it declares at registration what it takes.

    Attributes
    ----------
    package : str
        What must be installed.
    """

    package: ClassVar[str]

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        """Keep numbers of a training step."""

    def close(self) -> None:
        """Write what is left; after the last step, also when interrupted."""


class Tracking(Hook):
    """Tells a tracker every number of the metric log, under the kind of its line.

    Parameters
    ----------
    tracker : Tracker
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def on_record(self, record: dict[str, Any]) -> None:
        """Tell the numbers of a line, such as ``train/loss`` and ``validation/score``."""
        told = {f"{record['kind']}/{name}": value for name, value in _numbers(record)}
        self._tracker.log(told, record["step"])

    def on_end(self) -> None:
        """Close it."""
        self._tracker.close()


def _numbers(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{above}{key}/")
        elif isinstance(value, float):
            yield f"{above}{key}", value


def tracking(chosen: Any, folder: Path, config: Mapping[str, Any]) -> Tracking:
    """The hook of a configuration's tracker.

    Parameters
    ----------
    chosen : Settings
        With the registered name.
    folder : Path
        Of the run.
    config : mapping
        The configuration as plain values.
    """
    told = {key: value for key, value in config.items() if key != "root"}
    return Tracking(TRACKERS.build(chosen, folder=folder, run=folder.resolve().name, config=told))


def require_tracker(chosen: Any) -> None:
    """Check that a tracker can be used.

    Raises
    ------
    ConfigError
        When its package is not installed.
    """
    package = TRACKERS.entry(chosen.name).cls.package
    if find_spec(package.replace("-", "_")) is None:
        raise ConfigError(
            f"tracking {chosen.name} needs the package {package}; install it or leave tracking out"
        )
