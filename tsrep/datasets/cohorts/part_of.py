"""Some recordings of a data set: of a site, a device, or whatever is known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.cohorts.cohorts import built
from tsrep.datasets.dataset import About, Dataset, Independence, ReadOptions
from tsrep.datasets.findings import counted
from tsrep.errors import DataError
from tsrep.registry import DATASETS, nearest
from tsrep.signals.panel import Panel

Values = str | tuple[str, ...]
SHOWN = 8


@DATASETS.register("part-of")
class PartOf(Dataset):
    """The recordings of a data set of which something is known, such as those of a site or a device.

    Parameters
    ----------
    of : mapping
        Settings of the data set, with its ``name`` and ``root``.
    where : mapping of str to str or to several
        What must be known of a recording: ``{device: "CS-12 E"}``, ``{site: ["1", "2"]}``. Of several names
        all must hold.

    Examples
    --------
    In a configuration::

        dataset:
          name: part-of
          of: {name: ptb-xl, root: /data/ptb-xl}
          where: {site: "1"}
    """

    about = About(
        title="Some recordings of a data set",
        licence="that of the data set",
        independence="patient",
        notes=(
            "Settings of the data set stand under dataset.of with its folder as root. The part is divided as "
            "the whole is, and may lack a fold: set split then."
        ),
    )

    def __init__(
        self, of: Mapping[str, Any], where: Annotated[Mapping[str, Values], Field(min_length=1)]
    ) -> None:
        self.of, self.where = of, where

    @cached_property
    def whole(self) -> Dataset:
        """The data set.

        Raises
        ------
        ConfigError
            When one of its settings is unknown or out of range.
        """
        return built("dataset.of", self.of)

    @property
    def independence(self) -> Independence:
        """That of the data set."""
        return self.whole.independence

    @property
    def holds(self) -> tuple[str, ...]:
        """Those of the data set."""
        return self.whole.holds

    @property
    def kin(self) -> tuple[str, ...]:
        """Those of the data set, and of one of the user's own that it is a part of it."""
        own = () if self.holds else (f"{self.whole.name} in {Path(self.of.get('root') or '').name}",)
        return (*self.whole.kin, *own)

    @property
    def default_split(self) -> str:
        """That of the data set."""
        return self.whole.default_split

    def find(self, root: Path | str | None) -> Path:
        """Of no use: the data set has a folder of its own."""
        if root is not None:
            raise DataError(f"a part of a data set has no root of its own ({root}); set dataset.of.root")
        return Path()

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of the samples of which all holds.

        Raises
        ------
        DataError
            When the data set cannot be read, or nothing is known by a name, or it holds for no recording.
        """
        del folder
        panel = cast(Panel, self.whole.load(self.of.get("root"), **options))
        of_trial = np.searchsorted(panel.trials, panel.trial)
        chosen = np.ones(len(panel), bool)
        for name, wanted in self.where.items():
            chosen &= self._holds(panel, name, wanted)[of_trial]
        told = ", ".join(f"{name} {' or '.join(_several(wanted))}" for name, wanted in self.where.items())
        if not chosen.any():
            raise DataError(f"no recording of {panel.source} has {told}; name others in dataset.where")
        left = counted({f"of another {' and '.join(self.where)}": int((~chosen).sum())}, "sample")
        part = replace(panel.select(chosen), excluded=(*panel.excluded, *left))
        return replace(part, source=f"{panel.source}, {told}").hashed(panel.digest)

    def _holds(self, panel: Panel, name: str, wanted: Values) -> NDArray[np.bool_]:
        """Which trials have one of the values."""
        if name not in panel.meta:
            known = ", ".join(panel.meta) or "nothing"
            raise DataError(f"dataset.where names {name!r}; of {panel.source} is known: {known}")
        found = panel.meta[name].astype(str)
        there = Counter(found.tolist())
        absent = next((value for value in _several(wanted) if value not in there), None)
        if absent is not None:
            told = ", ".join(f"{value or 'unknown'} ({n})" for value, n in there.most_common(SHOWN))
            raise DataError(f"dataset.where.{name} is {absent!r}; {nearest(absent, list(there))} ({told})")
        return np.isin(found, _several(wanted))


def _several(wanted: Values) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)
