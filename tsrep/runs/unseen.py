"""Prepared data without the recordings that an encoder has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tsrep.errors import RunError
from tsrep.runs.contamination import Contamination, SeenPolicy, check_seen
from tsrep.runs.ledger import Ledger
from tsrep.runs.ledger_of_run import records_of
from tsrep.runs.prepare_panel import PreparedPanel


def unseen(
    prepared: PreparedPanel,
    part: str | None,
    ledger: Ledger | None,
    *,
    reference: str,
    policy: SeenPolicy = "refuse",
    own_split: bool = False,
    trained_on: Sequence[str] = (),
) -> tuple[PreparedPanel, Contamination]:
    """The data without recordings of the scored part that an encoder has seen, and what was found.

    Parameters
    ----------
    prepared : PreparedPanel
    part : str or None
        That is scored; None for the test part where there is one.
    ledger, reference, policy, own_split, trained_on
        See :func:`tsrep.runs.contamination.check_seen`.

    Raises
    ------
    RunError
        When records are refused, or none is left.
    """
    split, panel, records = prepared.split, prepared.panel, prepared.records
    name = part or ("test" if len(split.test) else "validation")
    scored = getattr(split, name)
    check = check_seen(
        ledger,
        records,
        records_of(records, panel, scored),
        records_of(records, panel, split.train),
        reference=reference,
        policy=policy,
        own_split=own_split,
        trained_on=trained_on,
    )
    left: dict[str, Any] = {name: check.scored(panel, scored)}
    fewer = replace(split, **left)
    return replace(prepared, split=fewer), check.contamination


def unseen_before(
    prepared: PreparedPanel, part: str | None, ledger: Ledger | None, reference: str
) -> tuple[PreparedPanel, Contamination]:
    """The own data of a run without what the weights that it began with had seen.

    Where that is all of the scored part, it is kept, and scores are marked.
    """
    look = partial(unseen, prepared, part, ledger, reference=reference, own_split=True)
    try:
        return look(policy="leave-out")
    except RunError:
        return look(policy="keep")
