"""Settings that are themselves entries of a registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError, core_schema

if TYPE_CHECKING:
    from tsrep.registry.registry import Registry


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


def with_default(hint: Any, default: Any) -> Any:
    """The hint of a chosen entry that knows which one is changed by settings without a name."""
    notes = getattr(hint, "__metadata__", ())
    chosen = next((note for note in notes if isinstance(note, Chosen)), None)
    return hint if chosen is None or default is ... else Annotated[Any, Chosen(chosen.registry, default)]
