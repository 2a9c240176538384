"""Checked values that a user gives, and what is wrong with them in one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from tsrep.text import requirement


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


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name, re.ASCII):
        raise ValueError("a device is auto, cpu, cuda or, of several, cuda:1")
    return name


DeviceName = Annotated[str, AfterValidator(_device)]


def nearest(name: str, known: list[str]) -> str:
    """A hint for a mistyped name: the nearest known one, one that has it as a part, or the whole list."""
    close = difflib.get_close_matches(name, known, n=1)
    close += [each for each in known if name.lower() in re.split(r"[-_.\s]", each.lower())]
    close += [each for each in known if len(name) > 1 and each.lower().startswith(name.lower())]
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


EXPLAINED = {  # by pydantic's name of the mistake
    "no_name": "{path} does not say its name; give {path}.name, one of {names}",
    "missing": "{path} is missing; it has no default, so give it",
    "tuple_type": "{path} is {input!r}, and a list is wanted; write it in brackets, as [{input}]",
    "too_short": "{path} is {input!r}, which is too short; name at least {min_length}, or leave it out",
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
    if words := _words(error):
        path = ".".join(map(str, first["loc"][:-1]))
        return f"{path} is {first['input']!r}: {requirement(first['msg'])}, or {words}"
    if first["type"] not in EXPLAINED:
        return f"{path} is {first['input']!r}: {requirement(first['msg'])}"
    return EXPLAINED[first["type"]].format(path=path, input=first["input"], **about)


def _words(error: ValidationError) -> str:
    """The words that a value may be as well, where its type is a union of another and of words."""
    first, *others = error.errors()
    for each in others:
        same = each["loc"][:-1] == first["loc"][:-1]
        if same and each["type"] == "literal_error" and str(each["loc"][-1]).startswith("literal["):
            return str(each["ctx"]["expected"])
    return ""
