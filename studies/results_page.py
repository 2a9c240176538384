"""Pages of results: tables are made anew, findings written by hand stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsrep.files import write_text

FINDINGS = "<!-- findings: written by hand, kept when the tables are made again -->"


def write_page(path: Path, page: str) -> None:
    """Replace a page but for what stands after the mark of the findings."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    findings = old.partition(FINDINGS)[2] or "\n"
    write_text(path, f"{page.rstrip()}\n\n{FINDINGS}{findings}")
    print(f"wrote {path}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown."""
    return ["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows]]
