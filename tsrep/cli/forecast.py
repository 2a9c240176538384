"""The command `forecast`: a user's own series, continued by a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsrep.cli.options import Overwrite, RunFolder, assignment, given, refuse_other_than_data
from tsrep.errors import ConfigError
from tsrep.files import refuse_taken
from tsrep.text import plural

if TYPE_CHECKING:
    from tsrep.runs.forecast_own import OwnForecast

MOST = 12  # channels in the summary
FILES = ("forecast.csv", "forecast.png")
TABLES = (".csv", ".parquet", ".png")  # names of files, as other commands take for --out


def forecast(
    run: RunFolder,
    data: Annotated[
        Path, typer.Option("--input", "-i", help="CSV or Parquet file with the channels of the run.")
    ],
    horizon: Annotated[
        int | None, typer.Option(help="Number of steps ahead. [default: as trained, the most]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder. [default: RUN/forecasts/INPUT]")] = None,
    level: Annotated[
        list[float] | None,
        typer.Option(help="Level of prediction intervals. Repeatable. [default: 0.8 and 0.95]"),
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="Table with a row for each step and channel.")] = False,
    assignments: Annotated[
        list[str] | None,
        assignment(
            "How the file is read: dataset.date, .gaps, .duplicates or .missing. [default: as the run]"
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Forecast the steps after a file of yours, with prediction intervals, as a table and a plot.

    Columns are found by name. The intervals are as wide as the errors on the validation part of the run.
    """
    import tsrep

    opened = tsrep.Run(run)
    if out is not None and out.suffix in TABLES:
        raise ConfigError(
            f"--out {out} reads like a file, and a forecast is a folder with {' and '.join(FILES)}; "
            f"give it as --out {out.with_suffix('')}"
        )
    folder = out or opened.path / "forecasts" / data.stem
    for name in FILES if out is not None else ():  # what is kept in the run is made anew
        refuse_taken(folder / name, overwrite=overwrite)
    options = given(levels=level, horizon=horizon) | {"long": long}
    found = tsrep.forecast(opened, data, reading=_reading(assignments or ()), out=folder, **options)
    typer.echo(_summary(found))
    for name in FILES:
        typer.echo(f"written: {folder / name}")


def _reading(assignments: Sequence[str]) -> dict[str, Any]:
    """Settings of the data set by name, checked."""
    from tsrep.runs.config_files import assemble

    refuse_other_than_data("forecast", assignments)
    settings = assemble({"dataset": {"name": "series-csv"}}, assignments=assignments).dataset
    chosen: dict[str, Any] = settings.model_dump(exclude_unset=True, exclude={"name"})
    return chosen


def _summary(forecast: OwnForecast) -> str:
    """What was forecast, a line for each channel, and the notes."""
    import pandas as pd

    first, last = (str(stamp).replace("T", " ") for stamp in forecast.time[[0, -1]])
    n = len(forecast.time)
    rows = {}
    for i, name in enumerate(forecast.channels[:MOST]):
        past, y = pd.Series(forecast.past[i]).dropna(), forecast.values[i]
        row = {"last known": past.iloc[-1], "first step": y[0], "last step": y[-1], "mean": y.mean()}
        rows[name] = {head: f"{value:.4g}" for head, value in row.items()}
        for level, (lower, upper) in list(forecast.bounds.items())[-1:]:
            rows[name][f"last step, {100 * level:g} % interval"] = f"{lower[i, -1]:.4g} to {upper[i, -1]:.4g}"
    lines = [
        f"{plural(n, 'step')} of {forecast.freq} ahead of {forecast.source}: {first} to {last}",
        "",
        pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="channel").to_string(),
    ]
    if len(forecast.channels) > MOST:
        lines.append(f"and {len(forecast.channels) - MOST} more channels")
    if forecast.notes:
        lines += ["", *(f"note: {note}" for note in forecast.notes)]
    return "\n".join(lines)
