"""What the attributes of a score must be, whether code or a file gives them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any, Literal, get_args

from tsrep.errors import DataError
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.difference import Difference

if TYPE_CHECKING:
    from tsrep.evaluation.scores.score import Score

Role = Literal["method", "control", "baseline"]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _role(value: Any) -> str:
    if value not in get_args(Role):
        raise ValueError
    return _text(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or index(value) < 0:
        raise ValueError
    return index(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real | None) or math.isinf(value or 0):
        raise TypeError
    return math.nan if value is None else float(value)


def _interval(value: Any) -> Interval:
    ends = value if isinstance(value, Mapping) else asdict(value)
    return Interval(*(_number(ends[end]) for end in ("value", "low", "high")))


def _difference(value: Any) -> Difference:
    given = dict(value if isinstance(value, Mapping) else asdict(value))
    read: dict[str, Any] = {"covers": _text(given.pop("covers", ""))}
    read |= {name: _count(given.pop(name, 1)) for name in ("seeds", "against_seeds")}
    read |= {name: _number(number) for name, number in given.items()}
    return Difference(**read)


def _by_name(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda values: {_text(key): read(value) for key, value in values.items()}


_READ: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "method protocol metric part unit subsample_by target against covers title data": ("a text", _text),
    "role": ("one of method, control and baseline", _role),
    "n seeds horizon patients classes_scored blocks block_length n_bootstrap": (
        "a whole number from 0",
        _count,
    ),
    "rank": ("a whole number", index),
    "fraction": ("a number", _number),
    "metrics of_head": ("an interval (value, low, high) by metric", _by_name(_interval)),
    "difference": ("a difference (value, low, high, p and what it covers) by metric", _by_name(_difference)),
    "spread details": ("a finite or missing number by name", _by_name(_number)),
    "by_seed": ("a list of numbers by metric", _by_name(lambda values: tuple(map(_number, values)))),
    "contamination": ("facts by name", lambda facts: {_text(name): facts[name] for name in facts}),
    "notes": ("a list of sentences", lambda notes: tuple(_text(note) for note in _listed(notes))),
}


def _listed(values: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError
    return values


def read_fields(score: Score) -> Iterator[tuple[str, Any]]:
    """Names of attributes, and their values as the class declares them.

    Raises
    ------
    DataError
        Naming the first attribute that is of another kind.
    """
    for names, (wanted, read) in _READ.items():
        for name in names.split():
            value = getattr(score, name)
            try:
                yield name, read(value)
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                raise DataError(
                    f"{name} of the score of {score.method!r} by {score.protocol!r} is {value!r:.80}; it "
                    f"must be {wanted}"
                ) from error
