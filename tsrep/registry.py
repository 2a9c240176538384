"""Names for pluggable parts: encoders, objectives, views, samplers, datasets and splits.

A registry holds classes and, for each, a pydantic model made from its signature, so that a
configuration file is checked before anything runs. The modules of the registry's package are found
by themselves, and other distributions join through an entry point group of the same name.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, create_model
from pydantic_core import core_schema

from tsrep.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A registered class, the model of its settings, and the arguments that only a run can give."""

    name: str
    cls: type[Any]
    settings: type[BaseModel]
    runtime: tuple[str, ...]


class Registry:
    """Classes of one kind by name.

    Parameters
    ----------
    kind : str
        What an entry is called in messages, such as ``"encoder"``.
    package : str
        Package whose modules register the built-in entries; also the entry point group for plug-ins.
    *also : str
        Further packages with built-in entries.
    """

    def __init__(self, kind: str, package: str, *also: str) -> None:
        self.kind = kind
        self.package, self.also = package, also
        self._entries: dict[str, Entry] = {}
        self._discovered = False

    def register(self, name: str, *, runtime: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
        """Class decorator; ``runtime`` names the arguments that come from the data, not from settings."""

        def add(cls: type[T]) -> type[T]:
            if name in self._entries and self._entries[name].cls.__qualname__ != cls.__qualname__:
                raise ConfigError(f"two {self.kind} classes are registered as {name!r}; rename one of them")
            self._entries[name] = Entry(name, cls, _settings_model(name, cls, runtime), runtime)
            return cls

        return add

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._discover()
        return sorted(self._entries)

    def entry(self, name: str) -> Entry:
        """The entry called ``name``.

        Raises
        ------
        ConfigError
            When there is none; the message offers the nearest name.
        """
        self._discover()
        if name not in self._entries:
            raise ConfigError(f"unknown {self.kind} {name!r}; {nearest(name, list(self._entries))}")
        return self._entries[name]

    def build(self, settings: BaseModel | Mapping[str, Any], **runtime: Any) -> Any:
        """Instance from checked settings; of ``runtime`` each class takes what it declares."""
        values = (
            dict(settings)
            if isinstance(settings, Mapping)
            else {k: getattr(settings, k) for k in type(settings).model_fields}
        )
        entry = self.entry(values.pop("name"))
        missing = [key for key in entry.runtime if key not in runtime]
        if missing:
            raise ConfigError(f"{self.kind} {entry.name!r} needs {', '.join(missing)} from the run")
        return entry.cls(**values, **{key: runtime[key] for key in entry.runtime})

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        try:
            for name in (self.package, *self.also):
                package = importlib.import_module(name)
                for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{name}."):
                    importlib.import_module(module.name)
            for point in entry_points(group=self.package):
                _load(point)
        except BaseException:
            self._discovered = False
            raise


def _load(plug_in: EntryPoint) -> None:
    try:
        plug_in.load()
    except Exception as error:  # whatever the modules of others raise
        package = plug_in.value if plug_in.dist is None else plug_in.dist.name
        raise ConfigError(
            f"the plug-in {plug_in.name!r} of {package} cannot be loaded ({type(error).__name__}: {error}); "
            "mend or uninstall it"
        ) from error


def nearest(name: str, known: list[str]) -> str:
    """A hint for a mistyped name: the nearest known one, or the whole list."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def explain(error: ValidationError, path: str, known: Callable[[], list[str]]) -> str:
    """The first complaint of pydantic in one sentence: which setting, what is wrong, what to do.

    Parameters
    ----------
    error : ValidationError
    path : str
        The setting as users write it, such as ``"dataset.rate"``.
    known : callable
        Names of the settings that there are in its place, asked for only when this one is unknown.
    """
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        return f"unknown setting {path}; {nearest(str(first['loc'][-1]), known())}"
    if first["type"] == "tuple_type":
        return f"{path} is {first['input']!r}, and a list is wanted; write [{first['input']}]"
    if first["type"] == "missing":
        return f"{path} is missing; it has no default, so give it"
    return f"{path} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _settings_model(name: str, cls: type[Any], runtime: tuple[str, ...]) -> type[BaseModel]:
    hints = typing.get_type_hints(cls.__init__, include_extras=True)
    fields: dict[str, Any] = {"name": (Literal[name], name)}
    for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        if parameter.name in runtime:
            continue
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise TypeError(f"{cls.__qualname__}: settings must be named, not {parameter}")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (_with_default(hints[parameter.name], default), default)
    config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
    return create_model(f"{cls.__name__}Settings", __config__=config, __doc__=inspect.getdoc(cls), **fields)


class Chosen:
    """A setting that is itself an entry of a registry: ``trunk: Annotated[Any, Chosen(ENCODERS)]``.

    The value may be a name, plain values with a ``name``, or settings; it becomes checked settings. Plain
    values without a name change the default, where there is one.

    Parameters
    ----------
    registry : Registry
    default : str or mapping, optional
        Of the argument; the registry fills it in when the class is registered.
    """

    def __init__(self, registry: Registry, default: Any = None) -> None:
        self.registry, self.default = registry, default

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        plain = core_schema.plain_serializer_function_ser_schema(lambda value: value.model_dump(mode="json"))
        return core_schema.with_info_plain_validator_function(self._settings, serialization=plain)

    def _settings(self, value: Any, info: ValidationInfo) -> BaseModel:
        kind = self.registry.kind
        if isinstance(value, BaseModel):
            return value
        values = _by_name(value)
        if isinstance(values, Mapping) and values and "name" not in values:
            values = {**(_by_name(self.default) or {}), **values}
        if not isinstance(values, Mapping) or "name" not in values:
            raise ConfigError(f"{value!r} is no {kind} by name; known: {', '.join(self.registry.names())}")
        model = self.registry.entry(str(values["name"])).settings
        try:
            return model.model_validate(dict(values))
        except ValidationError as error:
            path = ".".join(map(str, (*filter(None, [info.field_name]), *error.errors()[0]["loc"])))
            reason = explain(error, path, lambda: list(model.model_fields))
            raise ConfigError(f"{kind} {values['name']!r}: {reason}") from error


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _with_default(hint: Any, default: Any) -> Any:
    """The hint of a chosen entry that knows which one is changed by settings without a name."""
    notes = getattr(hint, "__metadata__", ())
    chosen = next((note for note in notes if isinstance(note, Chosen)), None)
    return hint if chosen is None or default is ... else Annotated[Any, Chosen(chosen.registry, default)]


DATASETS = Registry("dataset", "tsrep.datasets")
SPLITS = Registry("split", "tsrep.splits")
ENCODERS = Registry("encoder", "tsrep.encoders")
VIEWS = Registry("view", "tsrep.views")
OBJECTIVES = Registry("objective", "tsrep.objectives", "tsrep.forecasting")
SAMPLERS = Registry("sampler", "tsrep.sampling")
PROTOCOLS = Registry("protocol", "tsrep.evaluation.protocols")
