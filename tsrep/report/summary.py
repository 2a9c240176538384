"""The report for a terminal."""

from __future__ import annotations

from pathlib import Path

from tsrep.report.contents import Contents, read_run
from tsrep.report.forecast_headline import forecast_headline, forecast_verdicts
from tsrep.report.forecast_tables import coverage_line, difference_table, error_table
from tsrep.report.headline import headline, verdict
from tsrep.report.tables import CONDITIONS, Cell, Table, gain_table, preferred_unit, score_tables
from tsrep.report.wording import count, duration


def summarise(run: Path) -> str:
    """Headline, scores beside the controls, and what comes next, as plain text.

    Raises
    ------
    RunError
        When ``run`` is no run folder.
    """
    contents = read_run(run)
    lines = ["SYNTHETIC DATA: the signals were simulated."] if contents.synthetic else []
    series = contents.kind == "series"
    sentences, tables = _forecasts(contents) if series else _scores(contents)
    lines += sentences
    for table in tables:
        if table is not None:
            lines += ["", *_plain(table)]
    lines += ["", coverage_line(contents)] if contents.coverage is not None else []
    if not contents.scores and contents.forecast is None:
        command = "tsrep evaluate" if contents.finished else "tsrep fit --resume"
        lines += [
            "",
            f"No scores yet: {command} {run}{' --protocol forecast' * (series and contents.finished)}",
        ]
    if contents.provenance:
        seconds, size = contents.provenance.get("seconds"), contents.provenance.get("parameters")
        took = "" if seconds is None else f", trained in {duration(seconds)}"
        lines += ["", f"{count(size)} parameters{took}."]
    return "\n".join(lines)


def _scores(contents: Contents) -> tuple[list[str], list[Table | None]]:
    found = verdict(contents)
    tables = score_tables(contents, preferred_unit(contents), ("auroc", "auprc", "f1"))
    return [headline(contents), *([found.sentence] if found else [])], [*tables, gain_table(contents)]


def _forecasts(contents: Contents) -> tuple[list[str], list[Table | None]]:
    sentences = [forecast_headline(contents), *(found.sentence for found in forecast_verdicts(contents))]
    return sentences, [error_table(contents, "mse", intervals=False), difference_table(contents)]


def _plain(table: Table) -> list[str]:
    """Caption, header and rows; of the last columns those that never change go into the caption."""
    cells = [[c.text for c in table.header], *([_with_interval(c) for c in row] for row in table.rows)]
    right = [c.numeric for c in table.header]
    same: list[str] = []
    while len({row[-1] for row in cells[1:]}) == 1 and cells[0][-1] in CONDITIONS:
        same.insert(0, f"{cells[0][-1]} {cells[1][-1]}")
        cells, right = [row[:-1] for row in cells], right[:-1]
    widths = [max(len(row[i]) for row in cells) for i in range(len(right))]
    lines = [
        "  ".join(_set(*cell) for cell in zip(row, widths, right, strict=True)).rstrip() for row in cells
    ]
    caption = f"{table.caption} ({', '.join(same)})" if same else table.caption
    return [caption, lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _set(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _with_interval(cell: Cell) -> str:
    return f"{cell.text} ({cell.below})" if cell.below else cell.text
