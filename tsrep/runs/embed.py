"""Representations of any recordings or series by an encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from tsrep.array_files import write_arrays
from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.evaluation.forecasts.features import encode
from tsrep.objectives.objective import Objective
from tsrep.runs.folder import Run
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.prepare_series import instances_of
from tsrep.runs.references.reference import Reference, resolve
from tsrep.runs.trained import shared_scaler
from tsrep.signals import Panel, Series
from tsrep.signals.convert import Policies
from tsrep.signals.panel import Floats
from tsrep.text import in_a_line
from tsrep.training.distributed import pick_device

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Representations, and what each of them is of.

    Attributes
    ----------
    x : float32 array
        Of recordings one pooled vector for each window, shape (window, dim); of a series one for each step
        from its own past alone, shape (instance, time, dim).
    ids : mapping of arrays
        Of recordings ``label`` (shape (window,), or (window, class) where there may be several), ``patient``,
        ``trial`` and ``start`` (in time steps from the beginning of the record) of each window, where known
        its ``record``, and ``classes``. Of a series the ``time`` of each step, and ``instances``: the channel
        of each, or one entry for all channels together.
    notes : tuple of str
        What was done to the signals or is doubtful, a sentence each.
    """

    x: NDArray[np.float32]
    ids: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The vectors alone, wherever NumPy or scikit-learn wants an array."""
        return np.array(self.x, dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of :attr:`x`."""
        return self.x.shape

    def to_frame(self) -> DataFrame:
        """A row for each window of recordings, with what it is of as index and a column for each number.

        Raises
        ------
        RunError
            When they are of a series, which has a vector for each instance and step.
        """
        import pandas as pd

        if self.x.ndim != 2:
            raise RunError("representations of a series have a vector for each instance and step; use .x")
        known = {k: v for k, v in self.ids.items() if len(v) == len(self) and v.ndim == 1 and k != "classes"}
        return pd.DataFrame(self.x, index=pd.MultiIndex.from_arrays(list(known.values()), names=list(known)))

    def __repr__(self) -> str:
        return in_a_line("Embeddings", {"shape": self.shape, "ids": " | ".join(self.ids)})

    def save(self, path: Path | str) -> None:
        """Write an ``.npz`` file with ``x`` and one array for each of :attr:`ids`."""
        write_arrays(Path(path), x=self.x, **self.ids)


def embed(
    encoder: LoadedEncoder | Reference | Run | Path | str,
    data: Panel | Series,
    *,
    batch_size: int = 256,
    policies: Policies | None = None,
) -> Embeddings:
    """Cut, standardise and encode recordings or a series as the encoder must be shown them.

    A run that forecasts represents a step of a series by the look-back that ends there, which it normalises
    as it does in a forecast; channels that it forecasts independently are instances of their own.

    Parameters
    ----------
    encoder : LoadedEncoder, Reference, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.
    data : Panel or Series
        Whole records, which are converted by the encoder's contract; or all steps of a series, in their unit,
        with the channels and the step that the encoder was trained on.
    batch_size : int
        Windows at a time.
    policies : Policies, optional
        How recordings may be converted.

    Raises
    ------
    ContractError
        When the encoder cannot be shown such recordings.
    RunError
        When channels or step of a series differ, or one is a panel and the other a series.
    """
    from tsrep.runs.task import task_for

    loaded = encoder if isinstance(encoder, LoadedEncoder) else resolve(encoder).open()
    return task_for(data).embed(loaded, data, batch_size, policies or Policies())


def embed_series(loaded: LoadedEncoder, series: Series, batch_size: int) -> Embeddings:
    """See :func:`embed`."""
    run = resolve(loaded.reference).run
    trained = run.provenance["data"]
    _refuse_other(
        run,
        "the series has",
        ("channels", trained["targets"], list(series.channels), "select and order them alike"),
        ("covariates", trained["covariates"], list(series.covariate_names), "set dataset.calendar alike"),
        ("step", trained["freq"], series.freq, "resample the series"),
    )
    instances = instances_of(shared_scaler(run).apply_series(series), run.config)
    device = pick_device(run.config.device)
    encoder = run.encoder().to(device)
    objective = run.objective(encoder).to(device)
    if objective.forecasts:
        features = _encode_look_backs(encoder, objective, instances, device, batch_size)
    else:
        context, stop = run.config.evaluation.of("forecast").context, len(series)
        features = encode(encoder, instances, context=context, stop=stop, device=device, at_once=batch_size)
    x = np.stack(features)
    names = series.channels if len(x) > 1 else (" ".join(series.channels),)
    return Embeddings(x, {"time": series.time, "instances": np.array(names)})


@torch.no_grad()
def _encode_look_backs(
    encoder: Encoder,
    objective: Objective,
    instances: Sequence[Series],
    device: torch.device,
    at_once: int,
) -> list[Floats]:
    """Last vector of the look-back that ends at each step, as a forecast sees it.

    Steps before the first are missing. Where channels are independent each is an instance of its own.

    Returns
    -------
    list of float32 arrays, shape (time, dim)
        One for each instance.
    """
    found: list[Floats] = []
    for series in instances:
        padded = F.pad(torch.from_numpy(series.x), (objective.lookback - 1, 0), value=torch.nan)
        windows = padded.unfold(1, objective.lookback, 1).transpose(0, 1)  # (time, channel, lookback), a view
        parts = [
            objective.encode_look_backs(encoder, part.to(device)).cpu()  # (step, instance, dim)
            for part in torch.split(windows, at_once)
        ]
        found.extend(torch.cat(parts).transpose(0, 1).numpy())
    return found


def embed_recordings(loaded: LoadedEncoder, panel: Panel, batch_size: int, policies: Policies) -> Embeddings:
    """See :func:`embed`."""
    converted = loaded.shown(panel, policies)
    windows = converted.panel
    x = loaded.vectors(windows, batch_size)
    ids = {name: getattr(windows, name) for name in ("label", "patient", "trial", "start")}
    ids["classes"] = np.array(windows.classes)
    if windows.record_names:
        ids["record"] = np.array(windows.record_names)[windows.row]
    return Embeddings(x, ids, (*converted.notes, *converted.doubts))


def _refuse_other(run: Run, have: str, *facts: tuple[str, Any, Any, str]) -> None:
    """Refuse signals that differ from those of the run in (what, then, now, remedy)."""
    for what, then, now, remedy in facts:
        if then != now:
            shown = [", ".join(v) or "none" if isinstance(v, list) else v for v in (now, then)]
            raise RunError(f"{have} the {what} {shown[0]}, {run.path} was trained on {shown[1]}; {remedy}")
