"""Recordings with channels: a data set whose channels a user may choose, order and rename."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from pydantic import Field

from tsrep.datasets.dataset import Dataset
from tsrep.errors import ConfigError, DataError
from tsrep.signals.panel import Panel
from tsrep.signals.units import canonical

Channels = Annotated[tuple[str, ...], Field(min_length=1)]
Renamed = Mapping[str, str]


@dataclass(kw_only=True)
class Recordings(Dataset):
    """A data set that gives a panel.

    Parameters
    ----------
    channels : tuple of str or None
        To keep, by the names that they were recorded under, in this order; None keeps all.
    rename : mapping of str to str, or None
        New names by recorded ones.
    """

    channels: Channels | None = None
    rename: Renamed | None = None

    def load(
        self,
        root: Path | str | None,
        *,
        cache: Path | str | None = None,
        strict: bool = False,
        progress: bool = True,
    ) -> Panel:
        """See :meth:`Dataset.load`; with the channels asked for, by the names asked for."""
        panel = cast(Panel, super().load(root, cache=cache, strict=strict, progress=progress))
        panel = self.chosen(panel)
        if not self.rename:
            return panel
        unknown = [name for name in self.rename if name not in panel.channels]
        if unknown:
            raise ConfigError(
                f"dataset.rename names {unknown[0]!r}, which the recordings do not have; their channels are "
                f"{', '.join(panel.channels)}"
            )
        return panel.renamed([self.rename.get(name, name) for name in panel.channels])

    def chosen(self, panel: Panel) -> Panel:
        """The panel with the channels asked for; data sets that read no others return it as it is."""
        return panel if self.channels is None else panel.with_channels(self.channels)


def told_unit(unit: str) -> str:
    """A unit that a user gives, as it is written here.

    Raises
    ------
    ConfigError
        When it could be two.
    """
    try:
        return canonical(unit)
    except DataError as error:
        raise ConfigError(f"dataset.unit: {error}") from error
