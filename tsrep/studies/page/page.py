"""The report of a study: one HTML page, the same in Markdown, its figures and their numbers."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import tsrep.report
from tsrep.files import replacing, write_text
from tsrep.studies.analyses import Analysis, Results, Shown, all_analyses
from tsrep.studies.page.headline import answer, chosen_by, overhead, progress, tiles
from tsrep.studies.page.markdown import markdown


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page under one heading: what analyses show, and a sentence for each that cannot."""

    name: str
    title: str
    shown: dict[str, Shown] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def write_report(
    results: Results,
    facts: Mapping[str, str],
    folder: Path,
    *,
    definition: str = "",
    synthetic: bool = False,
) -> Path:
    """Write ``index.html``, ``report.md``, ``figures/``, ``numbers/`` and ``trials.csv``.

    Each file is replaced whole, the page last; figures of an earlier report that are no longer made are
    removed.

    Parameters
    ----------
    results : Results
    facts : mapping of str to str
        What is said of the study, such as ``storage``, ``sampler``, ``pruner``, ``seeds`` and ``budget``.
    folder : Path
    definition : str
        The text of the study's file.
    synthetic : bool
        Whether its data were simulated.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    RunError
        When the folder cannot be written.
    """
    table, finalists, analyses = results.table, results.finalists, all_analyses()
    sections = _sections(results, analyses)
    spent = overhead(table)
    first = {
        "title": table.study,
        "question": table.question,
        "synthetic": synthetic,
        "answer": answer(table, finalists),
        "progress": progress(table, facts.get("budget")),
        "chosen": chosen_by(finalists),
        "tiles": tiles(table, finalists),
        "facts": {**facts, **({"overhead": spent} if spent else {})},
        "definition": definition,
    }
    _save(folder, sections, [analysis.name for analysis in analyses])
    write_text(folder / "trials.csv", table.frame.to_csv(index=False))
    write_text(folder / "report.md", markdown(first, sections))
    write_text(folder / "index.html", _html(first, sections))
    return folder / "index.html"


def _sections(results: Results, analyses: list[Analysis]) -> list[Section]:
    sections: dict[str, Section] = {}
    for analysis in analyses:
        section = sections.setdefault(analysis.section, Section(analysis.name, analysis.section))
        found = analysis.shown(results)
        if isinstance(found, Shown):
            section.shown[analysis.name] = found
        elif found.sentence not in section.missing:
            section.missing.append(found.sentence)
    return list(sections.values())


def _save(folder: Path, sections: list[Section], names: list[str]) -> None:
    """Write figures and numbers, and remove those of an earlier report that are no longer made."""
    figures, numbers = folder / "figures", folder / "numbers"
    kept = set()
    for name, shown in (item for section in sections for item in section.shown.items()):
        if shown.figure is not None:
            kept.add(figures / f"{name}.png")
            with replacing(figures / f"{name}.png") as temporary:
                temporary.write_bytes(shown.png)
        for file, frame in shown.files(name).items():
            kept.add(numbers / f"{file}.csv")
            write_text(numbers / f"{file}.csv", frame.to_csv(index=False))
    for name in names:
        earlier = [*figures.glob(f"{name}.png"), *numbers.glob(f"{name}.csv"), *numbers.glob(f"{name}-*.csv")]
        for path in set(earlier) - kept:
            path.unlink()


def _html(first: Mapping[str, Any], sections: list[Section]) -> str:
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, *map(Path, tsrep.report.__path__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    return environment.get_template("study.html").render(first=first, sections=sections)
