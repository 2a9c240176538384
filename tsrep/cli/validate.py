"""The command `validate`: encoders on cohorts that their heads were not fitted on, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.options import contract_options, given
from tsrep.cli.tables import Encoders, Roots, asked_table, conduct_and_show, several_datasets


@contract_options
def validate(
    encoders: Encoders,
    dataset: Annotated[
        list[str] | None, several_datasets("Cohort to fit heads on and to score. Repeatable, two or more.")
    ] = None,
    root: Roots = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", "-p", help="How heads are fitted. [default: probe]")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Random initialisations, 5 or more. [default: 5]")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, or cuda. [default: auto]")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the page; cells in it are not scored again. [default: validation]"),
    ] = None,
    *,
    policies: Any,
) -> None:
    """Validate encoders externally: heads of each cohort on all others.

    Beside them stand random initialisations, and controls without an encoder. The folder gets
    validation.html, validation.csv, validation.json and validation.png.
    """
    from tsrep.report.validate import summary, write_validation
    from tsrep.runs.validate.conduct import validate as conduct

    changes = given(protocols=protocol and [protocol], label_seeds=seeds, device=device)
    table = asked_table(encoders, dataset, root, policies, changes)
    conduct_and_show(table, out or Path("validation"), conduct, write_validation, summary)
