"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

from tsrep.cli.completion import assignments as possible_assignments
from tsrep.cli.completion import names_of, runs
from tsrep.errors import ConfigError
from tsrep.registry import DATASETS

NARROW = 100  # columns of a terminal on which one space divides those of a table

RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        autocompletion=runs,
        help="Folder of a run, as `tsrep fit` writes it; RUN@2 is that of its third seed.",
    ),
]
EncoderReference = Annotated[
    str,
    typer.Argument(
        metavar="ENCODER",
        autocompletion=runs,
        help="Run folder (RUN@2: its third seed), packed folder, hub:OWNER/NAME@REVISION, FILE.safetensors, "
        "MODULE:FUNCTION, random:NAME, simple:NAME or features:FILE.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration as YAML; see configs/. Other options override it."),
]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder of the data, or file of a series. [default: the data cache]"),
]
MovedRoot = Annotated[
    Path | None, typer.Option(help="Folder of the data. [default: the one the run was trained on]")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="All tables of scores.")]
Strict = Annotated[bool, typer.Option("--strict", help="Refusal of data with unreadable records.")]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replacement of existing files.")]


def assignment(description: str) -> Any:
    """The option ``--set``, which may be repeated."""
    return typer.Option(
        "--set",
        "-s",
        metavar="PATH=VALUE",
        help=f"{description} Repeatable.",
        autocompletion=possible_assignments,
    )


def named_dataset(description: str) -> Any:
    """The option ``--dataset``."""
    return typer.Option("--dataset", "-d", help=description, autocompletion=names_of(DATASETS))


def given(**options: Any) -> dict[str, Any]:
    """Options that the user gave."""
    return {name: value for name, value in options.items() if value is not None}


def refuse_other_than_data(command: str, assignments: Sequence[str]) -> None:
    """Check that all assignments are settings of the data set.

    Raises
    ------
    ConfigError
        Naming the first one that is not.
    """
    for each in assignments:
        if not each.startswith("dataset."):
            raise ConfigError(f"--set {each!r} is not about the data; {command} takes dataset.KEY=VALUE")


def refuse_without_dataset(policies: Any, **options: Any) -> None:
    """Check that nothing was said of other data where none are named.

    Raises
    ------
    ConfigError
        Naming the first option that was given.
    """
    changed = {
        name: value for name, value in vars(policies).items() if value != type(policies)().__dict__[name]
    }
    for name in [name for name, value in {**options, **changed}.items() if value]:
        option = name.replace("_", "-")
        raise ConfigError(
            f"--{option} is about data that the encoder was not trained on; name them with --dataset"
        )


def contract_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of how signals may be converted for an encoder, as its ``policies``.

    The command has a keyword argument ``policies``, a :class:`tsrep.signals.convert.Policies`; its own
    ``--strict``, where it has one, would be another option and is not needed.
    """
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "policies"]
    added = inspect.signature(_policies, eval_str=True).parameters

    @wraps(command)
    def called(**values: Any) -> Any:
        chosen = {name: values.pop(name) for name in added}
        return command(**values, policies=_policies(**chosen))

    shown = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *added.values())]
    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    hints = get_type_hints(command, include_extras=True) | get_type_hints(_policies, include_extras=True)
    called.__annotations__ = {parameter.name: hints[parameter.name] for parameter in shown}
    return called


def _policies(
    *,
    missing_channels: Annotated[
        Literal["refuse", "derive", "zero", "mean", "mask"] | None,
        typer.Option(
            help="Missing channels: derive takes limb leads from one another. [default: as the encoder says]"
        ),
    ] = None,
    allow_missing: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of channels that may be missing.")
    ] = 0,
    allow_upsampling: Annotated[
        bool, typer.Option("--allow-upsampling", help="Recordings of a rate far below the encoder's.")
    ] = False,
    any_modality: Annotated[
        bool, typer.Option("--any-modality", help="Recordings of another modality, such as EEG for ECG.")
    ] = False,
    allow_modified_leads: Annotated[
        bool, typer.Option("--allow-modified-leads", help="Modified limb leads, such as MLII for II.")
    ] = False,
    unit: Annotated[
        str | None, typer.Option(help="Unit of recordings that do not say theirs, such as mV.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refusal of unreadable records and of doubtful conversions.")
    ] = False,
) -> Any:
    """Policies of conversion from options."""
    from tsrep.signals.policies import Policies

    return Policies(
        missing_channels=missing_channels,
        allow_missing=allow_missing,
        allow_upsampling=allow_upsampling,
        any_modality=any_modality,
        allow_modified_leads=allow_modified_leads,
        unit=unit,
        strict=strict,
    )


def changed(policies: Any) -> dict[str, Any]:
    """Policies that the user gave, as plain values; ``strict`` is a setting of its own."""
    usual = type(policies)()
    named = {name: value for name, value in vars(policies).items() if value != getattr(usual, name)}
    return {name: value for name, value in named.items() if name != "strict"}


def resumed_device(assignments: Sequence[str]) -> str | None:
    """The device that assignments name, where they say nothing else."""
    if len(assignments) != 1 or not assignments[0].startswith("device="):
        return None
    return assignments[0].removeprefix("device=")


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns under their heads, no word of which is cut; a file or another program gets whole lines."""
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=console.width < NARROW)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
