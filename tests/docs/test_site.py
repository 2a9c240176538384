"""The site is complete: it builds without a warning, nothing links to nowhere, and nothing is left out."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from tests.docs.snippets import ROOT, pages
from tsrep import registry
from tsrep.cli.app import app

DOCS = ROOT / "docs"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ALL = [*pages(), *sorted((DOCS / "results").rglob("*.md"))]


class _Loader(yaml.SafeLoader):
    """YAML whose tags, which only MkDocs knows, stand for nothing."""


_Loader.add_multi_constructor("", lambda *_: None)


def listed(nav: Any) -> Iterator[str]:
    """Files of a navigation."""
    for entry in nav if isinstance(nav, list) else nav.values():
        if isinstance(entry, str):
            yield entry
        else:
            yield from listed(entry)


def slug(heading: str) -> str:
    """The anchor of a heading."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(path), f"{page.name} links to {target}, but there is no such heading"


def test_every_page_is_in_the_navigation() -> None:
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=_Loader)
    there = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    results = {name for name in there if name.startswith("results/")}
    assert set(listed(config["nav"])) == there - results
    said = set(LINK.findall((DOCS / "results.md").read_text(encoding="utf-8")))
    for page in (DOCS / "results").glob("*.md"):  # a page may have reports of its own
        said |= {f"results/{link}" for link in LINK.findall(page.read_text(encoding="utf-8"))}
    assert results <= said, f"docs/results.md does not link {sorted(results - said)}"


def test_every_picture_is_shown() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in ALL)
    unused = [path.name for path in (DOCS / "images").iterdir() if f"images/{path.name}" not in text]
    assert not unused


def test_every_picture_has_its_maker() -> None:
    script = (DOCS / "make_images.py").read_text(encoding="utf-8")
    for path in (DOCS / "images").glob("*.png"):
        assert any(part in script for part in (path.stem, path.name)), f"nothing makes {path.name}"


def test_every_command_is_named() -> None:
    def walk(command: Any, name: str) -> Iterator[str]:
        if hasattr(command, "commands"):
            for word, inner in command.commands.items():
                yield from walk(inner, f"{name} {word}")
        else:
            yield name

    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    absent = [name for name in walk(typer.main.get_command(app), "tsrep") if f"`{name}" not in text]
    assert not absent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_extra_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"]) - {"dev"}
    table = (DOCS / "install.md").read_text(encoding="utf-8").partition("| extra |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` ", table, flags=re.MULTILINE)) == extras


def test_it_builds_without_a_warning(site: Path) -> None:
    assert (site / "index.html").exists()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://[^"]+"', text)


def test_every_registered_class_is_in_the_reference(site: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (site / "reference").glob("*.html"))
    for each in vars(registry).values():
        if isinstance(each, registry.Registry):
            for name in each.names():
                made = each.entry(name).cls
                source = inspect.getsource(sys.modules[made.__module__])
                # others are made from a table, such as the published series
                if made.__module__.startswith("tsrep.") and f"class {made.__name__}" in source:
                    anchor = f'id="{made.__module__}.{made.__qualname__}"'
                    assert anchor in text, f"{each.kind} {name} is not in the reference"
