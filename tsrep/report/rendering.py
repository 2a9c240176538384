"""The report of a run: one HTML file that needs nothing else, its figures, and text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from tsrep.files import replacing, write_text
from tsrep.report.captioned_figure import CaptionedFigure
from tsrep.report.contents import Contents, read_run
from tsrep.report.page import Page
from tsrep.report.panel_page import PanelPage
from tsrep.report.series_page import SeriesPage, coverage_sentence
from tsrep.report.tables import Cell, Table
from tsrep.report.verdicts import verdicts
from tsrep.report.wording import NOTHING, count, duration, sentence
from tsrep.text import plural

if TYPE_CHECKING:
    from jinja2 import Template

PAGES: Mapping[str, Page] = {"panel": PanelPage(), "series": SeriesPage()}

MOST_ROWS = 24  # of all tables in a terminal, unless more are asked for


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


def page_is_current(run: Path) -> bool:
    """Whether the page is there and no file of the folder changed since it was written."""
    page = run / "report.html"
    return page.is_file() and not any(
        each.is_file() and each.stat().st_mtime_ns > page.stat().st_mtime_ns for each in run.iterdir()
    )


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


def summarise(run: Path, *, verbose: bool = False) -> str:
    """The main scores beside control and baselines, then what they show and what comes next, as plain text.

    Parameters
    ----------
    run : Path
    verbose : bool
        With every table.

    Raises
    ------
    RunError
        When ``run`` is no run folder.
    """
    contents = read_run(run)
    page = PAGES[contents.task]
    tables = [found for found in page.summary(contents) if found]
    shown = tables if verbose else _that_fit(tables)
    lines = ["SYNTHETIC DATA: the signals were simulated.", ""] if contents.synthetic else []
    for each in shown:
        lines += [*plain_table(each, brief=not verbose), ""]
    if more := len(tables) - len(shown):
        lines += [f"{plural(more, 'further table')}: tsrep show {run} --verbose", ""]
    if contents.coverage is not None:
        lines += [coverage_sentence(contents.coverage), ""]
    return "\n".join([*lines, *_conclusion(contents, page)])


def _that_fit(tables: Sequence[Table]) -> Sequence[Table]:
    """The first tables, as many as leave the verdict on the screen."""
    rows = list(accumulate(map(len, tables)))
    return tables[: max(1, sum(n <= MOST_ROWS for n in rows))]


def _conclusion(contents: Contents, page: Page) -> Iterator[str]:
    """What a reader should see last, and so first."""
    yield from map(sentence, contents.scores.notes)
    yield from (f"not available: {fault}" for fault in contents.unread)
    if done := contents.provenance.get("conversion"):
        yield f"Signals: {'; '.join(done)}."
    if size := contents.provenance.get("parameters"):
        seconds = contents.provenance.get("seconds")
        yield f"{count(size)} parameters{'' if seconds is None else f', trained in {duration(seconds)}'}."
    yield page.headline(contents)
    yield from (found.sentence for found in verdicts(contents))
    if not len(contents.scores):
        what = "To score the encoder on labelled data" if contents.unlabelled else "No scores yet"
        yield f"{what}: {contents.to_score}"


def plain_table(table: Table, *, brief: bool = False) -> list[str]:
    """Caption, header and rows; what the rows of a group share stands in a line above them.

    Parameters
    ----------
    table : Table
    brief : bool
        Leave out what stands below the values of all columns but the first number that has an interval,
        which keeps a table of scores within 80 characters.
    """
    leading, header = table.shared, table.header
    numeric = (i for i, head in enumerate(header) if head.numeric and i >= leading)
    kept = next((i for i in numeric if any(row[i].below for row in table.rows)), leading)
    silent = set(range(leading, len(header))) - {kept} if brief else set()
    shown = [[_told(cell, below=i not in silent) for i, cell in enumerate(row)] for row in table.rows]
    cells = [[cell.text for cell in header[leading:]], *(row[leading:] for row in shown)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    form = [f"{'>' if c.numeric else '<'}{width}" for c, width in zip(header[leading:], widths, strict=True)]
    indent = "  " * bool(leading)
    lines = [f"{indent}{'  '.join(map(format, row, form))}".rstrip() for row in cells]
    above = [table.caption, lines[0], indent + "  ".join("-" * width for width in widths)]
    for number, line in enumerate(lines[1:]):
        if leading and number in table.breaks:
            values = zip(header[:leading], shown[number], strict=False)
            above.append(", ".join(f"{head.text} {value}" for head, value in values if value != NOTHING))
        above.append(line)
    return above


def _told(cell: Cell, *, below: bool) -> str:
    return f"{cell.text} ({cell.below})" if cell.below and below else cell.text
