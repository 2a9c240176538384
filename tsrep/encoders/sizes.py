"""Types of the settings that encoders share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"a kernel has an odd number of taps, not {number}")
    return number


Positive = Annotated[int, Field(gt=0)]
Odd = Annotated[int, Field(gt=0), AfterValidator(_odd)]
