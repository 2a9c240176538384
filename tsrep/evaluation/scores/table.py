"""Scores as rows of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tsrep.evaluation.scores.score import LOWER_IS_BETTER, Score, drawn_labels

if TYPE_CHECKING:
    from tsrep.evaluation.scores.scores import Scores


def table_of(scores: Scores, metrics: Sequence[str]) -> list[list[str]]:
    """Rows, the first one the header; see :meth:`Scores.to_table`."""
    against = next((s.against for s in scores if s.difference), "")
    columns = {
        "labels": any(s.patients for s in scores),
        "horizon": bool(scores.horizons),
        "target": any(s.target for s in scores),
        "patients": any(s.patients for s in scores),
        "blocks": any(s.blocks for s in scores),
        "alpha": any("alpha" in s.details for s in scores),
    }
    rows = []
    for s in scores:
        cells = {
            "method": s.called,
            "protocol": s.protocol, "labels": _labels(s), "horizon": str(s.horizon), "target": s.target,
            "part": s.part, "unit": s.unit, "seeds": str(s.seeds), "n": str(s.n),
            "patients": str(s.patients), "blocks": _blocks(s), **{m: _spell(s, m) for m in metrics},
            "alpha": f"{s.details.get('alpha', math.nan):g}".replace("nan", "–"),
            f"{s.metric} minus {against}" if against else "": _spell(s, s.metric, difference=True),
        }  # fmt: skip
        rows.append({name: text for name, text in cells.items() if name and columns.get(name, True)})
    header = list(dict.fromkeys(name for row in rows for name in row))
    return [header, *([row.get(name, "–") for name in header] for row in rows)]


def _labels(score: Score) -> str:
    share = f"{100 * score.fraction:g} %" + (f" by {score.subsample_by}" if score.fraction < 1 else "")
    return f"{share}: {drawn}" if (drawn := drawn_labels(score)) else share


def _blocks(score: Score) -> str:
    return f"{score.blocks}, interval unreliable" if score.unreliable else str(score.blocks)


def _spell(score: Score, metric: str, *, difference: bool = False) -> str:
    found = (score.difference if difference else score.metrics).get(metric)
    if found is None or math.isnan(found.value):
        return "–"
    form = f"{'+' if difference else ''}.{4 if metric in LOWER_IS_BETTER and score.horizon else 3}f"
    ends = "[–]" if math.isnan(found.low) else f"[{found.low:{form}}, {found.high:{form}}]"
    return f"{found.value:{form}} {ends}"
