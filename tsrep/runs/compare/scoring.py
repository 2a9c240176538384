"""Scores of one encoder on one data set, cell by cell, and what it costs there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tsrep.evaluation.protocols.protocol import outcome, protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.runs.compare.cells import Cell, Scored, Store, digest_of
from tsrep.runs.compare.cost import WINDOWS, Cost, cost_of
from tsrep.runs.compare.entrant import Sight
from tsrep.runs.compare.table import DataEntry, Table
from tsrep.runs.label_evaluation import Tell


def cells_of(sight: Sight, entry: DataEntry, table: Table) -> Iterator[Cell]:
    """The cells of an encoder on a data set, before anything is scored."""
    found = sight.contamination
    for protocol in table.protocols:
        settings = sight.data.evaluation.of(protocol).model_dump(mode="json")
        for fraction, by in sight.evaluation.draws():
            place = {"protocol": protocol, "fraction": fraction, "subsample_by": by}
            yield Cell(
                encoder=sight.entrant.name,
                dataset=entry.called,
                synthetic=sight.shown.prepared.records.synthetic,
                own=sight.shown.own,
                seen=found.status,
                marked=found.kept,
                seen_told=" ".join(found.notes),
                notes=(*sight.shown.notes, *sight.shown.warnings),
                records=len(np.unique(sight.shown.prepared.panel.trial)),
                left_out=len(sight.shown.unusable) + found.left_out,
                pool=sight.data.evaluation.pool,
                key=digest_of(sight.depends_on | place | {"settings": settings}),
                **place,  # type: ignore[arg-type]
            )


def score_cells(sight: Sight, cells: Iterable[Cell], store: Store, tell: Tell) -> list[Scored]:
    """Scores of an encoder on a data set; those that are kept are read."""
    return [store.load(cell) if cell.key in store else _scored(sight, cell, store, tell) for cell in cells]


def _scored(sight: Sight, cell: Cell, store: Store, tell: Tell) -> Scored:
    evaluation = replace(
        sight.evaluation,
        fractions=(cell.fraction,),
        heads=None,
        subsample_by=(cell.subsample_by,) if cell.fraction < 1 else sight.evaluation.subsample_by,  # type: ignore[arg-type]
        on_step=lambda what: tell(f"{cell.encoder} on {cell.dataset}: {what}"),
    )
    protocol = protocol_of(sight.data.evaluation.of(cell.protocol))
    scores = outcome(protocol, sight.candidates(), evaluation)
    told: dict[str, Any] = {"data": sight.shown.whose, "contamination": sight.contamination.plain()}
    marked = tuple(replace(score, **told) for score in scores)
    scored = Scored(cell, Scores(marked, scores.predictions, notes=scores.notes))
    store.save(scored)
    return scored


def cost_on(sight: Sight) -> Cost | None:
    """What the first encoder costs on these data; None of vectors that were computed elsewhere."""
    first, panel = sight.entrant.encoders[0], sight.shown.prepared.panel
    if first.stored is not None:
        return None
    encoder = first.encoder.to(sight.evaluation.device).eval()
    return cost_of(
        encoder,
        torch.from_numpy(panel.take(np.arange(min(len(panel), WINDOWS)))),
        windows_per_record=len(panel) / len(np.unique(panel.trial)),
        seconds=panel.length / panel.sfreq,
    )
