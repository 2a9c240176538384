"""A study's report as Markdown, with its figures beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tsrep.report.tables import Cell, Table
from tsrep.studies.analyses import Shown

if TYPE_CHECKING:
    from tsrep.studies.page.page import Section


def markdown(first: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """The report as text; links are relative to its folder."""
    return "\n\n".join(_blocks(first, sections)).rstrip() + "\n"


def _blocks(first: Mapping[str, Any], sections: Sequence[Section]) -> Iterator[str]:
    yield f"# {escape(first['title'])}"
    if first["synthetic"]:
        yield "**Synthetic data.** All signals behind this report were simulated."
    yield f"**Question.** {escape(first['question'])}"
    yield f"**Answer.** {escape(' '.join(first['answer']))}"
    yield escape(first["progress"])
    yield escape(first["chosen"])
    for section in sections:
        yield f"## {section.title}"
        for name, shown in section.shown.items():
            yield from _shown(name, shown)
        yield from (f"*{escape(sentence)}*" for sentence in section.missing)
    if first["facts"]:
        yield "\n".join(f"- {escape(name)}: {escape(value)}" for name, value in first["facts"].items())
    yield "Every trial: [trials.csv](trials.csv)."
    if first["definition"]:
        yield f"```yaml\n{first['definition'].rstrip()}\n```"


def _shown(name: str, shown: Shown) -> Iterator[str]:
    if shown.lead:
        yield escape(shown.lead)
    if shown.figure is not None:
        yield f"![{name}](figures/{name}.png)"
        links = ", ".join(f"[{file}.csv](numbers/{file}.csv)" for file in shown.files(name))
        yield f"{escape(shown.caption)} Numbers: {links}."
    for table in filter(None, (*shown.tables, *shown.folded)):
        yield from _table(table)
    if shown.note:
        yield escape(shown.note)


def _table(table: Table) -> Iterator[str]:
    yield f"**{escape(table.caption)}**"
    rows = [table.header, *table.rows]
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    rule = "|".join("---:" if cell.numeric else "---" for cell in table.header)
    yield "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    text = f"**{text}**" if cell.strong and text else text
    return f"{text} ({escape(cell.below)})" if cell.below else text


def escape(text: str) -> str:
    """Text in which nothing is taken for Markdown."""
    return re.sub(r"[\\`*_\[\]<>|#]", r"\\\g<0>", " ".join(text.split()))
