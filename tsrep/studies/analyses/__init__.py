"""Analyses of a study's trials, one file each: numbers, figure, caption and tables, or what is missing.

The page shows all of them in the order of their ``place``; a new one is a new file here with ``ANALYSES``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.keep.trial_table import TrialTable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tsrep.report.tables import Table


@dataclass(frozen=True)
class Missing:
    """One sentence that says what is missing; it stands where the result would."""

    sentence: str


@dataclass(frozen=True, eq=False)
class Shown:
    """What an analysis shows.

    Attributes
    ----------
    caption : str
        Of the figure.
    figure : matplotlib.figure.Figure or None
    numbers : mapping of str to DataFrame
        Of the figure; ``""`` is kept as ``NAME.csv``, ``"grid"`` as ``NAME-grid.csv``.
    lead : str
        Above the figure.
    tables, folded : sequence of Table
        Open, and behind their caption; those without rows are left out.
    note : str
        Small print below.
    """

    caption: str = ""
    figure: Figure | None = None
    numbers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    lead: str = ""
    tables: Sequence[Table] = ()
    folded: Sequence[Table] = ()
    note: str = ""

    @cached_property
    def png(self) -> bytes:
        """The figure as a file."""
        from tsrep.inspect.figures.style import png

        assert self.figure is not None
        return png(self.figure)

    def files(self, name: str) -> dict[str, pd.DataFrame]:
        """Numbers by the names of their files without ending."""
        return {f"{name}-{part}".rstrip("-"): frame for part, frame in self.numbers.items()}


@dataclass(eq=False)
class Results:
    """What a study has come to so far, of which analyses make theirs.

    Parameters
    ----------
    table : TrialTable
    finalists : Finalists or None
        Of the confirmation, where it has been made.
    n_bootstrap : int
        Half-samples of trials for the importance, and as many studies with shuffled values.
    """

    table: TrialTable
    finalists: Finalists | None = None
    n_bootstrap: int = 200


@dataclass(frozen=True)
class Analysis:
    """One analysis.

    Attributes
    ----------
    name : str
        Of its files.
    section : str
        Heading of the page under which it stands.
    place : int
        Analyses are shown in this order.
    shown : callable
        Makes it.
    """

    name: str
    section: str
    place: int
    shown: Callable[[Results], Shown | Missing]


def all_analyses() -> list[Analysis]:
    """The ``ANALYSES`` of every file of this folder that has some, in the order of the page."""
    modules = [
        importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    ]
    found = [analysis for module in modules for analysis in getattr(module, "ANALYSES", ())]
    return sorted(found, key=lambda analysis: analysis.place)
