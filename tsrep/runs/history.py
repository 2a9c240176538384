"""What a run wrote down while it trained, as a table and over its steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsrep.errors import ConfigError, RunError
from tsrep.registry import nearest
from tsrep.text import as_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

PLACE = ("kind", "epoch", "step")


def history(folder: Path) -> DataFrame:
    """A row for each line of ``metrics.jsonl``: ``kind`` (train or validation), ``epoch``, ``step``, numbers.

    What is nested is named by its path, such as ``terms.patient``; what a line does not have is NaN.

    Raises
    ------
    RunError
        When there is no such file yet, or a line of it is broken.
    """
    import pandas as pd

    path = folder / "metrics.jsonl"
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return pd.DataFrame([dict(_flat(line)) for line in lines])
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; it is written while a run trains") from error
    except (ValueError, AttributeError) as error:
        raise RunError(f"{path} has a broken line; remove that line, or train the run again") from error


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def plot_history(folder: Path, what: str = "loss", ax: Axes | None = None) -> Axes:
    """Plot a column of :func:`history` over training steps, training and validation as lines of their own.

    Parameters
    ----------
    folder : Path
    what : str
        Such as ``"loss"``, ``"score"``, ``"lr"`` or ``"terms.patient"``.
    ax : Axes, optional
        Where to plot; by default a new figure.

    Raises
    ------
    ConfigError
        When there is no such number.
    RunError
        See :func:`history`.
    """
    import matplotlib.pyplot as plt

    rows = history(folder)
    numbers = [name for name in rows.select_dtypes("number").columns if name not in PLACE]
    if what not in numbers:
        raise ConfigError(f"the run has no {what!r} to plot; {nearest(what, numbers)}")
    axes = plt.subplots()[1] if ax is None else ax
    label, sign = what, 1
    if what == "score":
        label, sign = as_error(str(rows["score_name"].dropna().iloc[0]))
    for kind, own in rows.dropna(subset=[what]).groupby("kind", sort=False):
        axes.plot(own["step"], sign * own[what], label=kind, marker="o" if len(own) < 40 else "", ms=3)
    axes.set(xlabel="training step", ylabel=label)
    axes.legend()
    return axes
