"""The site is complete: it builds without a warning, nothing links to nowhere, and nothing is left out."""

from __future__ import annotations

import html
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

import tsrep
import tsrep.estimators
import tsrep.testing
from tests.docs.snippets import ROOT, pages
from tests.docs.test_glossary import commands_of
from tsrep.cli.app import app
from tsrep.registry import REGISTRIES
from tsrep.runs.config import Configuration, ReportSettings, WindowSettings
from tsrep.training.settings import TrainingSettings

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


def test_every_image_is_shown() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in ALL)
    unused = [path.name for path in (DOCS / "images").iterdir() if f"images/{path.name}" not in text]
    assert not unused


def test_every_image_has_its_maker() -> None:
    script = (DOCS / "make_images.py").read_text(encoding="utf-8")
    for path in (DOCS / "images").glob("*.png"):
        assert any(part in script for part in (path.stem, path.name)), f"nothing makes {path.name}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DOCS_SEARCH": "false"},
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


@pytest.mark.long
def test_it_builds_without_a_warning(site: Path) -> None:
    assert (site / "index.html").exists()


@pytest.mark.long
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://[^"]+"', text)


@pytest.mark.long
@pytest.mark.parametrize("kind", REGISTRIES)
def test_everything_registered_has_a_page(site: Path, kind: str) -> None:
    for name in REGISTRIES[kind].names():
        part = REGISTRIES[kind].entry(name).cls
        if part.__module__.startswith("tsrep."):
            page = (site / "reference" / kind / f"{name}.html").read_text(encoding="utf-8")
            assert f'id="{part.__module__}.{part.__qualname__}"' in page


@pytest.mark.long
def test_every_command_has_a_page_with_its_options(site: Path) -> None:
    for words in commands_of(typer.main.get_command(app)):
        command = typer.main.get_command(app)
        for word in words:
            command = command.commands[word]
        if words and not hasattr(command, "commands"):
            file = site / "reference" / "commands" / f"tsrep-{'-'.join(words)}.html"
            page = html.unescape(file.read_text(encoding="utf-8"))
            for parameter in command.params:
                assert all(word in page for word in parameter.opts if word.startswith("-")), parameter.name
                assert parameter.help is None or parameter.help[:10] in re.sub("<[^>]*>", "", page)


@pytest.mark.long
def test_what_tsrep_exports_has_a_page(site: Path) -> None:
    for module, folder in ((tsrep, "python"), (tsrep.estimators, "estimators"), (tsrep.testing, "plugins")):
        for name in module.__all__:
            page = (site / "reference" / folder / f"{name}.html").read_text(encoding="utf-8")
            assert f'id="{module.__name__}.{name}"' in page


@pytest.mark.long
def test_every_setting_is_in_the_reference(site: Path) -> None:
    sections = {"run": Configuration, "window": WindowSettings, "training": TrainingSettings}
    sections |= {"report": ReportSettings}
    for section, model in sections.items():
        page = (site / "reference" / "configuration" / f"{section}.html").read_text(encoding="utf-8")
        assert all(f"<code>{name}</code>" in page for name in model.model_fields)
