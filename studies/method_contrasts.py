"""Pairs of methods on the same test patients, over training seeds too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from results_page import P_VALUES, table, with_ends

from tsrep.evaluation.comparison import Comparison, compare_methods
from tsrep.evaluation.predictions import Predictions
from tsrep.registry import PROTOCOLS
from tsrep.report.wording import p_value
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import Task
from tsrep.studies.confirm.final_scores import candidates

Contrast = tuple[str, str]


def probe_contrasts(
    task: Task,
    prepared: Prepared,
    runs: Mapping[str, Sequence[Run]],
    contrasts: Sequence[Contrast],
    primary: Contrast | None = None,
) -> list[Comparison]:
    """Differences of macro AUROC per test record by the linear probe with all labels."""
    e = replace(task.evaluation(prepared, print), heads=None, seeds=1)
    probe = PROTOCOLS.build({"name": "probe"})
    labelled = e.labelled(1.0, "all")[0]
    held: dict[str, list[Predictions]] = {}
    for candidate in candidates(runs, prepared.panel)[:-1]:
        held[candidate.name] = [
            e.by_record(probe.predict(candidate, k, labelled, e, "1-all-0", keep=False)[0])
            for k in range(candidate.count)
        ]
    return compare_methods(held, contrasts, primary=primary, label_draws=1, n_bootstrap=e.n_bootstrap)


def contrasts_table(contrasts: Sequence[Comparison]) -> list[str]:
    """A line for each contrast."""
    rows = [
        [
            f"{each.one} − {each.two}" + " (primary)" * each.primary,
            with_ends(each.difference, "+.3f"),
            f"{each.difference.seeds} and {each.difference.against_seeds}",
            p_value(each.difference.p),
            p_value(each.adjusted_p),
        ]
        for each in contrasts
    ]
    return table(["contrast", "difference", "seeds", *P_VALUES], rows)
