"""Pages of results: tables are made anew, findings written by hand stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.comparison import holm
from tsrep.evaluation.difference import Difference
from tsrep.files import write_text
from tsrep.report.wording import p_value

P_VALUES = ("p", "p (Holm)")  # heads of the columns that :func:`with_holm` fills
FINDINGS = "<!-- findings: written by hand, kept when the tables are made again -->"


def write_page(path: Path, page: str) -> None:
    """Replace a page but for what stands after the mark of the findings."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    findings = old.partition(FINDINGS)[2] or "\n"
    write_text(path, f"{page.rstrip()}\n\n{FINDINGS}{findings}")
    print(f"wrote {path}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown."""
    return ["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows]]


def with_ends(interval: Interval | None, form: str = ".3f") -> str:
    """A value and its 95 % interval; a dash where there is none."""
    if interval is None:
        return "–"
    return f"{interval.value:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


def with_holm(differences: Sequence[Difference | None]) -> list[tuple[str, str]]:
    """P value of each difference of a family as it is and by Holm's method; dashes where there is none."""
    values = [math.nan if each is None else each.p for each in differences]
    return [(p_value(p), p_value(float(adjusted))) for p, adjusted in zip(values, holm(values), strict=True)]


def with_spread(by_seed: ArrayLike, form: str = ".3f") -> str:
    """Mean over seeds and, where there are several, their standard deviation."""
    values = np.asarray(by_seed)
    return f"{values.mean():{form}}{spread(values, form)}"


def spread(by_seed: ArrayLike, form: str = ".3f") -> str:
    """Standard deviation over seeds behind a plus-minus sign; nothing where there is one seed."""
    values = np.asarray(by_seed)
    return f" ± {values.std(ddof=1):{form}}" if len(values) > 1 else ""


def over_seeds(differences: ArrayLike, form: str) -> str:
    """Mean of paired differences and its 95 % t interval; the mean alone where there is one."""
    values = np.asarray(differences)
    n, mean = len(values), float(values.mean())
    if n == 1:
        return f"{mean:{form}}"
    half = t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return with_ends(Interval(mean, mean - half, mean + half), form)
