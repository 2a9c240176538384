"""YAML as people write it: text stays text, every name once, nothing that grows when it is read.

Plain values are those of the core schema of YAML 1.2, so that ``NO``, ``on`` and ``2025-01-01`` are text and
``1e-4`` is a number; besides, ``01`` is text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tsrep.errors import ConfigError

TAG = "tag:yaml.org,2002:"
BREAKS = frozenset("\x85\u2028\u2029")
DEEPEST, LARGEST, LONGEST_NUMBER = 50, 100_000, 40  # levels; values; characters
PLAIN = {
    "null": (re.compile(r"~|null|Null|NULL|"), ("~", "n", "N", "")),
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), tuple("tTfF")),
    "int": (re.compile(r"[-+]?(0|[1-9][0-9]*)"), tuple("-+0123456789")),
    "float": (
        re.compile(
            r"[-+]?(([0-9]*\.[0-9]+|[0-9]+\.)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)"
            r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
        ),
        tuple("-+.0123456789"),
    ),
}


class _TooDeep(yaml.MarkedYAMLError):
    """Nested deeper than settings are."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refused before the composer, which is recursive, goes deeper."""
        self.depth += 1
        if self.depth > DEEPEST and self.check_event(yaml.CollectionStartEvent):
            raise _TooDeep(problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Values that occur twice are written twice."""
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    """Line breaks of Unicode are escaped; elsewhere they would be folded."""
    style = '"' if BREAKS & set(value) else None
    return dumper.represent_scalar(f"{TAG}str", value, style=style)


_Dumper.add_representer(str, _text)
for _kind, (_form, _first) in PLAIN.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_form.pattern})$"), _first
        )


def read_yaml(text: str, what: str) -> Any:
    """Plain values of a YAML text.

    Parameters
    ----------
    text : str
    what : str
        The text, as messages begin: ``"configuration small.yaml"``.

    Raises
    ------
    ConfigError
        When it is not YAML, has a name twice, refers to itself, or is too deep or too large.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except _TooDeep as error:
        raise ConfigError(
            f"{what}{_line(error.problem_mark)} is nested deeper than {DEEPEST} levels; flatten it"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{what}{_line(getattr(error, 'problem_mark', None))} is not valid YAML; fix it"
        ) from error
    return None if node is None else _Reading(what).value(node)


def read_settings(path: Path, what: str) -> dict[str, Any]:
    """Plain values by name from a YAML file.

    Parameters
    ----------
    path : Path
    what : str
        What the file is, as messages begin: ``"configuration"``.

    Raises
    ------
    ConfigError
        When it is missing, is not YAML, or is not a mapping.
    """
    what = f"{what} {path}"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{what} cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what} is not UTF-8 text; save it as such") from error
    values = read_yaml(text, what)
    if values is not None and not isinstance(values, dict):
        raise ConfigError(f"{what} holds a {type(values).__name__}, not settings by name; fix it")
    return values or {}


def write_yaml(value: Any) -> str:
    """Plain values as YAML that :func:`read_yaml` reads as the same."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Reading:
    """Plain values of one text."""

    def __init__(self, what: str) -> None:
        self.what, self.count, self.open = what, 0, set[int]()

    def value(self, node: yaml.Node) -> Any:
        """Of a node and what is in it."""
        self.count += 1
        if self.count > LARGEST:
            raise ConfigError(f"{self.what} has more than {LARGEST:,} values; shorten it")
        if id(node) in self.open:
            raise self._wrong(node, "refers to itself; write its values out")
        self.open.add(id(node))
        try:
            return self._read(node)
        finally:
            self.open.discard(id(node))

    def _wrong(self, node: yaml.Node, what: str) -> ConfigError:
        return ConfigError(f"{self.what}{_line(node.start_mark)} {what}")

    def _read(self, node: yaml.Node) -> Any:
        kind = node.tag.removeprefix(TAG)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.value(each) for each in node.value]
        if isinstance(node, yaml.ScalarNode) and kind in ("str", *PLAIN):
            return self._scalar(node, kind)
        raise self._wrong(node, f"has the tag {node.tag}, which settings do not use; leave it out")

    def _mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in node.value:
            name = self.value(key)
            if isinstance(name, dict | list):
                raise self._wrong(key, "has a list as a name; write a text")
            if name in found:
                raise self._wrong(key, f"has {name!r} a second time; keep one of them")
            found[name] = self.value(value)
        return found

    def _scalar(self, node: yaml.ScalarNode, kind: str) -> Any:
        text = node.value
        if kind == "str":
            if not text.isascii() and any(0xD800 <= ord(character) < 0xE000 for character in text):
                raise self._wrong(node, "has half of a surrogate pair, which is no character; remove it")
            return text
        if len(text) > LONGEST_NUMBER:
            raise self._wrong(node, f"has a number of {len(text)} characters; {LONGEST_NUMBER} are the most")
        if not PLAIN[kind][0].fullmatch(text):
            raise self._wrong(node, f"has {text!r}, which is not of the type {kind}; leave the tag out")
        return _plain(text, kind)


def _plain(text: str, kind: str) -> bool | float | None:
    if kind in ("null", "bool"):
        return None if kind == "null" else text.lower() == "true"
    return int(text) if kind == "int" else float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _line(mark: Any) -> str:
    return "" if mark is None else f", line {mark.line + 1},"
