"""A section of the report: figures with their numbers, tables, and what could not be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from tsrep.report.picture import Picture
from tsrep.report.tables import Table


@dataclass(frozen=True)
class Shown:
    """A drawn figure with its numbers, by the names of their files without ending."""

    picture: Picture
    numbers: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Section:
    """A part of the page, in the order in which it is read.

    Attributes
    ----------
    name, title : str
        Anchor and heading.
    lead : list of str
        Sentences above the figures.
    shown : list of Shown
    tables, folded : list of Table
        Open, and behind their caption.
    notes : list of str
        Small print below.
    missing : list of str
        A sentence for each result that there is too little data for.
    """

    name: str
    title: str
    lead: list[str] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    folded: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
