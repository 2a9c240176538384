"""The command `forecast`: a user's own series, continued by a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsrep.errors import ConfigError

if TYPE_CHECKING:
    from tsrep.runs.forecast_own import OwnForecast

MOST = 12  # channels told of in the terminal


def forecast(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that fit made with -o forecast.")],
    data: Annotated[
        Path, typer.Option("--input", "-i", help="CSV or Parquet file with the channels of the run.")
    ],
    horizon: Annotated[
        int | None, typer.Option("--horizon", help="Steps ahead. [default: as trained, which is the most]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to. [default: RUN/forecasts/INPUT]")
    ] = None,
    level: Annotated[
        list[float] | None,
        typer.Option("--level", help="Of prediction intervals; repeat for several. [default: 0.8 and 0.95]"),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="PATH=VALUE",
            help="How the file is read: dataset.date, .gaps, .duplicates, .missing. [default: as the run]",
        ),
    ] = None,
) -> None:
    """Forecast the steps after a file of yours, with prediction intervals, as a table and a picture.

    Columns are found by name. The intervals are as wide as the errors on the validation part of the run.
    """
    import tsrep.api

    folder = out or run / "forecasts" / data.stem
    given = {} if level is None else {"levels": level}
    found = tsrep.api.forecast(run, data, horizon=horizon, reading=_reading(assignments), out=folder, **given)
    typer.echo(summary(found))
    for name in ("forecast.csv", "forecast.png"):
        typer.echo(f"written: {folder / name}")


def _reading(assignments: list[str] | None) -> dict[str, Any]:
    """Settings of the data set by name, checked."""
    from tsrep.runs.config_files import assemble

    for assignment in assignments or ():
        if not assignment.startswith("dataset."):
            raise ConfigError(
                f"--set {assignment!r} does not say how the file is read; forecast takes dataset.KEY=VALUE"
            )
    settings = assemble({"dataset": {"name": "series-csv"}}, assignments=assignments or ()).dataset
    given: dict[str, Any] = settings.model_dump(exclude_unset=True, exclude={"name"})
    return given


def summary(forecast: OwnForecast) -> str:
    """What was forecast, a line for each channel, and the notes."""
    first, last = (str(stamp).replace("T", " ") for stamp in forecast.time[[0, -1]])
    n, levels = len(forecast.time), list(forecast.bounds)
    lines = [f"{n} step{'s' * (n > 1)} of {forecast.freq} ahead of {forecast.source}: {first} to {last}", ""]
    heads = ["channel", "last known", "first step", "last step", "mean"]
    heads += [f"last step, {100 * levels[-1]:g} % interval"] if levels else []
    rows = [heads]
    for i, name in enumerate(forecast.channels[:MOST]):
        past = forecast.past[i][forecast.past[i] == forecast.past[i]]  # NaN is unlike itself
        y = forecast.values[i]
        row = [name, *(f"{float(value):.4g}" for value in (past[-1], y[0], y[-1], y.mean()))]
        if levels:
            lower, upper = forecast.bounds[levels[-1]]
            row.append(f"{float(lower[i, -1]):.4g} to {float(upper[i, -1]):.4g}")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells))
    if len(forecast.channels) > MOST:
        lines.append(f"and {len(forecast.channels) - MOST} more channels")
    if forecast.notes:
        lines += ["", *(f"note: {note}" for note in forecast.notes)]
    return "\n".join(lines)
