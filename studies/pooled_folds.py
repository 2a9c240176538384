"""Predictions of several test folds as one, so that every patient is scored once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsrep.evaluation.predictions import Predictions


def pooled(parts: Sequence[Predictions], *, ranked: bool = True) -> Predictions:
    """Predictions of all folds; as ranks within each, since their probes are not on one scale."""
    prob = [part.prob for part in parts]
    if ranked:
        prob = [p.argsort(axis=0).argsort(axis=0) / (len(p) - 1) for p in prob]
    fields = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("target", "patient", "trial")
    )
    return Predictions(np.concatenate(prob), *fields)
