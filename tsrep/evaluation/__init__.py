"""Scores of frozen encoders and predictions on patients never seen, with intervals over patients."""

from tsrep.evaluation.bootstrap import Interval, paired_difference
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.labels import draw_labels
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.probe import fit_probe, validation_probe
from tsrep.evaluation.protocol import Settings, evaluate_features
from tsrep.evaluation.scores import Score, Scores
from tsrep.evaluation.scoring import score

__all__ = [
    "Interval",
    "Predictions",
    "Score",
    "Scores",
    "Settings",
    "draw_labels",
    "embed",
    "evaluate_features",
    "fit_probe",
    "paired_difference",
    "score",
    "validation_probe",
]
