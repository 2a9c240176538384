"""The report of a study: one HTML page, the same in Markdown, its figures and their numbers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import tsrep.report
from tsrep.files import replacing, write_text
from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.page import figures, tables
from tsrep.studies.page.headline import answer, chosen_by, overhead, progress, tiles
from tsrep.studies.page.markdown import markdown
from tsrep.studies.page.sections import Section, Shown
from tsrep.studies.read.effects import CAUTION
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.reading import OPTIONS, Reading, read_study
from tsrep.studies.read.trial_table import TrialTable

FIGURES = (
    "finalists", "ranks-finalists", "importance", "effects", "ranks-levels", "cells", "slices", "contour",
    "cost", "history", "reports",
)  # fmt: skip
NUMBERS = (
    *FIGURES, "finalists-seeds", "cells-summary", "contour-grid", "ranks-finalists-pairs",
    "ranks-levels-pairs",
)  # fmt: skip
NUMBERS_NOTE = (
    "Trials are numbered as the budget counts them, from 0. One that was tried again after a crash has a "
    "larger number in the storage, which stands beside it in trials.csv."
)
Draw = Callable[[Reading], Shown | Missing]


def write_study_report(
    table: TrialTable, finalists: Finalists | None, facts: Mapping[str, Any], folder: Path
) -> Path:
    """Write ``index.html``, ``report.md``, ``figures/``, ``numbers/`` and ``trials.csv``.

    Each file is replaced whole, the page last; figures of an earlier report that are no longer drawn are
    removed.

    Parameters
    ----------
    table : TrialTable
    finalists : Finalists or None
        Of the confirmation, where it has been made.
    facts : mapping
        What is said of the study: ``definition`` (the text of its file), ``synthetic`` (whether its data
        were simulated), options of :func:`tsrep.studies.read.reading.read_study`; all else is printed as
        it is, such as ``storage``, ``sampler``, ``pruner``, ``seeds``, ``tasks``, ``budget`` and ``hours``.
    folder : Path

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    RunError
        When the folder cannot be written.
    """
    reading = read_study(table, finalists, facts)
    sections = report_sections(reading)
    first = _first_lines(reading)
    shown = [one for section in sections for one in section.shown]
    _save(folder, table, shown)
    write_text(folder / "report.md", markdown(first, sections))
    write_text(folder / "index.html", _html(first, sections))
    return folder / "index.html"


def report_sections(reading: Reading) -> list[Section]:
    """All sections in order."""
    return [
        _finalists(reading),
        _best(reading),
        _importance(reading),
        _effects(reading),
        _section(reading, "cells", "Levels", figures.cells_figure, figures.level_ranks_figure),
        _section(reading, "slices", "Slices", figures.slices_figure, figures.contour_figure),
        _section(reading, "cost", "Cost against quality", figures.front_figure),
        _section(reading, "history", "History", figures.history_figure, figures.reports_figure),
        _study(reading),
    ]


def _section(reading: Reading, name: str, title: str, *draw: Draw) -> Section:
    """A section of figures; with the table of cells where it shows them."""
    section = Section(name, title)
    for found in (one(reading) for one in draw):
        if isinstance(found, Missing):
            section.missing.append(found.sentence)
        else:
            section.shown.append(found)
    if name == "cells" and not isinstance(reading.cell_summary, Missing):
        section.folded.append(tables.cells_table(reading.cell_summary))
    return section


def _finalists(reading: Reading) -> Section:
    if reading.finalists is None or reading.finalists.rows.empty:
        return _section(reading, "finalists", "Finalists on test", figures.finalists_figure)
    section = _section(
        reading, "finalists", "Finalists on test", figures.finalists_figure, figures.ranks_figure
    )
    section.tables.extend(tables.finalist_tables(reading.finalists, reading.table))
    section.notes.append(
        "Intervals come from resampling the test part, which finalists share: they overlap even where paired "
        "differences are clear."
    )
    return section


def _best(reading: Reading) -> Section:
    section, found = Section("best", "Best configurations"), tables.best_tables(reading.table)
    if not found:
        section.missing.append("No trial is complete.")
    else:
        section.tables.extend(found)
        section.notes.append(
            "These are validation scores, which chose the trials; the first ones are too good by chance."
        )
    return section


def _importance(reading: Reading) -> Section:
    section = _section(reading, "importance", "Importance", figures.importance_figure)
    if not isinstance(reading.importance, Missing):
        section.folded.append(tables.importance_table(reading.importance))
    return section


def _effects(reading: Reading) -> Section:
    section = _section(reading, "effects", "Effect of each factor", figures.effects_figure)
    if not isinstance(reading.effects, Missing):
        section.lead.append(CAUTION)
        section.folded.append(tables.effects_table(reading.effects, reading.table))
    return section


def _study(reading: Reading) -> Section:
    section = Section("study", "Study")
    section.notes.append(NUMBERS_NOTE)
    failed = tables.failures_table(reading.table)
    if failed:
        section.tables.append(failed)
    return section


def _first_lines(reading: Reading) -> dict[str, Any]:
    table, facts = reading.table, reading.facts
    told = [
        (str(name), _plain(value))
        for name, value in facts.items()
        if name not in OPTIONS and value is not None
    ]
    spent = overhead(table)
    return {
        "title": table.study,
        "question": table.question,
        "synthetic": bool(facts.get("synthetic")),
        "answer": answer(table, reading.finalists),
        "progress": progress(table, facts),
        "chosen": chosen_by(reading.finalists),
        "tiles": tiles(table, reading.finalists),
        "facts": [*told, *([("overhead", spent)] if spent else [])],
        "definition": str(facts.get("definition") or ""),
    }


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _save(folder: Path, table: TrialTable, shown: list[Shown]) -> None:
    kept = set()
    for one in shown:
        with replacing(folder / "figures" / f"{one.picture.name}.png") as temporary:
            temporary.write_bytes(one.picture.png)
        kept.add(folder / "figures" / f"{one.picture.name}.png")
        for name, numbers in one.numbers.items():
            _write_csv(folder / "numbers" / f"{name}.csv", numbers)
            kept.add(folder / "numbers" / f"{name}.csv")
    _write_csv(folder / "trials.csv", table.frame)
    known = {folder / "figures" / f"{name}.png" for name in FIGURES}
    for path in (known | {folder / "numbers" / f"{name}.csv" for name in NUMBERS}) - kept:
        path.unlink(missing_ok=True)


def _write_csv(path: Path, frame: pd.DataFrame) -> None:
    write_text(path, frame.to_csv(index=False))


def _html(first: Mapping[str, Any], sections: list[Section]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    shared = [Path(path) for path in tsrep.report.__path__]
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, *shared]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    inlined = {section.name: [_inline(one) for one in section.shown] for section in sections}
    return environment.get_template("study.html").render(first=first, sections=sections, pictures=inlined)


def _inline(shown: Shown) -> dict[str, Any]:
    picture = shown.picture
    data = base64.b64encode(picture.png).decode("ascii")
    return {"caption": picture.caption, "data": data, "width": picture.width, "numbers": list(shown.numbers)}
