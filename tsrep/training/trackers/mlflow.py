"""A run of MLflow, kept in the folder of the run unless a server is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tsrep.registry import TRACKERS

FILE = "mlflow.db"
LONGEST = 250  # characters of a value, which servers limit


@TRACKERS.register("mlflow", runtime=("folder", "run", "config"))
class MLflow:
    """Numbers and settings for MLflow, in the file ``RUN/mlflow.db`` by default.

    ``mlflow ui --backend-store-uri sqlite:///RUN/mlflow.db`` shows them.

    Parameters
    ----------
    folder : Path
        Of the run.
    run : str
        Its name.
    config : mapping
        Its configuration as plain values.
    uri : str or None
        Address of a server, to which numbers and settings are sent, not recordings or weights.
    experiment : str
    """

    package = "mlflow"

    def __init__(
        self,
        folder: Path,
        run: str,
        config: Mapping[str, Any],
        *,
        uri: str | None = None,
        experiment: str = "tsrep",
    ) -> None:
        service = import_module("mlflow")  # an extra that may be absent where types are checked
        # a client of its own, so that what else the user does with the package is left alone
        self._client = service.MlflowClient(uri or f"sqlite:///{(folder / FILE).resolve()}")
        found = self._client.get_experiment_by_name(experiment)
        place = self._client.create_experiment(experiment) if found is None else found.experiment_id
        self._run = self._client.create_run(place, run_name=run).info.run_id
        for name, value in _leaves(config):
            self._client.log_param(self._run, name, str(value)[:LONGEST])

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        """See :class:`tsrep.training.trackers.tracker.Tracker`."""
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        """See :class:`tsrep.training.trackers.tracker.Tracker`."""
        self._client.set_terminated(self._run)


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Values that are no mappings, by their path."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
