"""The command `audit`: what an encoder knows of people besides their labels, on one page."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.completion import runs
from tsrep.cli.options import Overwrite, Root, contract_options, given
from tsrep.cli.tables import asked_table, conduct_and_show, several_datasets


@contract_options
def audit(
    encoder: Annotated[
        str,
        typer.Argument(
            metavar="ENCODER",
            help="A run folder, hub:owner/name, or what else `tsrep encoder` takes.",
            autocompletion=runs,
        ),
    ],
    dataset: Annotated[
        str,
        several_datasets("Data set with patients."),
    ],
    root: Root = None,
    seeds: Annotated[int | None, typer.Option(help="Random initialisations, 5 or more. [default: 5]")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, or cuda. [default: auto]")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the page. [default: audit]")] = None,
    overwrite: Overwrite = False,
    *,
    policies: Any,
) -> None:
    """Audit an encoder: can patients be recognised, does it know site, device, sex and age, and who was seen?

    Beside it stand random initialisations, the signal itself, and amplitude and spectrum. The folder gets
    audit.html, audit.json and audit.csv; no identity of a patient is in them.
    """
    from tsrep.report.audit import summary, write_audit
    from tsrep.runs.audit.conduct import audit as conduct

    changes = given(label_seeds=seeds, device=device)
    table = asked_table([encoder], [dataset], None if root is None else [root], policies, changes)
    conduct_and_show(table, out or Path("audit"), partial(conduct, overwrite=overwrite), write_audit, summary)
