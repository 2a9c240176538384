"""What stands in place of a result that there is too little data for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Missing:
    """One sentence that says what is missing; it stands where the result would."""

    sentence: str
