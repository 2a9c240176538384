"""The command `doctor`: what the machine and the installation offer."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Output as JSON.")] = False,
) -> None:
    """Tell versions, threads, card, cache and optional extras, and what is doubtful about them."""
    from tsrep.runs.machine import examine

    findings = examine()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
        return
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        typer.echo(f"{finding.what:<{width}}  {finding.value}")
    doubts = [finding for finding in findings if finding.doubt]
    typer.echo("")
    for finding in doubts:
        typer.echo(f"{finding.what}: {finding.doubt}")
    if not doubts:
        typer.echo("nothing is wrong")
