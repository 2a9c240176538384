"""Names for pluggable parts: encoders, objectives, losses, views, samplers, data sets, splits and protocols.

A registry holds classes and, for each, a pydantic model made from its signature, so that a configuration file
is checked before anything runs. The modules of the registry's package are found by themselves, and other
distributions join through an entry point group of the same name. Names are read from the source; a module is
imported when a part that it registers is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points, packages_distributions
from types import SimpleNamespace
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, create_model, model_validator
from pydantic_core import PydanticCustomError, core_schema

from tsrep.errors import ConfigError, TsrepError, UnknownPart
from tsrep.listing import Listed, described, listed
from tsrep.text import requirement

T = TypeVar("T")
NAME = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
TASKS = ("panel", "series")


class Settings(BaseModel):
    """Checked values that a user may give; an unknown one is refused with the nearest that there is."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, values: Any) -> Any:
        for key in values if isinstance(values, Mapping) else ():
            if key not in {field.alias or name for name, field in cls.model_fields.items()}:
                hint = nearest(str(key), cls.known())
                raise PydanticCustomError(
                    "unknown_setting", "unknown setting {key}; {hint}", {"key": str(key), "hint": hint}
                )
        return values

    @classmethod
    def known(cls) -> list[str]:
        """Names of all settings, for hints."""
        return [field.alias or name for name, field in cls.model_fields.items()]


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise PydanticCustomError("twice", "names {value} twice; name it once", {"value": twice})
    return values


DISTINCT = AfterValidator(_distinct)  # of a setting that is a list, whose values are scored or shown each


@dataclass(frozen=True)
class Entry:
    """A registered class or function, and the arguments that only a run can give."""

    kind: str
    name: str
    cls: Any
    runtime: tuple[str, ...]

    def __str__(self) -> str:
        module = self.cls.__module__
        distributions = packages_distributions().get(module.partition(".")[0], [module])
        return f"the {self.kind} {self.name!r} of {distributions[0]}"

    @property
    def task(self) -> str:
        """Kind of data that it is for: a panel, unless its class says otherwise.

        Raises
        ------
        ConfigError
            When it says what there is not.
        """
        task: str = getattr(self.cls, "task", "panel")
        if task not in TASKS:
            raise ConfigError(f"{self} says task = {task!r}; let its class say 'panel' or 'series'")
        return task

    @contextmanager
    def blamed(self, doing: str, told: type[TsrepError] = ConfigError) -> Iterator[None]:
        """Tell any error of a plug-in inside in one sentence; those of built-in parts keep their traceback.

        Parameters
        ----------
        doing : str
            What it fails to do, such as ``"be made"``.
        told : type of error
        """
        try:
            yield
        except TsrepError:
            raise
        except Exception as error:  # whatever the code of others raises
            if self.cls.__module__.startswith("tsrep."):
                raise
            raise told(f"{self} cannot {doing} ({_spelt(error)}); fix or uninstall it") from error

    @cached_property
    def settings(self) -> type[Settings]:
        """Model of the arguments that a user gives: of a function those that are given by keyword only.

        Raises
        ------
        ConfigError
            When an argument has no name or no type that settings can have.
        """
        is_class = inspect.isclass(self.cls)
        called = self.cls.__init__ if is_class else self.cls
        fields: dict[str, Any] = {"name": (Literal[self.name], self.name)}
        for parameter in list(inspect.signature(called).parameters.values())[is_class:]:
            if parameter.name in self.runtime or not (is_class or parameter.kind is parameter.KEYWORD_ONLY):
                continue
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                if _is_inherited(called):
                    continue
                raise ConfigError(
                    f"{self} takes {parameter}, but settings have names; write each argument out"
                )
            fields[parameter.name] = self._field(called, parameter)
        with self.blamed("have its arguments as settings"):
            doc = inspect.getdoc(self.cls)
            return create_model(f"{self.cls.__name__}Settings", __base__=Settings, __doc__=doc, **fields)
        raise AssertionError

    def _field(self, called: Any, parameter: inspect.Parameter) -> tuple[Any, Any]:
        """Type and default of a setting."""
        name = parameter.name
        default = ... if parameter.default is parameter.empty else parameter.default
        if parameter.annotation is parameter.empty:
            raise ConfigError(f"argument {name} of {self} has no type; annotate it, such as {name}: float")
        with self.blamed(f"say the type of its argument {name}"):
            return _with_default(_hint(self.cls, called, name), default), default
        raise AssertionError


class Registry:
    """Classes or functions of one kind by name.

    Parameters
    ----------
    kind : str
        What an entry is called in messages, such as ``"encoder"``.
    package : str
        Package whose modules register the built-in entries; also the entry point group for plug-ins.
    *also : str
        Further packages with built-in entries.
    reserved : sequence of str
        Names that mean something else where an entry is named.
    """

    def __init__(self, kind: str, package: str, *also: str, reserved: Sequence[str] = ()) -> None:
        self.kind = kind
        self.packages = (package, *also)
        self.reserved = reserved
        self._entries: dict[str, Entry] = {}

    def register(self, name: str, *, runtime: tuple[str, ...] = ()) -> Callable[[T], T]:
        """Decorator, which gives a class its ``name``.

        Parameters
        ----------
        name : str
            Lower case words of letters and digits, joined by ``-`` or ``_``.
        runtime : tuple of str
            Arguments that come from the data, not from settings.

        Raises
        ------
        ConfigError
            When the name cannot be one or is taken.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} cannot name a {self.kind}; use lower case letters and digits, in words joined by "
                "- or _"
            )
        if name in self.reserved:
            raise ConfigError(f"{name!r} cannot name a {self.kind}, as it means something else; rename it")

        def add(part: T) -> T:
            entry = Entry(self.kind, name, part, runtime)
            if self._entries.setdefault(name, entry).cls.__qualname__ != entry.cls.__qualname__:
                raise ConfigError(f"two {self.kind} classes are registered as {name!r}; rename one of them")
            self._entries[name] = entry
            if inspect.isclass(part):
                cast(Any, part).name = name
            return part

        return add

    def names(self) -> list[str]:
        """All registered names, sorted; modules are read and not imported for it."""
        return sorted(self._entries.keys() | self._sources.keys())

    def describe(self, name: str) -> Listed:
        """Name, first line of the docstring, and reference of an entry, which is not imported for it.

        Raises
        ------
        ConfigError
            When there is none; the message offers the nearest name.
        """
        if name in self._sources:
            return self._sources[name][0]
        part = self.entry(name).cls
        return described(name, part.__module__, part.__doc__)

    def entry(self, name: str) -> Entry:
        """The entry called ``name``; of all modules only the one that registers it is imported.

        Raises
        ------
        ConfigError
            When there is none; the message offers the nearest name.
        """
        if name not in self._entries and name in self._sources:
            part, load = self._sources[name]
            load()
            if name not in self._entries:
                raise ConfigError(
                    f"{part.module} registers no {self.kind} {name!r}; name its entry point as it registers"
                )
        elif name not in self._entries:
            for point in entry_points(group=self.packages[0]):
                if not self._registered_in(point.module):  # names that cannot be read from their source
                    with suppress(ConfigError):  # told where the part itself is asked for
                        _load(point)
        if name not in self._entries:
            raise UnknownPart(f"unknown {self.kind} {name!r}; {nearest(name, self.names())}")
        return self._entries[name]

    def build(self, settings: BaseModel | Mapping[str, Any], **runtime: Any) -> Any:
        """Instance from checked settings; of ``runtime`` each class takes what it declares.

        Raises
        ------
        ConfigError
            When the run does not give what the class declares, or a plug-in raises any error.
        """
        values = dict(settings)
        entry = self.entry(values.pop("name"))
        missing = [key for key in entry.runtime if key not in runtime]
        if missing:
            raise ConfigError(f"{self.kind} {entry.name!r} needs {', '.join(missing)} from the run")
        with entry.blamed("be made"):
            return entry.cls(**values, **{key: runtime[key] for key in entry.runtime})

    @cached_property
    def _sources(self) -> dict[str, tuple[Listed, Callable[[], Any]]]:
        """What the packages and plug-ins register, and how each is imported."""
        found: dict[str, tuple[Listed, Callable[[], Any]]] = {}
        for package in self.packages:
            for part in self._registered_in(package):
                found[part.name] = part, partial(importlib.import_module, part.module)
        for point in entry_points(group=self.packages[0]):
            for part in self._registered_in(point.module) or [Listed(point.name, point.module)]:
                other = found.setdefault(part.name, (part, partial(_load, point)))[0]
                if other.module != part.module:
                    raise ConfigError(
                        f"{other.module} and {part.module} both register {part.name!r}; rename a {self.kind}"
                    )
        return found

    def _registered_in(self, module: str) -> list[Listed]:
        return [part for part in listed(module) if part.belongs_to(self)]


def _load(plug_in: EntryPoint) -> None:
    try:
        plug_in.load()
    except (Exception, SystemExit) as error:  # whatever the modules of others raise
        package = plug_in.value if plug_in.dist is None else plug_in.dist.name
        raise ConfigError(
            f"the plug-in {plug_in.name!r} of {package} cannot be loaded ({_spelt(error)}); fix or uninstall "
            "it"
        ) from error


def _spelt(error: BaseException) -> str:
    """An error in a line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def _is_inherited(called: Any) -> bool:
    """Whether a constructor is that of Python or PyTorch, so that the class has none of its own."""
    module = getattr(called, "__module__", None) or "builtins"
    return str(module).partition(".")[0] in ("builtins", "typing", "torch")


def nearest(name: str, known: list[str]) -> str:
    """A hint for a mistyped name: the nearest known one or one that has it as a part, or the whole list."""
    close = difflib.get_close_matches(name, known, n=1)
    close += [each for each in known if name.lower() in re.split(r"[-_.\s]", each.lower())]
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


EXPLAINED = {  # by pydantic's name of the mistake
    "no_name": "{path} does not say its name; give {path}.name, one of {names}",
    "missing": "{path} is missing; it has no default, so give it",
    "tuple_type": "{path} is {input!r}, and a list is wanted; write it in brackets, such as [1.0, 0.1]",
    "too_short": "{path} is {input!r}, which is too short; name at least one, or leave it out",
    "model_type": "{path} is {input!r}, and settings by name are wanted; write them as key: value",
    "string_type": "{path} is {input!r}, and text is wanted; put it in quotes",
    "twice": "{path} names {value} twice; name it once",
    "union_tag_invalid": "{path} has the {discriminator} {tag!r}, which is none of {expected_tags}; name one",
}


def explain(error: ValidationError) -> str:
    """The first complaint of pydantic in one sentence: which setting, what is wrong, what to do."""
    first = error.errors()[0]
    path, about = ".".join(map(str, first["loc"])), first.get("ctx", {})
    if first["type"] == "unknown_setting":
        return f"unknown setting {'.'.join(map(str, (*first['loc'], about['key'])))}; {about['hint']}"
    if first["type"] in ("value_error", "assertion_error"):
        # of a validator, whose words say all; whole settings would fill the line with what is right too
        what = "" if isinstance(first["input"], Mapping) else f" is {first['input']!r}"
        return f"{path}{what}: {about['error']}" if path else str(about["error"])
    if first["type"] not in EXPLAINED:
        return f"{path} is {first['input']!r}: {requirement(first['msg'])}"
    return EXPLAINED[first["type"]].format(path=path, input=first["input"], **about)


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
        return core_schema.no_info_plain_validator_function(self._settings, serialization=plain)

    def _settings(self, value: Any) -> BaseModel:
        if isinstance(value, BaseModel):
            return value
        values = _by_name(value)
        if isinstance(values, Mapping) and "name" not in values:
            values = {**(_by_name(self.default) or {}), **values}
        if not isinstance(values, Mapping) or "name" not in values:
            names = ", ".join(self.registry.names())
            raise PydanticCustomError("no_name", "a name is wanted, one of {names}", {"names": names})
        return self.registry.entry(str(values["name"])).settings.model_validate(dict(values))


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _hint(part: Any, called: Any, name: str) -> Any:
    """Type of one argument; those of others may be known to type checkers alone."""
    written = called.__annotations__[name]
    own = SimpleNamespace(__annotations__={name: written})
    # a field that a dataclass inherits is written in the words of its base's module
    bases = inspect.getmro(part) if inspect.isclass(part) else ()
    home = next((base for base in bases if vars(base).get("__annotations__", {}).get(name) == written), None)
    words = called.__globals__ if home is None else vars(sys.modules[home.__module__])
    return typing.get_type_hints(own, words, include_extras=True)[name]


def _with_default(hint: Any, default: Any) -> Any:
    """The hint of a chosen entry that knows which one is changed by settings without a name."""
    notes = getattr(hint, "__metadata__", ())
    chosen = next((note for note in notes if isinstance(note, Chosen)), None)
    return hint if chosen is None or default is ... else Annotated[Any, Chosen(chosen.registry, default)]


DATASETS = Registry("dataset", "tsrep.datasets")
SPLITS = Registry("split", "tsrep.splits")
ENCODERS = Registry("encoder", "tsrep.encoders")
VIEWS = Registry("view", "tsrep.views")
LOSSES = Registry("loss", "tsrep.losses")
OBJECTIVES = Registry(
    "objective",
    "tsrep.objectives",
    "tsrep.forecasting",
    reserved=(
        "majority",
        "repeat-last",
        "seasonal-naive",
        "ridge-nlinear",
    ),  # baselines beside it in scores
)
HEADS = Registry("head", "tsrep.forecasting.heads")
SAMPLERS = Registry("sampler", "tsrep.sampling")
TRACKERS = Registry("tracker", "tsrep.training.trackers")
PROTOCOLS = Registry(
    "protocol",
    "tsrep.evaluation.protocols",
    # what settings of an evaluation have already, beside which those of a protocol stand under its name
    reserved=(
        *("pool", "protocols", "labels", "subsample_by", "seeds", "n_bootstrap", "aggregate", "part"),
        *("keep_heads", "calibration", "thresholds", "coverage"),
        *("known", "given", "of", "of_heads", "refuse_unfit", *dir(BaseModel)),
    ),
)
CLASSIFIERS = Registry("classifier", "tsrep.evaluation.labels")
REGISTRIES: Mapping[str, Registry] = {
    "datasets": DATASETS,
    "splits": SPLITS,
    "encoders": ENCODERS,
    "views": VIEWS,
    "losses": LOSSES,
    "objectives": OBJECTIVES,
    "heads": HEADS,
    "samplers": SAMPLERS,
    "protocols": PROTOCOLS,
    "trackers": TRACKERS,
}


def list_registered(kind: str) -> list[Listed]:
    """What there is of a kind: name, one line, and reference of each.

    Parameters
    ----------
    kind : str
        A key of :data:`REGISTRIES`, such as ``"encoders"``.

    Raises
    ------
    ConfigError
        When there is no such kind.
    """
    if kind not in REGISTRIES:
        raise ConfigError(f"there is no list of {kind!r}; {nearest(kind, list(REGISTRIES))}")
    return [REGISTRIES[kind].describe(name) for name in REGISTRIES[kind].names()]
