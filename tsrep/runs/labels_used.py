"""Whether an encoder has learned from labels, which a score with few of them does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsrep.registry import OBJECTIVES


def labels_used(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence on the labels or targets that training used; none where it used none.

    Parameters
    ----------
    recipe : mapping
        Plain configuration of the run that trained the encoder; empty where there is none.
    """
    objective, init = recipe.get("objective") or {}, recipe.get("init") or {}
    name = objective.get("name")
    if name not in OBJECTIVES.names() or init.get("freeze") == "all":
        return ()
    entry = OBJECTIVES.entry(name)
    needs = entry.cls.needs_of(entry.settings.model_validate(objective))
    used = " and ".join(f"{what}s" for what in ("label", "target") if what in needs)
    if not used:
        return ()
    return (
        f"Objective {name} learned from the {used} of the whole training part; what is scored with fewer "
        "labels is a head of few labels on that encoder.",
    )
