"""The part of data/README.md that data sets say of themselves; running this writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from tsrep.datasets.dataset import About
from tsrep.registry import DATASETS

README = Path(__file__).parents[1] / "data" / "README.md"
BEGIN, END = "<!-- from the data sets -->", "<!-- end of what is from the data sets -->"
WIDTH = 118
HEAD = (
    "| name | what | licence | to download | folder must contain |",
    "|---|---|---|---|---|",
)


def generated() -> str:
    """The table of all data sets, and a section for each published one."""
    facts = {name: DATASETS.entry(name).cls.about for name in sorted(DATASETS.names())}
    lines = [*HEAD, *(_row(name, about) for name, about in facts.items())]
    for name, about in facts.items():
        if about.url and about.citation and DATASETS.entry(name).task == "panel":
            lines += ["", *_section(name, about)]
    return "\n".join(lines)


def _row(name: str, about: About) -> str:
    size = f"{about.records:,} recordings" if about.records else ""
    people = f" of {about.patients:,} persons" if about.patients else ""
    what = f"{about.title}{f' ({size}{people})' if size else ''}"
    amount = f"{about.size_mb:,.0f} MB" if about.size_mb else "–"
    if about.full_size_mb:
        amount += f" (all: {about.full_size_mb:,.0f} MB)"
    needs = ", ".join(map(_code, (*about.needs, *about.layout[:1]))) or "–"
    return f"| `{name}` | {what} | {about.licence} | {amount} | {needs} |"


def _section(name: str, about: About) -> Iterator[str]:
    yield f"## {name}"
    yield _filled(f"{about.title}, from <{about.url}>. Licence: {about.licence}.")
    if about.layout:
        yield "```"
        yield from (f"DIR/{item}" if "..." not in item else item for item in (*about.needs, *about.layout))
        yield "```"
    if about.notes:
        yield _filled(about.notes)
    settings = [key for key in DATASETS.entry(name).settings.model_fields if key != "name"]
    if settings:
        yield _filled(f"Settings (`tsrep data info {name}`): {', '.join(map(_code, settings))}.")
    yield ""
    yield _filled(f"Cite: {about.citation}")


def _filled(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _code(text: str) -> str:
    return text if " " in text else f"`{text}`"


def written(text: str) -> str:
    """A page with the part between the marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{generated()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
