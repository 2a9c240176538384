"""Conduct a comparison: open encoders, show them data, score what is not scored yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tsrep.errors import ConfigError, RunError
from tsrep.files import write_text
from tsrep.runs.compare.cells import Scored, Store
from tsrep.runs.compare.comparison import Comparison
from tsrep.runs.compare.cost import Cost
from tsrep.runs.compare.entrant import Entrant
from tsrep.runs.compare.scoring import cost_on, score_cells
from tsrep.runs.compare.stored import stored_comparison
from tsrep.runs.compare.table import Table
from tsrep.runs.evaluate import evaluating
from tsrep.runs.label_evaluation import Tell

FILE = "table.yaml"


def compare(table: Table, out: Path, *, progress: bool = True) -> Comparison:
    """Score encoders on data sets, each beside random initialisations of its own architecture.

    Cells that are in the folder already are not scored again, so that a table grows by a line, and an
    interrupted comparison resumes.

    Parameters
    ----------
    table : Table
        Without data sets the stored predictions of runs are compared.
    out : Path
        Folder of the comparison: ``cells/``, ``comparison.json`` and ``comparison.csv``.
    progress : bool
        Say on standard error what is being done.

    Raises
    ------
    ConfigError, DataError, SplitError, ContractError, RunError
        When encoders, data and settings do not go together; told before anything is scored.
    """
    if out.is_file():
        raise RunError(f"{out} is a file; give another --out, the name of a folder")
    if not table.datasets:
        found = stored_comparison(table)
    else:
        with evaluating(progress) as tell:
            found = _scored(table, out, tell, progress=progress)
    found.save(out)
    write_text(out / FILE, _yaml(table))
    return found


def _scored(table: Table, out: Path, tell: Tell, *, progress: bool) -> Comparison:
    entrants, store = [Entrant.open(entry) for entry in table.encoders], Store(out)
    _refuse_same_names(entrants, table)
    sights = [
        (entrant.sees(entry, table, progress=progress), entry)
        for entry in table.datasets
        for entrant in entrants
    ]
    cells: list[Scored] = []
    costs: dict[tuple[str, str], Cost] = {}
    for sight, entry in sights:
        cells += score_cells(sight, entry, table, store, tell)
        if (cost := cost_on(sight)) is not None:
            costs[sight.entrant.name, entry.called] = cost
    return Comparison(
        tuple(cells),
        costs,
        {entrant.name: _about(entrant) for entrant in entrants},
        notes=tuple(
            dict.fromkeys((*table.warnings, *(note for each in cells for note in each.scores.notes)))
        ),
        primary=table.primary,
        n_bootstrap=sights[0][0].evaluation.n_bootstrap,
        seed=table.seed,
    )


def _refuse_same_names(entrants: Sequence[Entrant], table: Table) -> None:
    names = [entrant.name for entrant in entrants]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two encoders are called {twice}; give one a name in the table")
    if table.primary and table.primary not in names:
        raise ConfigError(
            f"primary is {table.primary}, which is none of {', '.join(names)}; name one of them"
        )


def _about(entrant: Entrant) -> dict[str, Any]:
    first = entrant.encoders[0]
    return {
        "references": [one.reference for one in entrant.encoders],
        "weights": [one.weights for one in entrant.encoders],
        "licence": first.licence,
        "citation": first.citation,
        "sources": list(first.provenance.get("sources", ())),
        "random initialisation": first.has_random_initialisation,
    }


def _yaml(table: Table) -> str:
    import yaml

    return yaml.safe_dump(table.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
