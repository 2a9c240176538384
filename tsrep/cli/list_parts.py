"""The command `list`: what is registered, by name."""

from __future__ import annotations

from typing import Annotated

import typer

from tsrep.cli.completion import kinds
from tsrep.registry import REGISTRIES, list_registered


def list_parts(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help=f"{', '.join(REGISTRIES)}.", autocompletion=kinds)
    ] = None,
) -> None:
    """List encoders, objectives and other parts by name, one line each with its reference."""
    if kind is None:
        for each, registry in REGISTRIES.items():
            typer.echo(f"{each:<10}  {', '.join(registry.names())}")
        return
    parts = list_registered(kind)
    width = max((len(part.name) for part in parts), default=0)
    for part in parts:
        reference = f"  [{part.reference}]" if part.reference else ""
        typer.echo(f"{part.name:<{width}}  {part.summary}{reference}")
