"""The command `predict`: labels or numbers of new recordings by an encoder and a kept head."""

from __future__ import annotations

import csv
import shlex
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tsrep.cli.options import EncoderReference, Overwrite, assignment, contract_options

FIRST = 3


@contract_options
def predict(
    encoder: EncoderReference,
    recordings: Annotated[
        str,
        typer.Argument(
            metavar="RECORDINGS",
            help="Folder, file, pattern in quotes, @LIST with a path in each line, name of a data set, or "
            "FILE.npy, .npz or .zarr with --rate, --unit and --channels.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Output table: .csv, .parquet or .jsonl; a .json beside it says how it was made."),
    ] = Path("predictions.csv"),
    head: Annotated[str | None, typer.Option(help="Name of a kept head. [default: the best]")] = None,
    windows: Annotated[
        bool,
        typer.Option("--windows", help="A row for each window; recordings go to NAME.records.csv."),
    ] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities/--labels-only", help="A column for each class.")
    ] = True,
    calibration: Annotated[
        bool, typer.Option("--calibration/--no-calibration", help="Calibrated probabilities.")
    ] = True,
    embed: Annotated[
        Path | None, typer.Option(help="File (.npz) for the representations of all windows.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Sampling rate in Hz, where files do not say theirs.")
    ] = None,
    channels: Annotated[
        str | None, typer.Option(metavar="I,II,V1", help="Channels in order, where files do not name theirs.")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of a data set.")] = None,
    assignments: Annotated[
        list[str] | None, assignment("One setting of a data set, such as dataset.rate=100.")
    ] = None,
    part: Annotated[
        Literal["all", "train", "validation", "test"], typer.Option(help="Part of a data set.")
    ] = "all",
    with_targets: Annotated[
        bool, typer.Option("--with-targets", help="Labels of a data set as columns, for `tsrep score`.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Windows at a time.")] = 256,
    device: Annotated[str | None, typer.Option(help="cpu or cuda. [default: that of the run]")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Threads that read ahead.")] = 2,
    table_format: Annotated[
        Literal["csv", "parquet", "jsonl"] | None,
        typer.Option("--format", help="Format of the table. [default: by the suffix of --out]"),
    ] = None,
    max_failed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of recordings that may give no prediction.")
    ] = 0.5,
    overwrite: Overwrite = False,
    *,
    policies: Any,
) -> None:
    """Predict labels or numbers of new recordings by an encoder and a head that `tsrep evaluate` kept.

    The table has one row for each recording, in order; one that cannot be read or converted has the reason.
    """
    from tsrep.runs.predict.options import Options
    from tsrep.runs.predict.output import Destination
    from tsrep.runs.predict.predict import predict_to
    from tsrep.runs.predict.sources import Request
    from tsrep.training.interrupt import told_of_interruption

    names = None if channels is None else tuple(name.strip() for name in channels.split(","))
    request = Request(rate, names, root, tuple(assignments or ()), part, with_targets)
    options = Options(
        head, calibration, probabilities, policies, request, batch_size, device, workers, max_failed
    )
    place = Destination(out, table_format, windows, embed, overwrite)
    command = {"command": shlex.join(["tsrep", *sys.argv[1:]])}
    with told_of_interruption("nothing was written, as tables appear whole; predict again"):
        facts = predict_to(place, encoder, recordings, options=options, said=command)
    _tell(out, facts)


def _tell(out: Path, facts: dict[str, Any]) -> None:
    counts = facts["counts"]
    total = sum(counts.values())
    for note in facts["notes"]:
        typer.echo(f"tsrep: {note}", err=True)
    if of := facts["doubtful"]["recordings"]:
        first = facts["doubtful"]["first"]
        typer.echo(
            f"tsrep: {of:,} of {total:,} recordings are doubtful, the first {first} (see notes)", err=True
        )
    if told := seen_told(facts["seen"]):
        typer.echo(told, err=True)
    typer.echo(f"{out}: {total - counts['failed']:,} of {total:,} recordings")
    for line in first_rows(out):
        typer.echo(line)
    if counts["failed"]:
        typer.echo(
            f"{counts['failed']:,} of {total:,} recordings gave no prediction; see the column reason",
            err=True,
        )


def first_rows(out: Path) -> Iterator[str]:
    """What the first recordings of a comma-separated table were taken for, with their probabilities."""
    if out.suffix != ".csv":
        return
    with out.open(encoding="utf-8", newline="") as stream:
        for row in islice(csv.DictReader(stream), FIRST):
            shares = [f"{name[2:]} {float(p):.2f}" for name, p in row.items() if name.startswith("p_") and p]
            label = _value(row) if "unit" in row else row["prediction"]
            told = label or row.get("reason") or "no class"
            yield f"  {row['record']}: {told}" + f" ({', '.join(shares)})" * bool(shares)


def _value(row: Mapping[str, str]) -> str:
    """A number with its unit and interval; nothing where there is none."""
    if not row["prediction"]:
        return ""
    low, high = (f"{float(row[end]):.4g}" if row.get(end) else "" for end in ("low", "high"))
    ends = f" [{low}, {high}]" if low else ""
    return f"{float(row['prediction']):.4g} {row['unit']}".strip() + ends


def seen_told(found: Mapping[str, Any]) -> str:
    """What predictions of recordings that the encoder has seen are worth; nothing where there are none."""
    if found["status"] != "seen":
        return ""
    known = found["exact"] + found["leads"] + found["coarse"]
    return (
        f"tsrep: the encoder has seen {known:,} of {found['of']:,} recordings; predictions of them say "
        "nothing of new ones"
    )
