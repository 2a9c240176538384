"""The page of a comparison, a validation, an audit or of scored predictions: sections in one form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import escape

from tsrep.files import replacing, write_text
from tsrep.report.captioned_figure import CaptionedFigure
from tsrep.report.rendering import plain_table, template
from tsrep.report.tables import Table
from tsrep.report.wording import listed

MOST = 3  # names in a title
OF_CELLS = ", with the keys of the cells under <code>cells/</code>"


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading.

    Attributes
    ----------
    key, title : str
        Of its address within the page, and its heading.
    parts : sequence of str
        HTML by the functions below, in order.
    """

    key: str
    title: str
    parts: Sequence[str]


@dataclass(frozen=True)
class OutcomePage:
    """What a page shows.

    Attributes
    ----------
    kind, title, headline : str
    sections : sequence of Section
    verdicts : sequence of (str, str)
        Sentences, and whether each is of something ``"better"``, ``"worse"`` or neither.
    caveats : sequence of str
    synthetic : str
        Whose signals were simulated; empty where none were.
    tables : sequence of Table
        That a terminal shows.
    """

    kind: str
    title: str
    headline: str
    sections: Sequence[Section]
    verdicts: Sequence[tuple[str, str]] = ()
    caveats: Sequence[str] = ()
    synthetic: str = ""
    tables: Sequence[Table] = ()

    def html(self) -> str:
        """One file that needs nothing else."""
        return template("outcome.html").render(vars(self))

    def text(self) -> str:
        """The same for a terminal, without its sections."""
        lines = [f"SYNTHETIC DATA: the signals of {self.synthetic} were simulated."] if self.synthetic else []
        lines += [self.headline, *(sentence for sentence, _ in self.verdicts), *self.caveats]
        for each in filter(None, self.tables):
            lines += ["", *plain_table(each)]
        return "\n".join(lines)

    def write(self, folder: Path, figures: Iterable[CaptionedFigure] = ()) -> Path:
        """Write ``KIND.html`` and figures into a folder; the numbers are written by what is shown."""
        for figure in figures:
            with replacing(folder / f"{figure.name}.png") as temporary:
                temporary.write_bytes(figure.png)
        write_text(folder / f"{self.kind}.html", self.html())
        return folder / f"{self.kind}.html"


def title_of(encoders: Sequence[str], datasets: Sequence[str]) -> str:
    """``simclr and comet on ptb-xl``; of many names the first."""
    return f"{_some(encoders)} on {_some(datasets)}"


def _some(names: Sequence[str]) -> str:
    return listed(names if len(names) <= MOST + 1 else [*names[:MOST], f"{len(names) - MOST} others"])


def paragraphs(sentences: Iterable[str], tone: str = "small") -> str:
    """Each in a paragraph."""
    return "\n".join(f'<p class="{tone}">{escape(each)}</p>' for each in sentences)


def cells(shown: Table | None) -> str:
    """A table; nothing where it has no rows."""
    return str(_macros().cells(shown)) if shown else ""


def folded(shown: Sequence[tuple[str, Sequence[Table]]]) -> str:
    """Tables behind names that open them."""
    return str(_macros().folded(shown))


def figures(shown: Sequence[CaptionedFigure]) -> str:
    """Figures with their captions."""
    return str(_macros().shown(shown))


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names with what they stand for."""
    return str(_macros().facts(pairs))


def notes(kind: str, sentences: Iterable[str], more: str = "") -> Section:
    """The last section: what else is to be known, and where every number is."""
    links = " and ".join(f'<a href="{kind}.{each}">{kind}.{each}</a>' for each in ("csv", "json"))
    every = f'<p class="small">Every number: {links}{more}.</p>'
    return Section("notes", "Notes", [paragraphs(sentences), every])


@cache
def _macros() -> Any:
    return template("macros.html").module
