"""Signals without torch: panels, series, standardisation, filtering, resampling, heart beats."""

from tsrep.signals.batch import Batch
from tsrep.signals.panel import Panel
from tsrep.signals.series import Series

__all__ = ["Batch", "Panel", "Series"]
