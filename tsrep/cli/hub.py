"""Commands on encoders that are shared: push, pull."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from tsrep.cli.options import EncoderReference
from tsrep.cli.usage import Commands
from tsrep.errors import RunError

hub = typer.Typer(cls=Commands, no_args_is_help=True, help="Share encoders, and fetch those of others.")


@hub.command()
def push(
    encoder: EncoderReference,
    to: Annotated[
        str, typer.Option("--to", metavar="hub:OWNER/NAME|FOLDER", help="Repository on the hub, or a folder.")
    ],
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the weights, such as cc-by-4.0. [default: that of the encoder]"),
    ] = None,
    revision: Annotated[str, typer.Option(help="Branch on the hub, or name of a revision in a folder.")] = "",
    ledger: Annotated[
        Literal["public-only", "always", "never"],
        typer.Option(help="Fingerprints, by which whoever holds a recording can tell if it was trained on."),
    ] = "public-only",
    head: Annotated[
        str | None, typer.Option(help="Name of the head to share. [default: the best, if it may be shared]")
    ] = None,
    with_records_features: Annotated[
        bool,
        typer.Option("--with-records-features", help="A head that holds features of training recordings."),
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="A new repository that others do not see.")
    ] = False,
    pull_request: Annotated[bool, typer.Option("--pr", help="Proposal of the change, for review.")] = False,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="An encoder that was trained on simulated signals.")
    ] = False,
    permission: Annotated[
        str,
        typer.Option(
            "--i-have-permission", metavar="TEXT", help="Who permits to share it; stands on the card."
        ),
    ] = "",
    card_only: Annotated[
        bool, typer.Option("--card-only", help="Only the card, into the folder, to be read first.")
    ] = False,
) -> None:
    """Share an encoder with its contract, head, scores, fingerprints and a card.

    Nothing else of the run leaves the machine: no path, no command, no recording.
    """
    from tsrep.runs.push import push as share

    if card_only and to.startswith("hub:"):
        raise RunError("--card-only writes into a folder; give one with --to")
    where = share(
        encoder,
        to,
        licence=licence,
        revision=revision,
        ledger=ledger,
        head=head,
        records_features=with_records_features,
        synthetic=synthetic,
        permission=permission,
        private=private,
        pull_request=pull_request,
        card_only=card_only,
    )
    typer.echo(where)


@hub.command()
def pull(
    name: Annotated[str, typer.Argument(metavar="hub:OWNER/NAME[@REVISION]", help="What to fetch.")],
    out: Annotated[Path | None, typer.Option(help="New folder for a copy. [default: the cache]")] = None,
    accept_licence: Annotated[
        str, typer.Option(metavar="SPDX", help="Licence that you accept for this encoder.")
    ] = "",
    offline: Annotated[bool, typer.Option("--offline", help="From the cache only.")] = False,
) -> None:
    """Fetch a shared encoder, check it, and say what it is; nothing of it is executed."""
    from tsrep.runs.licences import LicenceNotAccepted, licence_of
    from tsrep.runs.push import pull as fetch

    try:
        folder, loaded = fetch(name, out=out, accepted=accept_licence, offline=offline)
    except LicenceNotAccepted as asked:
        if not (sys.stdin.isatty() and typer.confirm(f"{name} is under {asked.licence}. Accept it?")):
            raise
        folder, loaded = fetch(name, out=out, accepted=asked.licence.name, offline=offline)
    heads = ", ".join(loaded.heads) or "none"
    seen = "unknown recordings" if loaded.ledger is None else f"{len(loaded.ledger):,} recordings"
    typer.echo(f"{folder}")
    typer.echo(f"licence: {licence_of(loaded.licence)}; heads: {heads}; trained on: {seen}")
