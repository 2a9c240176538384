"""Recordings on disk to panels: one module per data set, and what they share."""

from tsrep.datasets.dataset import About, Dataset, Unreadable
from tsrep.datasets.loading import about, build, load

__all__ = ["About", "Dataset", "Unreadable", "about", "build", "load"]
