"""Nobody asks a thing for its kind where it can be asked to act: counted over the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import tsrep
from tsrep.registry import OBJECTIVES, PROTOCOLS

PACKAGE = Path(tsrep.__file__).parent
KINDS = {
    "Panel", "Series", "Prepared", "PreparedPanel", "PreparedSeries", "Split", "TimeSplit", "PanelTask",
    "SeriesTask", "LabelEvaluation", "SeriesEvaluation",
}  # fmt: skip
METHODS = {"Forecast", "Forecaster", "Supervised", "AutoTCL", "Comet", "Objective"}
ATTRIBUTES = {"variables", "targets", "kind", "spans", "instances", "task", "forecast"}
OWN = {
    "runs/task": KINDS,
    "signals": KINDS,
    "splits": KINDS,
    "forecasting": METHODS,
    "objectives": METHODS,
}


@cache
def modules() -> dict[str, list[ast.Call | ast.Compare]]:
    """Calls and comparisons of every module by its path in the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call | ast.Compare)
        ]
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def questions(name: str, nodes: Iterable[ast.AST], wanted: set[str]) -> Iterator[str]:
    """Calls of isinstance with a wanted class, and of hasattr with an attribute that tells one apart."""
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) < 2:
            continue
        if node.func.id in ("isinstance", "issubclass"):
            names = {each.id for each in ast.walk(node.args[1]) if isinstance(each, ast.Name)}
            attributes = {each.attr for each in ast.walk(node.args[1]) if isinstance(each, ast.Attribute)}
            pandas = "pd" in names
            if (names | (set() if pandas else attributes)) & wanted:
                yield f"{name}:{node.lineno} {ast.unparse(node)}"
        elif (
            node.func.id == "hasattr"
            and isinstance(node.args[1], ast.Constant)
            and node.args[1].value in ATTRIBUTES
        ):
            yield f"{name}:{node.lineno} {ast.unparse(node)}"


def comparisons(name: str, nodes: Iterable[ast.AST], wanted: set[str]) -> Iterator[str]:
    """Comparisons of something called name, method, protocol or objective with a registered name."""
    for node in nodes:
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        literals = {
            each.value
            for side in sides
            for each in ast.walk(side)
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        }
        if not literals & wanted:
            continue
        told = ast.unparse(node)
        if any(word in told for word in (".name", "method", "protocol", "objective")):
            yield f"{name}:{node.lineno} {told}"


def outside(name: str, wanted: set[str]) -> set[str]:
    """The wanted names but for those whose own room this is."""
    own = next((names for room, names in OWN.items() if name == room or name.startswith(f"{room}/")), set())
    return wanted - own


def test_kinds_of_data_are_hardly_ever_asked_for() -> None:
    found = [q for name, nodes in modules().items() for q in questions(name, nodes, outside(name, KINDS))]
    assert len(found) < 8, "\n".join(found)


def test_methods_are_never_asked_for_by_class() -> None:
    found = [q for name, nodes in modules().items() for q in questions(name, nodes, outside(name, METHODS))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("registry", [OBJECTIVES, PROTOCOLS], ids=lambda registry: registry.kind)
def test_registered_names_are_never_compared(registry: object) -> None:
    names = set(registry.names())  # type: ignore[attr-defined]  # a registry
    found = [
        q
        for name, nodes in modules().items()
        if not name.startswith(("objectives/", "forecasting/", "evaluation/protocols/"))
        for q in comparisons(name, nodes, names)
    ]
    assert not found, "\n".join(found)
