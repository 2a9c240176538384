"""Configurations from YAML files, presets and ``--set path=value``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tsrep.errors import ConfigError
from tsrep.reading import refuse_other_format
from tsrep.runs.config import Configuration, configure, merged, plain
from tsrep.yaml_files import read_settings, read_yaml, write_yaml

VERSION = 1


def read_config(path: Path) -> dict[str, Any]:
    """Plain values of a YAML file.

    Raises
    ------
    ConfigError
        When the file is missing, is not YAML, or is not a mapping.
    RunError
        When another version of tsrep wrote it.
    """
    values = read_settings(path, "configuration")
    refuse_other_format(path, values.get("version", VERSION), VERSION)
    return values


def assemble(*layers: Mapping[str, Any] | None, assignments: Sequence[str] = ()) -> Configuration:
    """One configuration from layers, later ones winning, and ``path=value`` assignments on top.

    Raises
    ------
    ConfigError
        When an assignment is malformed or the result is not valid.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        values = merged(values, layer or {})
    for assignment in assignments:
        values = merged(values, parse_assignment(assignment))
    return configure(values)


def parse_assignment(assignment: str) -> dict[str, Any]:
    """Nested plain values of ``path=value``.

    Raises
    ------
    ConfigError
        When it is not of that form, or the value is not YAML.
    """
    path, equals, text = assignment.partition("=")
    if not equals or not all(path.split(".")):
        raise ConfigError(
            f"--set {assignment!r} is not of the form path=value, such as objective.temperature=0.2"
        )
    value = read_yaml(text, f"the value of --set {assignment!r}") if text else ""
    if isinstance(value, dict) and any(v is None and ":" in str(key) for key, v in value.items()):
        raise ConfigError(
            f"--set {assignment!r} has no space after a colon, which YAML wants; write it in quotes, such as "
            "'objective.loss={name: dcl, temperature: 0.1}'"
        )
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def dump_config(config: Configuration) -> str:
    """Every setting, defaults included, as YAML."""
    return write_yaml(plain(config))
