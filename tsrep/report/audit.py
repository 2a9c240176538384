"""The page of an audit, and text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tsrep.report.outcome_page import (
    OutcomePage,
    Section,
    cells,
    folded,
    notes,
    paragraphs,
    title_of,
)
from tsrep.report.tables import Cell, Columns, Table, integer, table, value_cell
from tsrep.report.wording import NOTHING, count, interval, number, sentence, signed
from tsrep.runs.audit.block import Block, Row
from tsrep.runs.audit.conduct import Audit
from tsrep.text import plural

DIGITS = 3


def write_audit(audit: Audit, folder: Path) -> Path:
    """Write ``audit.html``; the numbers are written by the audit itself."""
    return page_of(audit).write(folder)


def page_of(audit: Audit) -> OutcomePage:
    """What the page says and shows."""
    sections = [
        Section(block.key, f"{place}. {block.title}", [paragraphs(block.says, ""), *_shown(block)])
        for place, block in enumerate(audit.blocks, 1)
    ]
    told = [_measured(audit), *map(sentence, audit.notes), *filter(None, [audit.about.get("citation")])]
    return OutcomePage(
        "audit",
        title_of(audit.encoders, audit.datasets),
        headline(audit),
        [*sections, notes("audit", told)],
        synthetic=audit.dataset if audit.facts["synthetic"] else "",
        tables=tables(audit["identity"])[:1],
    )


def _shown(block: Block) -> Iterator[str]:
    yield paragraphs([block.silent_on], "note")
    if block.key == "subgroups":
        yield folded([(each.caption, [each]) for each in tables(block)])
    else:
        yield from map(cells, tables(block))


def summary(audit: Audit) -> str:
    """Sentences of all blocks as plain text, and the table of the first."""
    return replace(page_of(audit), caveats=list(_told(audit))).text()


def _told(audit: Audit) -> Iterator[str]:
    for block in audit.blocks:
        yield from ("", block.title, *(f"  {each}" for each in (*block.says, block.silent_on)))


def headline(audit: Audit) -> str:
    """What was looked at."""
    facts = audit.facts
    return (
        f"What {audit.encoder} knows of people besides their labels: "
        f"{plural(facts['recordings'], 'recording')} of {plural(facts['patients'], 'patient')}, the "
        f"{facts['part']} part of {audit.dataset}."
    )


def tables(block: Block) -> list[Table]:
    """A table for each caption: lines by encoder and reference."""
    captions = dict.fromkeys(row.table for row in block.rows)
    return [_table(caption, [row for row in block.rows if row.table == caption]) for caption in captions]


def _table(caption: str, rows: list[Row]) -> Table:
    by = {(row.line, row.of): row for row in rows}
    lines = list(dict.fromkeys(row.line for row in rows))
    columns: Columns[str] = {"": lambda line: Cell(line, strong=True)}
    columns = {**columns, **{of: partial(_cell, by, of) for of in dict.fromkeys(row.of for row in rows)}}
    first = {row.line: row for row in reversed(rows)}
    if any(not math.isnan(row.chance) for row in rows):
        columns = {**columns, "chance": lambda line: Cell(_chance(first[line]), numeric=True)}
    columns = {
        **columns,
        "recordings": lambda line: integer(first[line].recordings),
        "patients": lambda line: integer(first[line].patients),
    }
    return table(caption, lines, columns)


def _cell(by: dict[tuple[str, str], Row], of: str, line: str) -> Cell:
    row = by.get((line, of))
    if row is None or row.note:
        return Cell("" if row is None else row.note, numeric=True)
    if " minus " in of or of.startswith("minus") or " minus " in row.of:
        return Cell(signed(row.value, DIGITS), interval(row.interval, signed), numeric=True)
    return value_cell(row.interval, _digits(row))


def _digits(row: Row) -> int:
    return 4 if abs(row.value) < 0.01 and row.value else DIGITS


def _chance(row: Row) -> str:
    return NOTHING if math.isnan(row.chance) else number(row.chance, 4 if 0 < row.chance < 0.01 else DIGITS)


def _measured(audit: Audit) -> str:
    facts, inits = audit.facts, ""
    if facts["random initialisations"]:
        several = count(facts["random initialisations"])
        inits = f"Beside the encoder stand {several} random initialisations of the same architecture. "
    return (
        "Vectors are means over the windows of a recording, each dimension standardised on the training "
        f"part. {inits}Intervals of 95 % are over patients ({count(facts['n_bootstrap'])} resamples) and, of "
        f"several random initialisations, over these. Division of the data: {facts['split']}. Nothing on "
        "this page chose anything, and no identity of a patient is in it or in its files."
    )
