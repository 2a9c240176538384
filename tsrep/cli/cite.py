"""The command `cite`: the methods paragraph of a run."""

from __future__ import annotations

import typer

from tsrep.cli.options import RunFolder


def cite(run: RunFolder) -> None:
    """Print a paragraph for the methods of a paper: data, patient flow, training, scores, with references."""
    from tsrep.report.cite import methods_paragraph
    from tsrep.report.contents import folder_to_show, read_run

    typer.echo(methods_paragraph(read_run(folder_to_show(run))))
