"""The report of a run: a self-contained page, its figures, and a summary for the terminal."""

from tsrep.report.rendering import summarise, write_report

__all__ = ["summarise", "write_report"]
