"""The report of a run: a self-contained page, its figures, and a summary for the terminal."""

from tsrep.report.page import write_report
from tsrep.report.summary import summarise

__all__ = ["summarise", "write_report"]
