"""Signals without torch: panels, series, splits and their leak checks, standardisation, filtering, beats."""

from tsrep.signals.batch import Batch
from tsrep.signals.panel import Panel
from tsrep.signals.series import Series
from tsrep.signals.split import Split

__all__ = ["Batch", "Panel", "Series", "Split"]
