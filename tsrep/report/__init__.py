"""The report of a run: a self-contained page, its figures, and a summary for the terminal."""

from tsrep.report.rendering import page_is_current, summarise, write_report

__all__ = ["page_is_current", "summarise", "write_report"]
