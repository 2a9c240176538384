"""Commands on the cache of converted recordings: list, clear."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from tsrep.cli.usage import Commands

cache = typer.Typer(
    cls=Commands, no_args_is_help=True, help="List and clear the cache of converted recordings."
)


@cache.command("list")
def list_cache() -> None:
    """List what the cache holds, by data set, with size and date."""
    from tsrep.datasets.cache_contents import cache_contents
    from tsrep.datasets.dataset import cache_folder

    kept = cache_contents()
    width = max((len(each.name) for each in kept), default=0)
    for each in kept:
        day = datetime.fromtimestamp(each.changed).date()
        typer.echo(
            f"{each.name:<{width}}  {_megabytes(each.size):>12}  {len(each.entries):>5} entries  {day}"
        )
    typer.echo(f"{cache_folder(None)}: {_megabytes(sum(each.size for each in kept))}")


@cache.command()
def clear(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Name that `tsrep cache list` tells. [default: all]"),
    ] = None,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Only what was made so many days ago.")
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Consent to the removal in advance.")] = False,
) -> None:
    """Remove conversions, which the next run makes anew from the recordings themselves.

    Downloads and recordings are never touched.
    """
    from tsrep.datasets.cache_contents import remove, size_of, to_clear
    from tsrep.datasets.dataset import cache_folder

    entries = to_clear(name, older_than=older_than)
    size = _megabytes(sum(map(size_of, entries)))
    if not entries:
        typer.echo(f"nothing to remove in {cache_folder(None)}")
    elif yes or typer.confirm(f"Remove {len(entries)} entries, {size}, of {cache_folder(None)}?"):
        remove(entries)
        typer.echo(f"removed {size}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
