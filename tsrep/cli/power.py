"""The command `power`: what a gain would need to be significant."""

from __future__ import annotations

from typing import Annotated

import typer

from tsrep.cli.options import RunFolder
from tsrep.errors import RunError


def power(
    run: RunFolder,
    gain: Annotated[
        float | None,
        typer.Option(help="Gain to look for, in the unit of the main metric. [default: that of the run]"),
    ] = None,
) -> None:
    """Tell with how many patients and seeds a gain over random initialisation would be significant.

    The numbers rest on the variance of the run's main scores over patients and seeds, and are no more
    certain than that.
    """
    import tsrep
    from tsrep.evaluation.power import checked_gain
    from tsrep.report.contents import read_run
    from tsrep.report.power import power_sentence, power_table
    from tsrep.report.verdicts import main_scores

    wanted = None if gain is None else checked_gain(gain)
    path = tsrep.Run(run).path
    if not (main := main_scores(read_run(path))):
        raise RunError(f"{path} has no scores yet; evaluate it with: tsrep evaluate {path}")
    for score in main:
        typer.echo(power_sentence(score, wanted))
        table = power_table(score, wanted)
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            typer.echo("  ".join(map(str.rjust, row, widths)))
