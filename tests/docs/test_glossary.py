"""Help, documentation, templates and messages say what the field says: the glossary of terms of art.

Each entry names a pattern, the places where it must not stand, and what stands there instead. Ordinary
English use of a word stays allowed where the pattern does not reach it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import tsrep
from tsrep.cli.app import app

PACKAGE = Path(tsrep.__file__).parent
ROOT = PACKAGE.parent
DOCS, HELP, MESSAGES, TEMPLATES, DOCSTRINGS = "docs", "help", "messages", "templates", "docstrings"
EVERYWHERE = (DOCS, HELP, MESSAGES, TEMPLATES, DOCSTRINGS)
GLOSSARY: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (r"\b(told|tell(s|ing)?) apart\b", EVERYWHERE, "not significant (n.s.)"),
    (r"\btell(s|ing)? .{1,30} apart from\b", EVERYWHERE, "significance"),
    (r"\|\s*(reads|reading)\s*\|", EVERYWHERE, "significance"),
    (r"what training adds", EVERYWHERE, "gain over random initialisation"),
    (r"\brandom starts?\b|untrained twin|random controls?\b", EVERYWHERE, "random initialisation"),
    (r"random[- ]init\b", EVERYWHERE, "random initialisation"),
    (r"\bmend(s|ed|ing)?\b", EVERYWHERE, "fix"),
    (r"\bgo(es|ing)? on with\b", EVERYWHERE, "resume"),
    (r"\brates? of learning\b", EVERYWHERE, "learning rate"),
    (r"\bpenalties:|holding `?C`?\b", EVERYWHERE, "C, inverse regularisation strength"),
    (r"evaluation\.(penalties|scheme|neighbours|horizons|context)\b", EVERYWHERE, "evaluation.PROTOCOL.KEY"),
    (r"\bsupport vectors\b", EVERYWHERE, "SVM (RBF)"),
    (r"\bbeaten in both\b|\bbeats? in both\b", EVERYWHERE, "dominated"),
    (r"\bthree quarters\b", EVERYWHERE, "Q3"),
    (r"\bdrawn_by\b|\bleast_steps\b", EVERYWHERE, "subsample_by, min_steps"),
    (r"evaluation\.resamples", EVERYWHERE, "n_bootstrap"),
    (r"\bsections? to train on\b|\btraining sections?\b", EVERYWHERE, "training windows"),
    (r"\bknown in advance\b", EVERYWHERE, "known covariates"),
    (r"\b[Pp]layers?\b", EVERYWHERE, "inner optimisation (augmenter)"),
    (r"\breadings\b", EVERYWHERE, "diagnostics"),
    (r"\bguards?\b", EVERYWHERE, "exclusion zone"),
    (r"\bsparing\b", EVERYWHERE, "except covariates"),
    (r"\bstretch of (?!the gate)|\bstretches (?!downwards)", EVERYWHERE, "evaluation spans, intervals"),
    (r"\b(a|any|each|every|marked|random|that|the|this) stretch\b", EVERYWHERE, "segments"),
    (r"\brepresented features?\b", EVERYWHERE, "frozen features"),
    (r"(--dataset|-d|name:) (csv|table)\b", EVERYWHERE, "series-csv, panel-csv"),
    (r"^Source\n-+$", (DOCSTRINGS,), "References"),
    (r"\bdraws? (a |the |its )?(picture|figure)s?\b|\bpictures?\b", EVERYWHERE, "plot, figure"),
    (r"\bbeats?\b.{0,30}\b(worker|storage)", EVERYWHERE, "heartbeats"),
    (r"\b(worker|storage)s?\b.{0,30}\bbeats?\b", EVERYWHERE, "heartbeats"),
    (r"--label\b|--univariate\b", EVERYWHERE, "--set dataset.label, --set dataset.variables"),
    (r"\bForecastScores\b|\bforecast\.(json|npz)\b", EVERYWHERE, "Scores, scores.json, forecasts.npz"),
    (r"\bstudy proxy\b|\b[gG]RPC\b|grpc://", EVERYWHERE, "PostgreSQL"),
)  # fmt: skip


@cache
def texts(where: str) -> tuple[tuple[str, str], ...]:
    """Place and text of all that stands somewhere."""
    sources = {DOCS: _docs, HELP: _help, TEMPLATES: _templates, MESSAGES: _messages, DOCSTRINGS: _docstrings}
    return tuple(sources[where]())


def _docs() -> Iterator[tuple[str, str]]:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    pages += [ROOT / "data" / "README.md", *sorted((ROOT / "configs").glob("*.yaml"))]
    pages += sorted((ROOT / "studies").glob("*.yaml"))
    for path in pages:
        text = path.read_text(encoding="utf-8")
        if path.name == "CHANGELOG.md":  # which has to say what a setting was called before
            text = re.sub(r"`[^`]*`", "", text)
        yield str(path.relative_to(ROOT)), text


def _help() -> Iterator[tuple[str, str]]:
    """What every command prints when it is asked for help, without frames and line breaks."""
    for words in commands_of(typer.main.get_command(app)):
        shown = CliRunner().invoke(app, [*words, "--help"])
        assert shown.exit_code == 0, shown.output
        yield " ".join(["tsrep", *words]), re.sub(r"[\s│─╭╮╰╯]+", " ", shown.output)


def commands_of(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
    """Names of a command and of all commands below it, in words."""
    yield words
    for word, inner in getattr(command, "commands", {}).items():
        yield from commands_of(inner, *words, word)


def _templates() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.html")):
        text = re.sub(r"<style>.*?</style>|{[%#].*?[%#]}|{{.*?}}|<[^>]*>", " ", path.read_text(), flags=re.S)
        yield path.name, text


@cache
def _strings() -> tuple[tuple[str, str, bool], ...]:
    """Place, text, and whether it is a docstring, of every sentence in the source."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree, name = ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(PACKAGE))
        own = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                docstring = id(node) in own
                text = "\n".join(map(str.strip, node.value.splitlines()))
                if docstring or " " in text.strip():
                    found.append((f"{name}:{node.lineno}", text, docstring))
    return tuple(found)


def _messages() -> Iterator[tuple[str, str]]:
    yield from ((place, text) for place, text, docstring in _strings() if not docstring)


def _docstrings() -> Iterator[tuple[str, str]]:
    yield from ((place, text) for place, text, docstring in _strings() if docstring)


@pytest.mark.parametrize(("pattern", "where", "instead"), GLOSSARY, ids=[entry[2] for entry in GLOSSARY])
def test_the_glossary_is_kept(pattern: str, where: tuple[str, ...], instead: str) -> None:
    found = [
        f"{place}: …{text[max(0, hit.start() - 30) : hit.end() + 30]!r}"
        for kind in where
        for place, text in texts(kind)
        for hit in re.finditer(pattern, text, flags=re.MULTILINE)
    ]
    assert not found, f"say {instead!r}:\n" + "\n".join(found[:40])
