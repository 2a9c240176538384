"""A registered class or function, and the settings that its signature asks for."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import packages_distributions
from types import SimpleNamespace
from typing import Any, Literal

from pydantic import create_model

from tsrep.errors import ConfigError, TsrepError
from tsrep.registry.chosen import with_default
from tsrep.registry.settings import Settings

TASKS = ("panel", "series")


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
            raise told(f"{self} cannot {doing} ({spelt(error)}); fix or uninstall it") from error

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
            return with_default(_hint(self.cls, called, name), default), default
        raise AssertionError


def spelt(error: BaseException) -> str:
    """An error in a line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def _is_inherited(called: Any) -> bool:
    """Whether a constructor is that of Python or PyTorch, so that the class has none of its own."""
    module = getattr(called, "__module__", None) or "builtins"
    return str(module).partition(".")[0] in ("builtins", "typing", "torch")


def _hint(part: Any, called: Any, name: str) -> Any:
    """Type of one argument; those of others may be known to type checkers alone."""
    written = called.__annotations__[name]
    own = SimpleNamespace(__annotations__={name: written})
    # a field that a dataclass inherits is written in the words of its base's module
    bases = inspect.getmro(part) if inspect.isclass(part) else ()
    home = next((base for base in bases if vars(base).get("__annotations__", {}).get(name) == written), None)
    words = called.__globals__ if home is None else vars(sys.modules[home.__module__])
    return typing.get_type_hints(own, words, include_extras=True)[name]
