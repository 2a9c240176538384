"""The report of a run: one HTML file that needs nothing else, its figures, and text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tsrep.files import replacing, write_text
from tsrep.report.captioned_figure import CaptionedFigure
from tsrep.report.contents import Contents, read_run
from tsrep.report.page import Page
from tsrep.report.panel_page import PanelPage
from tsrep.report.series_page import SeriesPage, coverage_sentence
from tsrep.report.tables import CONDITIONS, PATIENTS, Table
from tsrep.report.verdicts import verdicts
from tsrep.report.wording import count, duration

if TYPE_CHECKING:
    from jinja2 import Template

PAGES: Mapping[str, Page] = {"panel": PanelPage(), "series": SeriesPage()}


def write_report(run: Path) -> Path:
    """Write ``report.html`` and ``figures/``, each figure with its numbers, into a run folder.

    Each file is replaced whole, the page last.

    Raises
    ------
    RunError
        When ``run`` is no run folder, or a file in it cannot be read.
    """
    run = Path(run)
    contents = read_run(run)
    figures = figures_of(contents)
    for figure in figures:
        with replacing(run / "figures" / f"{figure.name}.png") as temporary:
            temporary.write_bytes(figure.png)
        if figure.numbers:
            write_text(run / "figures" / f"{figure.name}.csv", figure.numbers)
    write_text(run / "report.html", render(contents, figures))
    return run / "report.html"


def figures_of(contents: Contents) -> list[CaptionedFigure]:
    """Figures of all that the folder has numbers for."""
    return list(PAGES[contents.task].figures(contents))


def render(contents: Contents, figures: Sequence[CaptionedFigure]) -> str:
    """The page as text."""
    page = PAGES[contents.task]
    return template(page.template).render(page.context(contents, figures))


def template(name: str) -> Template:
    """A page of this folder, by the name of its file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def summarise(run: Path) -> str:
    """Headline, scores beside control and baselines, and what comes next, as plain text.

    Raises
    ------
    RunError
        When ``run`` is no run folder.
    """
    contents = read_run(run)
    page = PAGES[contents.task]
    lines = ["SYNTHETIC DATA: the signals were simulated."] if contents.synthetic else []
    lines += [page.headline(contents), *(found.sentence for found in verdicts(contents))]
    lines += contents.scores.notes
    for table in filter(None, page.summary(contents)):
        lines += ["", *plain_table(table)]
    if contents.coverage is not None:
        lines += ["", coverage_sentence(contents.coverage)]
    if not len(contents.scores):
        command = "tsrep evaluate" if contents.finished else "tsrep fit --resume"
        lines += ["", f"No scores yet: {command} {run}"]
    if contents.provenance:
        seconds, size = contents.provenance.get("seconds"), contents.provenance.get("parameters")
        took = "" if seconds is None else f", trained in {duration(seconds)}"
        lines += ["", f"{count(size)} parameters{took}."]
    return "\n".join(lines)


def plain_table(table: Table) -> list[str]:
    """Caption, header and rows; of the last columns those that never change go into the caption."""
    shown = [[f"{c.text} ({c.below})" if c.below else c.text for c in row] for row in table.rows]
    cells = [[c.text for c in table.header], *shown]
    right = [c.numeric for c in table.header]
    same: list[str] = []
    while len({row[-1] for row in cells[1:]}) == 1 and cells[0][-1] in {**CONDITIONS, **PATIENTS}:
        same.insert(0, f"{cells[0][-1]} {cells[1][-1]}")
        cells, right = [row[:-1] for row in cells], right[:-1]
    widths = [max(len(row[i]) for row in cells) for i in range(len(right))]
    form = [f"{'>' if numeric else '<'}{width}" for numeric, width in zip(right, widths, strict=True)]
    lines = ["  ".join(map(format, row, form)).rstrip() for row in cells]
    caption = f"{table.caption} ({', '.join(same)})" if same else table.caption
    return [caption, lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
