"""What a look at data finds, and how it is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tsrep.text import few

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something worth knowing: how bad, what, and where."""

    severity: Severity
    what: str
    where: str = ""


def counted(reasons: Mapping[str, int], what: str) -> tuple[tuple[str, int, str], ...]:
    """Reasons for which recordings, beats or epochs are not in a panel, as it keeps them."""
    return tuple((reason, number, what) for reason, number in sorted(reasons.items()) if number)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors, then warnings, then notes."""
    return sorted(findings, key=lambda finding: get_args(Severity).index(finding.severity))


def listed(rows: Iterable[int], names: dict[int, str]) -> str:
    """Names of the first of some rows."""
    return few(names[row] for row in sorted(rows))
