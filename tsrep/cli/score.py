"""The command `score`: intervals over patients for predictions made by any tool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from tsrep.cli.options import Overwrite, given
from tsrep.errors import ConfigError
from tsrep.files import refuse_taken


def score(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            metavar="PREDICTIONS...",
            help="CSV, TSV or Parquet table with a column p_CLASS for each class, or .npy array with --ids.",
        ),
    ],
    truth: Annotated[
        str,
        typer.Option(
            help="Table with record, patient and label (or a column of 0 and 1 for each class), or "
            "ptb-xl:TASK such as ptb-xl:super."
        ),
    ],
    seeds: Annotated[
        bool, typer.Option("--seeds", help="Several PREDICTIONS are one method, a file for each seed.")
    ] = False,
    control: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE[,FILE...]",
            help="Predictions to compare with, a file for each seed. Repeatable; the first is primary.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the method. [default: that of its file]")] = None,
    id_column: Annotated[str, typer.Option("--id", help="Column that names the record.")] = "record",
    truth_id: Annotated[str | None, typer.Option(help="The same in the truth. [default: --id]")] = None,
    patient: Annotated[str, typer.Option(help="Column of the truth with the patient.")] = "patient",
    patients: Annotated[
        bool, typer.Option("--patients/--no-patients", help="Whether patients are known.")
    ] = True,
    label: Annotated[
        str, typer.Option("--truth-label", help="Column of the truth with class names.")
    ] = "label",
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the truth with a number, such as age, in place of classes; predictions have it "
            "in `prediction`.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Rows of the truth that count. Repeatable."),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of PTB-XL, or of --recordings. [default: the data cache]")
    ] = None,
    ids: Annotated[Path | None, typer.Option(help="Text file with the names of rows of an array.")] = None,
    classes: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Classes to score. [default: all predicted]")
    ] = None,
    logits: Annotated[bool, typer.Option("--logits", help="Values are logits.")] = False,
    multilabel: Annotated[
        bool | None,
        typer.Option(
            "--multilabel/--no-multilabel",
            help="Whether a record can have several classes. [default: as the truth is written]",
        ),
    ] = None,
    missing: Annotated[
        Literal["worst", "drop"] | None,
        typer.Option(help="Records without a prediction: class rates instead, or left out. [default: error]"),
    ] = None,
    units: Annotated[
        Literal["records", "windows"], typer.Option(help="What is scored where rows are windows.")
    ] = "records",
    aggregate: Annotated[
        Literal["mean", "max"], typer.Option(help="How probabilities of windows become those of a record.")
    ] = "mean",
    thresholds: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|FILE.json|sidecar|RULE",
            help="From which probability on a class is decided on; a rule needs --thresholds-from.",
        ),
    ] = None,
    thresholds_from: Annotated[
        Path | None, typer.Option(help="Validation predictions to choose thresholds on. [rule: f1]")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Metric that comparisons rest on. [default: auroc; of numbers mae]")
    ] = None,
    n_bootstrap: Annotated[int, typer.Option(min=2, help="Bootstrap resamples of patients.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder that predicted, whose ledger tells what it has seen.")
    ] = None,
    recordings: Annotated[
        str | None, typer.Option(help="Data set that the records are of, in --root, for the same.")
    ] = None,
    seen: Annotated[
        Literal["refuse", "leave-out", "keep"],
        typer.Option(help="Recordings that the encoder has seen: refused from 1 % on, else left out."),
    ] = "refuse",
    out: Annotated[Path | None, typer.Option(help="Scores as JSON.")] = None,
    page: Annotated[Path | None, typer.Option(help="Page with tables and figures (.html).")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Score predictions made by any tool, with intervals over patients and paired differences to controls.

    Records are matched by name. Patients, not records, are resampled; with `--seeds` seeds are the second
    level. P values of comparisons, but that of the primary one, are adjusted by Holm.
    """
    import tsrep
    from tsrep.report.scored_files import summarise_files, write_page

    for path, suffix in ((out, ".json"), (page, ".html")):
        if path is not None:
            refuse_taken(path, suffix, overwrite=overwrite)
    if len(predictions) > 1 and not seeds:
        raise ConfigError(
            f"{len(predictions)} files of predictions were given; add --seeds if they are of one method, or "
            "give the others as --control FILE"
        )
    if thresholds_from is not None and not thresholds_from.exists():
        raise ConfigError(
            f"thresholds are not taken from the scored part, and there is no file {thresholds_from}; give "
            "validation predictions with --thresholds-from FILE"
        )
    options = given(
        name=name, truth_id=truth_id, root=root, ids=ids, multilabel=multilabel, missing=missing,
        thresholds=thresholds, thresholds_from=thresholds_from, encoder=encoder, recordings=recordings,
        target=target, metric=metric,
        classes=None if classes is None else [each.strip() for each in classes.split(",")],
    )  # fmt: skip
    found = tsrep.score(
        predictions,
        truth,
        controls=_controls(control or ()),
        id=id_column,
        patient=patient if patients else None,
        label=label,
        where=dict(map(_equation, where or ())),
        logits=logits,
        units=units,
        aggregate=aggregate,
        n_bootstrap=n_bootstrap,
        seed=seed,
        seen=seen,
        **options,
    )
    if out is not None:
        found.save(out)
    if page is not None:
        write_page(found, page)
    typer.echo(summarise_files(found))
    for what, path in (("scores", out), ("page", page)):
        if path is not None:
            typer.echo(f"{what}: {path}")


def _controls(texts: Sequence[str]) -> dict[str, list[str]]:
    """Files of each control by its name."""
    found: dict[str, list[str]] = {}
    for name, files in map(_control, texts):
        if name in found:
            raise ConfigError(f"two controls are called {name}; name one, as in --control NAME=FILE")
        found[name] = files
    return found


def _control(text: str) -> tuple[str, list[str]]:
    """Name and files of a control; without a name that of its first file."""
    name, equals, files = text.partition("=")
    if not equals or Path(text).exists():
        name, files = "", text
    paths = [text] if Path(text).exists() else [path.strip() for path in files.split(",")]
    return name or Path(paths[0]).stem, paths


def _equation(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--where {text!r} does not say which value counts; write it as COLUMN=VALUE")
    return column, value
