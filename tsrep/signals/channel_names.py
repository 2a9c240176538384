"""Names of channels that a file gives twice or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """A name for each position: ``ECG, ECG`` becomes ``ECG-1, ECG-2``, an empty one ``signal 3``.

    Parameters
    ----------
    names : sequence of str
    """
    named = [name.strip() or f"signal {i + 1}" for i, name in enumerate(names)]
    often, taken, seen = Counter(named), set(named), Counter[str]()
    result = []
    for name in named:
        chosen = name
        while often[name] > 1 and chosen in taken:
            seen[name] += 1
            chosen = f"{name}-{seen[name]}"
        taken.add(chosen)
        result.append(chosen)
    return tuple(result)
