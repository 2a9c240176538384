"""A study's report as Markdown, with its figures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tsrep.report.tables import Cell, Table
from tsrep.studies.page.sections import Section, Shown


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
        if section.name == "study":
            yield from _study(first, section)
        else:
            yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    yield from (escape(sentence) for sentence in section.lead)
    for shown in section.shown:
        yield from _figure(shown)
    for table in (*section.tables, *section.folded):
        yield from _table(table)
    yield from (escape(note) for note in section.notes)
    yield from (f"*{escape(sentence)}*" for sentence in section.missing)


def _study(first: Mapping[str, Any], section: Section) -> Iterator[str]:
    yield from _section(section)
    if first["facts"]:
        yield "\n".join(f"- {escape(name)}: {escape(value)}" for name, value in first["facts"])
    yield "Every trial: [trials.csv](trials.csv)."
    if first["definition"]:
        yield f"```yaml\n{first['definition'].rstrip()}\n```"


def _figure(shown: Shown) -> Iterator[str]:
    name = shown.picture.name
    yield f"![{name}](figures/{name}.png)"
    links = ", ".join(f"[{number}.csv](numbers/{number}.csv)" for number in shown.numbers)
    yield f"{escape(shown.picture.caption)} Numbers: {links}."


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
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
