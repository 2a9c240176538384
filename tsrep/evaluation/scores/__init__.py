"""Scores with everything a reader needs to trust them, of labels and of forecasts, in files and tables."""

from tsrep.evaluation.scores.fields import Role
from tsrep.evaluation.scores.score import LOWER_IS_BETTER, RANDOM_INIT, Score, drawn_labels
from tsrep.evaluation.scores.scores import Scores, nan_to_none

__all__ = ["LOWER_IS_BETTER", "RANDOM_INIT", "Role", "Score", "Scores", "drawn_labels", "nan_to_none"]
