"""Whether an encoder has learned from labels, which a score with few of them does not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tsrep.runs.ancestry import links_of
from tsrep.runs.config import Configuration


def learned_from(config: Configuration, digest: str) -> list[dict[str, Any]]:
    """For ``provenance.json``: what the encoder of a run learns from besides signals.

    Parameters
    ----------
    config : Configuration
    digest : str
        Of the recordings.

    Returns
    -------
    list of dict
        ``objective``, ``what`` (``"label"``, ``"target"`` or both) and ``data``, the digest; empty where the
        objective needs neither, or all of the encoder is frozen.
    """
    if config.init is not None and config.init.freeze == "all":
        return []
    needs = config.objective_class.needs_of(config.objective)
    what = [each for each in ("label", "target") if each in needs]
    return [{"objective": config.objective.name, "what": what, "data": digest}] if what else []


def labels_used(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence on each use of labels or targets of its own recordings that an encoder was trained with.

    Parameters
    ----------
    provenance : mapping
        Of a run or a packed encoder; what the weights that it began with have learned from is in its chain.
    """
    digest = provenance.get("data", {}).get("digest")
    told = {
        str(each.get("objective")): " and ".join(f"{what}s" for what in each["what"])
        for each in _uses([provenance, *links_of(provenance)])
        if digest and each.get("data") == digest and isinstance(each.get("what"), list)
    }
    return tuple(
        f"Objective {name} learned from the {used} of the whole training part; what is scored with fewer "
        "labels is a head of few labels on that encoder."
        for name, used in told.items()
        if used
    )


def _uses(facts: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for each in facts:
        uses = each.get("learned_from")
        yield from (use for use in uses if isinstance(use, Mapping)) if isinstance(uses, list) else ()
