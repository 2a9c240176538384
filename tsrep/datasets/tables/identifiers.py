"""Patients and trials as tables spell them: one spelling for each, and those that may be meant alike."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from tsrep.signals.panel import Panel

POINT_ZERO = re.compile(r"([+-]?\d+)\.0*", re.ASCII)


def spelled(values: Sequence[str]) -> list[str]:
    """Names without outer spaces, and whole numbers without a decimal point: ``3.0`` is ``3``."""
    texts = [value.strip() for value in values]
    return [match[1] if (match := POINT_ZERO.fullmatch(text)) else text for text in texts]


def look_alikes(panel: Panel) -> list[str]:
    """Names of patients of a panel that differ in case, spaces or leading zeros only, such as ``p1, P1``."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in panel.patient_names:
        alike["".join(name.split()).casefold().lstrip("0")].append(name)
    return [", ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
