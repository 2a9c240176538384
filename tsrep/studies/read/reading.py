"""Everything that a study's report tells, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tsrep.evaluation.friedman_ranks import Comparison
from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.read.blocks import finalist_ranks, level_ranks
from tsrep.studies.read.cells import cell_summary, cell_values
from tsrep.studies.read.contour import Contour, contour
from tsrep.studies.read.effects import Effect, paired_effects
from tsrep.studies.read.front import cost_table
from tsrep.studies.read.importance import Importances, importances
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.trial_table import Axis, TrialTable

OPTIONS = ("contour", "references", "n_bootstrap", "definition", "synthetic")  # of the facts; not printed


@dataclass(frozen=True, eq=False)
class Reading:
    """The analyses of a study, each of them or the sentence in its place."""

    table: TrialTable
    finalists: Finalists | None
    facts: Mapping[str, Any]
    importance: Importances | Missing
    effects: list[Effect] | Missing
    cells: pd.DataFrame | Missing
    cell_summary: pd.DataFrame | Missing
    contour: Contour | Missing
    costs: pd.DataFrame | Missing
    ranks: Comparison | Missing
    level_ranks: tuple[Axis, Comparison] | Missing


def read_study(table: TrialTable, finalists: Finalists | None, facts: Mapping[str, Any]) -> Reading:
    """Analyse a study.

    Parameters
    ----------
    table : TrialTable
    finalists : Finalists or None
    facts : mapping
        ``contour`` (two names of axes), ``references`` (level of each axis that others are compared with) and
        ``resamples`` (of the importance) are options; the others are printed.
    """
    more = {"n_bootstrap": int(facts["n_bootstrap"])} if "n_bootstrap" in facts else {}
    importance = importances(table, **more)
    order = [] if isinstance(importance, Missing) else [share.axis for share in importance.shares]
    return Reading(
        table=table,
        finalists=finalists,
        facts=facts,
        importance=importance,
        effects=paired_effects(table, references=facts.get("references")),
        cells=cell_values(table),
        cell_summary=cell_summary(table),
        contour=contour(table, facts.get("contour"), order),
        costs=cost_table(table),
        ranks=finalist_ranks(finalists.rows if finalists else None, maximise=table.maximise),
        level_ranks=level_ranks(table, order),
    )
