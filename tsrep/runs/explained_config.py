"""Every setting of a configuration: its value, what else it may be, what it does, and who chose it."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from tsrep.registry import DATASETS, Settings
from tsrep.runs.config import NAMED, configure, merged, plain, suited
from tsrep.runs.schema import in_words, properties_of
from tsrep.yaml_files import write_yaml

Layers = Sequence[tuple[str, Mapping[str, Any]]]
GENERAL = "default"
TO_FILL_IN = "FILL IN"
WIDTH = 100  # characters of a line of comments
STAND_INS = {"panel": "ptb-xl-sim", "series": "seasonal-sim"}  # of data sets that need more than a name
PARAMETER = re.compile(r"^(?P<names>[\w, ]+) : [^\n]+\n(?P<text>(?:    [^\n]*\n?)+)", re.MULTILINE)


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes
    ----------
    path : str
        ``"training.lr"``.
    value : plain value
    origin : str
        ``"default"``, ``"objective simclr"`` (its defaults), or the layer that was given.
    choices, about : str
        What it may be, and what it does; empty where nobody says it.
    """

    path: str
    value: Any
    origin: str
    choices: str
    about: str


def explained(layers: Layers = ()) -> list[Setting]:
    """Settings of the configuration that layers give together, in order.

    Parameters
    ----------
    layers : sequence of (name, plain values)
        Later ones win.

    Raises
    ------
    ConfigError
        When they do not give a valid configuration.
    """
    values: dict[str, Any] = {}
    for _, layer in layers:
        values = merged(values, layer)
    config = configure(values)
    chosen = plain(config)
    return list(_settings(config, chosen, _of_names([*suited(values), *layers], chosen), ""))


def _of_names(layers: Layers, chosen: Mapping[str, Any]) -> Layers:
    """Layers without the settings of parts that go by another name in the end."""
    return [
        (who, {key: each for key, each in layer.items() if _name(each) in (None, _name(chosen.get(key)))})
        for who, layer in layers
    ]


def _name(part: Any) -> Any:
    return part.get("name") if isinstance(part, Mapping) else part if isinstance(part, str) else None


def _settings(model: BaseModel, values: Mapping[str, Any], layers: Layers, above: str) -> Iterator[Setting]:
    kind = type(model)
    assert issubclass(kind, Settings)
    schemas, texts = properties_of(kind), parameter_texts(kind)
    for name, field in kind.model_fields.items():
        inner, path, key = getattr(model, name), f"{above}{name}", field.alias or name
        if isinstance(inner, Settings):
            yield from _settings(inner, values[key], layers, f"{path}.")
            continue
        choices = _choices(path, schemas.get(key, {}))
        about = field.description or texts.get(name, "")
        yield Setting(path, values[key], _origin(path, layers), choices, about)


def _choices(path: str, schema: Mapping[str, Any]) -> str:
    """What a setting may be; of a part all names."""
    if (registry := NAMED.get(path.removesuffix(".name"))) is not None:
        return ", ".join(registry.names())
    return "" if "const" in schema else in_words(schema, "")


def _origin(path: str, layers: Layers) -> str:
    """The last layer that has the setting, or the whole part that it belongs to under one name."""
    for name, layer in reversed(layers):
        if _has(layer, path.split(".")):
            return name
    return GENERAL


def _has(values: Any, path: Sequence[str]) -> bool:
    for n, key in enumerate(path):
        if not isinstance(values, Mapping):
            return isinstance(values, str) and list(path[n:]) == ["name"]  # a name stands for its part
        if key not in values:
            return False
        values = values[key]
    return True


@cache
def parameter_texts(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of each parameter, as one line."""
    section = inspect.cleandoc(model.__doc__ or "").partition("Parameters\n----------\n")[2]
    section = re.split(r"\n\w[\w ]*\n-{3,}\n", section)[0]
    found: dict[str, str] = {}
    for match in PARAMETER.finditer(section + "\n"):
        text = " ".join(match["text"].split()).replace("``", "").rstrip(".")
        found |= {name.strip(): text for name in match["names"].split(",")}
    return found


def annotated(values: Mapping[str, Any]) -> str:
    """A configuration file with a line above every setting that says what it may be and does.

    Parameters
    ----------
    values : plain values
        At least ``dataset``; what that needs and is not given stands as ``FILL IN``.

    Raises
    ------
    ConfigError
        When a name or value is not valid.
    """
    entry = DATASETS.entry(values["dataset"]["name"])
    wanted = {
        name: field
        for name, field in entry.settings.model_fields.items()
        if field.is_required() and name not in values["dataset"]
    }
    if not wanted:
        settings = explained([("given", values)])
        return _header(entry.name) + _written(settings)
    settings = explained([("given", {**values, "dataset": STAND_INS[entry.task]})])
    own, texts, schemas = values["dataset"], parameter_texts(entry.settings), properties_of(entry.settings)
    filled = []
    for name, field in entry.settings.model_fields.items():
        value = own.get(name, TO_FILL_IN if name in wanted else field.get_default())
        path = f"dataset.{name}"
        filled.append(Setting(path, value, "", _choices(path, schemas[name]), texts.get(name, "")))
    first = next(n for n, each in enumerate(settings) if each.path.startswith("dataset."))
    rest = [each for each in settings if not each.path.startswith("dataset.")]
    return _header(entry.name) + _written([*rest[:first], *filled, *rest[first:]])


def _header(name: str) -> str:
    return f"# A run on {name}. Lines may be left out: what is not said takes its default.\n"


def _written(settings: Sequence[Setting]) -> str:
    """YAML, each part as a block."""
    lines: list[str] = []
    before: list[str] = []
    for setting in settings:
        *parts, name = setting.path.split(".")
        shared = next((n for n, (a, b) in enumerate(zip(parts, before, strict=False)) if a != b), None)
        shared = min(len(parts), len(before)) if shared is None else shared
        if not parts or shared == 0:
            lines.append("")
        lines += [f"{'  ' * n}{parts[n]}:" for n in range(shared, len(parts))]
        indent = "  " * len(parts)
        comment = "; ".join(filter(None, [setting.choices, setting.about]))
        lines += textwrap.wrap(comment, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        lines += [f"{indent}{line}" for line in _key(name, setting.value).splitlines()]
        before = parts
    return "\n".join(lines).lstrip("\n") + "\n"


def _key(name: str, value: Any) -> str:
    """``key: value``, lists on one line."""
    if isinstance(value, list | tuple) and not any(isinstance(each, dict | list) for each in value):
        return f"{name}: [{', '.join(_scalar(each) for each in value)}]"
    return write_yaml({name: value})


def _scalar(value: Any) -> str:
    return write_yaml([value]).removeprefix("- ").rstrip("\n")
