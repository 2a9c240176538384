"""Checking commands and programs that need more than a test has: their options, settings and names."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer.main

from tests.docs.snippets import PLACEHOLDER, ROOT
from tsrep.cli.app import app
from tsrep.registry import PROTOCOLS, list_registered
from tsrep.runs.config import merged
from tsrep.runs.config_files import assemble, parse_assignment, read_config
from tsrep.studies.define.check import check_study
from tsrep.studies.define.definition import define


def check_command(command: str) -> None:
    """Check a command without running it; of other programs that it can be split into words.

    Raises
    ------
    Exception
        Of click or tsrep, where an option, a name or a setting is not there.
    """
    words = shlex.split(command)
    if "tsrep" in words:
        check_tsrep(words[words.index("tsrep") + 1 :])
    elif words[0] == "make":
        made = (ROOT / "Makefile").read_text(encoding="utf-8")
        absent = [word for word in words[1:] if f"\n{word}:" not in made]
        assert not absent, f"the Makefile has no target {absent}"
    elif words[0] == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = re.findall(r"\[([^\]]+)\]", command)
        absent = [e for text in extras for e in text.split(",") if e not in project["optional-dependencies"]]
        assert not absent, f"there is no extra {absent}"


def check_tsrep(arguments: Sequence[str]) -> None:
    """Parse arguments as the command line does, then check the settings that they give."""
    command: Any = typer.main.get_command(app)
    said, rest = [], list(arguments)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"there is no command tsrep {' '.join([*said, rest[0]])}"
        said.append(rest.pop(0))
        command = command.commands[said[-1]]
    if "--help" in rest or hasattr(command, "commands"):
        return
    given = command.make_context(" ".join(said), rest).params
    for name in given.get("protocol") or ():
        if not _unknown(name):
            PROTOCOLS.entry(name)
    if said == ["list"] and given["kind"] is not None and not _unknown(given["kind"]):
        list_registered(given["kind"])
    if said == ["study", "run"]:
        _check_study(given)
    elif "assignments" in given and said != ["forecast"]:
        _check_settings(given, whole=said != ["embed"])
    elif given.get("assignments"):
        assemble({"dataset": {"name": "series-csv"}}, assignments=given["assignments"])


def _check_settings(given: Mapping[str, Any], *, whole: bool) -> None:
    file = given.get("config")
    if given.get("resume") is not None or (not whole and given["dataset"] is None):
        return
    named = {key: given.get(key) for key in ("objective", "root", "seed")}
    named["dataset"] = given.get("dataset") or given.get("name")
    below = read_config(_real(file)) if file is not None and not _unknown(file) else None
    above = {key: value for key, value in named.items() if value is not None and not _unknown(value)}
    assemble(below, above, assignments=given["assignments"] or ())


def _check_study(given: Mapping[str, Any]) -> None:
    if _unknown(given["file"]):
        return
    values = read_config(_real(given["file"]))
    for assignment in given["assignments"] or ():
        values["config"] = merged(values["config"], parse_assignment(assignment))
    check_study(define(values, str(given["file"])))


def _unknown(value: Any) -> bool:
    return PLACEHOLDER.search(str(value)) is not None


def _real(path: Path) -> Path:
    return path if path.exists() else ROOT / path


def check_python(code: str) -> None:
    """Check imports, the names taken from modules, and the arguments that these are called with."""
    known: dict[str, Any] = {}
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name if alias.asname else alias.name.split(".")[0]
                importlib.import_module(alias.name)
                known[alias.asname or top] = importlib.import_module(top)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            known |= {alias.asname or alias.name: getattr(module, alias.name) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            _resolve(node, known)
        elif isinstance(node, ast.Call) and (target := _resolve(node.func, known)) is not None:
            names = {keyword.arg: None for keyword in node.keywords if keyword.arg}
            inspect.signature(target).bind(*node.args, **names)


def _resolve(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """What a name or attribute of a module stands for; None where it is a variable of the program."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolve(node.value, known)
        return None if owner is None else getattr(owner, node.attr)
    return None
