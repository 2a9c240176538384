"""What comparisons, validations and audits have in common."""

from __future__ import annotations

from tsrep.errors import ConfigError
from tsrep.runs.compare.table import Table
from tsrep.runs.label_evaluation import FEWEST_STARTS


def refuse_few_initialisations(table: Table) -> None:
    """Check that there are enough random initialisations to tell how far they differ.

    Raises
    ------
    ConfigError
    """
    if table.label_seeds < FEWEST_STARTS:
        raise ConfigError(
            f"{table.label_seeds} random initialisations do not tell how far they differ; give "
            f"{FEWEST_STARTS} or more (--seeds, label_seeds in a table)"
        )
