"""Block 6: how representations lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.runs.audit.block import Block, Row
from tsrep.runs.audit.subject import Subject
from tsrep.training.diagnostics import MOST, Diagnostics, fixed_windows

KEY, TITLE = "geometry", "How representations lie"
SILENT = "It does not show what the dimensions stand for, and no number of it says that an encoder is of use."
LINES = {
    "alignment": "alignment of two views",
    "uniformity": "uniformity over patients",
    "effective_rank": "effective rank",
    "patient_tolerance": "mean cosine within a patient",
    "negative_mean": "mean cosine of all pairs",
    "separation": "AUROC of views against other windows",
    "dead_dimensions": "dimensions that do not vary",
}


def geometry(subject: Subject) -> Block:
    """The numbers that runs keep of their training, on the audited part."""
    panel, evaluation = subject.panel, subject.sight.evaluation
    if subject.sight.entrant.encoders[0].stored is not None:
        return Block(KEY, TITLE, ["Not measured: there is no encoder to show two views of a window."], SILENT)
    at = fixed_windows(panel, getattr(evaluation.split, subject.part), MOST, subject.seed)
    looked_at = panel.select(at)
    diagnostics = Diagnostics(looked_at, evaluation.pool, subject.seed, evaluation.device)
    objective = subject.sight.entrant.encoders[0].objective(subject.sight.entrant.encoders[0].encoder)
    found: dict[str, list[Mapping[str, float]]] = {}
    for candidate in subject.sight.candidates():
        of = RANDOM_INIT if candidate.role == "control" else subject.name
        subject.tell(f"how representations of {of} lie")
        encoders = (candidate.model(k)[0].to(evaluation.device).eval() for k in range(candidate.count))
        found[of] = [diagnostics(encoder, objective) for encoder in encoders]
    n: dict[str, Any] = {
        "recordings": len(np.unique(looked_at.trial)),
        "patients": len(np.unique(looked_at.patient)),
    }
    rows = list(_rows(found, n))
    return Block(KEY, TITLE, list(_says(subject, rows)), SILENT, rows)


def _rows(found: Mapping[str, list[Mapping[str, float]]], n: Mapping[str, Any]) -> Iterator[Row]:
    for key, line in LINES.items():
        for of, several in found.items():
            values = [each[key] for each in several if each.get(key) is not None]
            if values:
                yield Row(TITLE, line, of, float(np.mean(values)), **n)


def _says(subject: Subject, rows: list[Row]) -> Iterator[str]:
    by = {(row.line, row.of): row.value for row in rows}
    rank, within = LINES["effective_rank"], LINES["patient_tolerance"]
    dim = subject.vectors[subject.name][0].shape[1]
    for of in dict.fromkeys(row.of for row in rows):
        sentence = f"{of}: effective rank {by[rank, of]:.1f} of {dim} dimensions"
        if (within, of) in by:
            sentence += (
                f", mean cosine {by[within, of]:.3f} within a patient and "
                f"{by[LINES['negative_mean'], of]:.3f} over "
                "all pairs"
            )
        yield f"{sentence}.".replace("-", "−")
