"""Classes or functions of one kind by name, found without importing the modules that register them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property, partial
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from tsrep.errors import ConfigError, UnknownPart
from tsrep.listing import Listed, described, listed
from tsrep.registry.entry import Entry, spelt
from tsrep.registry.settings import nearest

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
PATH = re.compile(r"[/\\]|^[.~]|\.\w+$")


@cache
def installed() -> Any:
    """Entry points of all installed packages, of a class that depends on the version of Python."""
    return entry_points()  # reads the files of every package, whatever the group


def plug_ins(group: str) -> EntryPoints:
    """Entry points of a group."""
    found: EntryPoints = installed().select(group=group)
    return found


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
    of_paths : str
        What to do where a path is given in place of a name.
    """

    def __init__(
        self, kind: str, package: str, *also: str, reserved: Sequence[str] = (), of_paths: str = ""
    ) -> None:
        self.kind = kind
        self.packages = (package, *also)
        self.reserved = reserved
        self.of_paths = of_paths
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

    def _hint(self, name: str) -> str:
        """What may have been meant: a part of another kind, or one with a name like it."""
        from tsrep.registry.kinds import REGISTRIES

        kinds = [kind for kind, other in REGISTRIES.items() if other is not self and name in other.names()]
        return f"{name} is one of the {kinds[0]}" if kinds else nearest(name, self.names())

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
            for point in plug_ins(self.packages[0]):
                if not self._registered_in(point.module):  # names that cannot be read from their source
                    with suppress(ConfigError):  # told where the part itself is asked for
                        _load(point)
        if name not in self._entries and self.of_paths and PATH.search(name):
            raise UnknownPart(f"{self.kind} {name!r} is a path, not a name; {self.of_paths}")
        if name not in self._entries:
            raise UnknownPart(f"unknown {self.kind} {name!r}; {self._hint(name)}")
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
        for point in plug_ins(self.packages[0]):
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
            f"the plug-in {plug_in.name!r} of {package} cannot be loaded ({spelt(error)}); fix or uninstall "
            "it"
        ) from error
