"""Fenced blocks of the documentation, and how each kind is run or, where it cannot run here, checked.

A page is followed from top to bottom in a folder of its own. What a reader sees is what runs:

- ``bash``, ``sh``: every command; ``tsrep`` in this process.
- ``python``: in one namespace for the page.
- ``yaml``: a configuration, a study, or a table of encoders to compare.
- any block with a ``title="file"`` is written to that file; Python of this kind is imported by others.

A comment on the line before a block says what is special about it: ``<!-- needs: ptb-xl -->`` (checked, not
run), ``<!-- refused -->`` (the last command ends with exit code 2), ``<!-- output -->`` (every line of this
block is in what was printed before), ``<!-- output: numbers vary -->`` (the same but for numbers with a
fraction, which differ a little from one machine to another). A command with a word in capitals, such as
``RUN`` or ``DIR``, or with ``my.csv``, is checked too, not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACEHOLDER = re.compile(
    r"(?<![\w$])(DIR|RUN2?|FILE|STUDY|NAME|KIND|HOST|USER|DATABASE|URL|my\.csv|path/to/[\w-]+)(?!\w)"
)
_OPEN = re.compile(r"^```\s*(\w+)(.*)$")
_TITLE = re.compile(r'title="([^"]+)"')
_NOTE = re.compile(r"^<!--\s*(needs|refused|output)(?::\s*(.*?))?\s*-->$")


@dataclass(frozen=True)
class Snippet:
    """A fenced block.

    Attributes
    ----------
    page : Path
    line : int
        Of its first line of content, from 1.
    language, title, code : str
        ``title`` is empty where the block is no file.
    note : str
        ``"needs"``, ``"refused"``, ``"output"``, ``"numbers vary"`` or nothing.
    """

    page: Path
    line: int
    language: str
    title: str
    code: str
    note: str

    @property
    def where(self) -> str:
        """Page and line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """README, the note on data and the pages of the site; pages of results are made by programs."""
    docs = sorted(p for p in (ROOT / "docs").rglob("*.md") if "results" not in p.relative_to(ROOT).parts)
    return [ROOT / "README.md", ROOT / "data" / "README.md", *docs]


def snippets(page: Path) -> Iterator[Snippet]:
    """Blocks of a page in their order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    note, i = "", 0
    while i < len(lines):
        comment, fence = _NOTE.match(lines[i]), _OPEN.match(lines[i])
        if fence:
            end = next(j for j in range(i + 1, len(lines)) if lines[j].rstrip() == "```")
            title = _TITLE.search(fence[2])
            code = "\n".join(lines[i + 1 : end]) + "\n"
            yield Snippet(page, i + 2, fence[1], title[1] if title else "", code, note)
            note, i = "", end
        elif comment:
            note = comment[2] if comment[2] == "numbers vary" else comment[1]
        elif lines[i].strip() == "```":
            end = next(j for j in range(i + 1, len(lines)) if lines[j].rstrip() == "```")
            if lines[i + 1].startswith("tsrep "):
                yield Snippet(page, i + 2, "sh", "", "\n".join(lines[i + 1 : end]) + "\n", note)
            note, i = "", end
        elif lines[i].strip():
            note = ""
        i += 1


def inline_commands(page: Path) -> list[str]:
    """Commands of tsrep that stand in the text of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"`(tsrep (?:[a-z-]+ ?)[^`]*)`", text.replace("\n", " "))
    return [command for command in found if "..." not in command]


def commands(code: str) -> list[str]:
    """Commands of a shell block: comments gone, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", code)
    return [line for line in (_bare(line) for line in joined.splitlines()) if line]


def _bare(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line).strip()
