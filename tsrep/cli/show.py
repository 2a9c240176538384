"""The command `show`: the report of a run, printed or opened."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsrep.cli.options import RunFolder, Verbose


def show(
    run: RunFolder,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser instead.")] = False,
    verbose: Verbose = False,
) -> None:
    """Print the report of a run or of scores on other data, or open its page."""
    from tsrep.report import write_report
    from tsrep.report.contents import folder_to_show

    path = folder_to_show(run)
    page = path / "report.html"
    if not page.exists():
        page = write_report(path)
    if browser:
        typer.launch(str(page))
    else:
        _print_page(path, verbose=verbose)


def print_summary(path: Path, *, verbose: bool) -> None:
    """By the first of several processes."""
    from tsrep.training.distributed import first_process

    if first_process():
        _print_page(path, verbose=verbose)


def _print_page(path: Path, *, verbose: bool) -> None:
    from tsrep.report import summarise

    typer.echo(summarise(path, verbose=verbose))
    typer.echo(f"report: {path / 'report.html'}")
