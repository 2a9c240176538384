"""The report of a run as one HTML file that needs nothing else, and its figures as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tsrep.files import replacing, write_text
from tsrep.report.contents import Contents, read_run
from tsrep.report.forecast_page import forecast_context
from tsrep.report.gallery import pictures
from tsrep.report.panel_page import panel_context
from tsrep.report.picture import Picture
from tsrep.report.shared import shared_context


def write_report(run: Path) -> Path:
    """Write ``report.html`` and ``figures/`` into a run folder; sections without numbers say what to run.

    Each file is replaced whole, the page last.

    Raises
    ------
    RunError
        When ``run`` is no run folder, or a file in it cannot be read.
    """
    run = Path(run)
    contents = read_run(run)
    drawn = pictures(contents)
    _save(run, drawn)
    write_text(run / "report.html", render(contents, drawn))
    return run / "report.html"


def _save(run: Path, drawn: list[Picture]) -> list[Path]:
    paths = [run / "figures" / f"{picture.name}.png" for picture in drawn]
    for path, picture in zip(paths, drawn, strict=True):
        with replacing(path) as temporary:
            temporary.write_bytes(picture.png)
    return paths


def render(contents: Contents, drawn: list[Picture]) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = "forecast.html" if contents.kind == "series" else "panel.html"
    return environment.get_template(page).render(_context(contents, drawn))


def _context(contents: Contents, drawn: list[Picture]) -> dict[str, Any]:
    own = forecast_context(contents) if contents.kind == "series" else panel_context(contents)
    return shared_context(contents, drawn) | own
