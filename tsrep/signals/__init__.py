"""Signals without torch: panels, splits and their leak checks, standardisation, filtering, beats."""

from tsrep.signals.batch import Batch
from tsrep.signals.panel import Panel
from tsrep.signals.split import Split

__all__ = ["Batch", "Panel", "Split"]
