"""What modules register under which names, read from their source without importing them."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REFERENCE = re.compile(
    r"^References\n-+\n(?:\.\. \[\d+\] )?(.+?)(?=\n\n|\n\.\. |\Z)", re.MULTILINE | re.DOTALL
)
SENTENCE = re.compile(r"(?<=[a-z\d)\"]\.)(?<! al\.) (?=[A-Z])")  # initials and "et al." end no sentence


@dataclass(frozen=True)
class Listed:
    """A registered part as its source describes it.

    Attributes
    ----------
    name, module : str
    summary : str
        First line of its docstring.
    reference : str
        First sentence of the section ``References`` of its docstring; of a data set without one what is
        to be cited.
    registry : tuple of (str, str)
        Module and variable of the registry that its decorator names.
    attributes : dict of name to expression
        What the attributes of a class are set to.
    """

    name: str
    module: str
    summary: str = ""
    reference: str = ""
    registry: tuple[str, str] = ("", "")
    attributes: dict[str, ast.expr] = field(default_factory=dict, repr=False, compare=False)

    def belongs_to(self, registry: object) -> bool:
        """Whether its decorator is that of a registry, which exists only where its module is imported."""
        module, variable = self.registry
        return getattr(sys.modules.get(module), variable, None) is registry

    def keywords(self, attribute: str, wanted: Iterable[str]) -> dict[str, Any]:
        """Keywords of the call that a class attribute is set to; those that are not given are left out.

        Raises
        ------
        ValueError
            When the class does not set it, or a value is not a literal.
        """
        call = self.attributes.get(attribute)
        if not isinstance(call, ast.Call):
            raise ValueError(f"{self.module} does not set {attribute} of {self.name} by a call")
        return {
            each.arg: ast.literal_eval(each.value)
            for each in call.keywords
            if each.arg and each.arg in wanted
        }


def described(name: str, module: str, docstring: str | None) -> Listed:
    """A part by its docstring."""
    text = inspect.cleandoc(docstring or "")
    found = REFERENCE.search(text)
    reference = SENTENCE.split(" ".join(found[1].split()))[0] if found else ""
    return Listed(name, module, text.partition("\n")[0], reference)


@cache
def listed(module: str) -> tuple[Listed, ...]:
    """What a module registers by ``@REGISTRY.register("name")``, and all modules below it."""
    return tuple(part for name, path in _sources(module) for part in _registrations(name, path))


def _sources(module: str) -> Iterator[tuple[str, Path]]:
    """Names and files of a module and of those below it; none where it is not found as source."""
    top, *below = module.split(".")
    spec, name = find_spec(top), top
    for part in below:  # step by step, as find_spec would import what a module lies in
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations) if spec is not None else None
    if spec is None:
        return
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((module, *parts)).removesuffix(".__init__"), path
    if not spec.submodule_search_locations and spec.origin is not None:
        yield module, Path(spec.origin)


def _registrations(module: str, path: Path) -> Iterator[Listed]:
    source = path.read_bytes()
    if b".register(" not in source:
        return
    origin: dict[str, tuple[str, str]] = {}
    try:
        nodes = ast.parse(source).body
    except (SyntaxError, ValueError):  # told when it is imported
        return
    for node in nodes:
        match node:
            case ast.ImportFrom(module=str(above), names=names):
                origin |= {each.asname or each.name: (above, each.name) for each in names}
            case ast.ClassDef() | ast.FunctionDef():
                yield from _decorated(node, module, origin)


def _decorated(
    node: ast.ClassDef | ast.FunctionDef, module: str, origin: dict[str, tuple[str, str]]
) -> Iterator[Listed]:
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=registry), attr="register"),
                args=[ast.Constant(value=str(name))],
            ):
                part = replace(
                    described(name, module, ast.get_docstring(node)),
                    registry=origin.get(registry, (module, registry)),
                    attributes=dict(_attributes(node)),
                )
                if not part.reference:
                    with suppress(ValueError, KeyError):
                        part = replace(part, reference=part.keywords("about", ["citation"])["citation"])
                yield part


def _attributes(node: ast.ClassDef | ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
