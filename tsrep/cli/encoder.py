"""The command `encoder`: what an encoder is, what it must be shown, and whether it fits given data."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from tsrep.cli.options import EncoderReference, Root, assignment, contract_options
from tsrep.errors import ConfigError


@contract_options
def encoder(
    reference: EncoderReference,
    check: Annotated[
        bool, typer.Option("--check", help="Trial on small batches: shapes, batch mates, fresh weights.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Name of a data set: what would be converted, and what not."),
    ] = None,
    root: Root = None,
    assignments: Annotated[
        list[str] | None, assignment("One setting of the data of --against, such as dataset.rate=500.")
    ] = None,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Recordings that it has seen; with --against those of the data.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Output as JSON.")] = False,
    *,
    policies: Any,
) -> None:
    """Show the contract, weights, heads and licence of an encoder, and whether it fits given data.

    Nothing is computed with `--against`: it reads the data and tells what would be done to them.
    """
    if against is None and (assignments or root):
        raise ConfigError("--root and --set are about the data of --against; name them with --against")
    from tsrep.runs.described import Described, described, fit_to, ledger_facts
    from tsrep.runs.references.reference import resolve

    found = resolve(reference)
    loaded = found.open()
    told: Described = {"encoder": described(loaded)}
    if check:
        told["check"] = list(found.check())
    if ledger:
        told["seen"] = ledger_facts(loaded)
    if against is not None:
        told[f"against {against}"] = fit_to(
            loaded, against, root=root, policies=policies, assignments=assignments or (), ledger=ledger
        )
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False) if as_json else _in_words(told))


def _in_words(told: Any) -> str:
    """Sections with a line for each fact."""
    lines: list[str] = []
    for title, facts in told.items():
        lines += ["", typer.style(title, bold=True)]
        if isinstance(facts, dict):
            width = max(map(len, facts))
            lines += [f"  {name:<{width}}  {value}" for name, value in facts.items()]
        else:
            lines += [f"  {fact}" for fact in facts]
    return "\n".join(lines[1:])
