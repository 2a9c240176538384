"""Commands on data sets: list, info, fetch, check, simulate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsrep.cli.label import Label, label_of

if TYPE_CHECKING:
    from tsrep.datasets import About
    from tsrep.datasets.check import Finding
    from tsrep.errors import TsrepError
    from tsrep.runs.config import Configuration
    from tsrep.signals import Panel, Series
    from tsrep.splits.by_time import TimeSplit
    from tsrep.splits.split import Split

data = typer.Typer(no_args_is_help=True, help="List, fetch, check and simulate data sets.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a data set; see `tsrep data list`.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="PATH=VALUE", help="One setting, such as dataset.task=rhythm."),
]


@data.command("list")
def list_datasets() -> None:
    """All data sets by name."""
    from rich.console import Console
    from rich.table import Table

    from tsrep.datasets import about
    from tsrep.registry import DATASETS

    table = Table("name", "what", "size", "licence", box=None, header_style="bold")
    for name in DATASETS.names():
        facts = about(name)
        table.add_row(name, facts.title, _size(facts) or "–", facts.licence)
    Console().print(table)


def _size(facts: About) -> str:
    """In words; empty where it depends on the user's data."""
    if facts.steps:
        return f"{facts.steps:,} steps of {facts.channels} channels"
    return f"{facts.records:,} records of {facts.patients:,} patients" if facts.records else ""


@data.command()
def info(name: Name) -> None:
    """What a data set is, what its folder must contain, and its settings."""
    from tsrep.datasets import about
    from tsrep.datasets.loading import default_splits
    from tsrep.registry import DATASETS

    facts = about(name)
    rows = {
        "licence": facts.licence,
        "cite": facts.citation,
        "page": facts.url,
        "download": f"{facts.size_mb:,.0f} MB" if facts.size_mb else "",
        "size": _size(facts),
        "split": "; ".join(default_splits(name)),
        "folder": ", ".join(facts.needs),
        "notes": facts.notes,
    }
    typer.echo(typer.style(facts.title, bold=True) + ("  (synthetic)" if facts.synthetic else ""))
    for key, value in rows.items():
        if value:
            typer.echo(f"{key:>9}  {value}")
    typer.echo(" settings  (--set dataset.KEY=VALUE)")
    for key, field in DATASETS.entry(name).settings.model_fields.items():
        if key != "name":
            default = "required" if field.is_required() else repr(field.default)
            typer.echo(f"{'':>9}  {key} = {default}")


@data.command()
def fetch(
    name: Name,
    out: Annotated[Path | None, typer.Option("--out", help="Folder. [default: the data cache]")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also large files that few need.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Download a data set, resuming where it stopped, and check every file's SHA-256."""
    from tsrep.datasets.fetch import fetch as fetch_dataset

    def confirm(question: str) -> bool:
        return yes or typer.confirm(question)

    folder = fetch_dataset(name, out, confirm=confirm, everything=everything)
    typer.echo(f"{name} is in {folder}")


@data.command()
def check(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Of a data set. [default: that of --config]")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", help="Folder of the data; of a series, its file too. [default: the data cache]"
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="YAML file that fit will use: its data and split.")
    ] = None,
    label: Label = None,
    assignments: Set = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse unreadable records.")] = False,
) -> None:
    """Read data, cut and split them as `tsrep fit` would, and say what is wrong before anything trains."""
    from tsrep.datasets import load
    from tsrep.errors import ConfigError, DataError
    from tsrep.runs.config_files import assemble, read_config
    from tsrep.signals import Series

    if name is None and config is None:
        raise ConfigError("say which data to check: a NAME (see `tsrep data list`) or --config FILE")
    options = {"dataset": name, "root": root, "strict": strict or None}
    given = {key: value for key, value in options.items() if value is not None}
    file = read_config(config) if config else None
    settings = assemble(file, given, label_of(label, file, given), assignments=assignments or ())
    data = load(settings.dataset, settings.root, strict=settings.strict)
    if isinstance(data, Series):
        findings, problem = _series_findings(settings, data)
    else:
        findings, problem = _panel_findings(settings, data)
    for finding in findings:
        where = f"  [{finding.where}]" if finding.where else ""
        typer.echo(f"{finding.severity:>8}  {finding.what}{where}")
    if problem is not None:
        raise problem
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        raise DataError(f"{errors} error(s) in {settings.dataset.name}; see above")


def _panel_findings(settings: Configuration, panel: Panel) -> tuple[list[Finding], TsrepError | None]:
    """Findings, and what `tsrep fit` would refuse."""
    from tsrep.datasets.check import check as check_panel
    from tsrep.errors import DataError, SplitError

    typer.echo(
        f"{panel.source}: {len(panel)} records of {len(set(panel.patient.tolist()))} patients, "
        f"{len(panel.channels)} channels at {panel.sfreq:g} Hz, {len(panel.classes)} classes"
    )
    problem: TsrepError | None = None
    split: Split | None = None
    try:
        panel, split = _cut_and_split(settings, panel)
    except (DataError, SplitError) as error:
        problem = error
    return check_panel(panel, split), problem


def _series_findings(settings: Configuration, series: Series) -> tuple[list[Finding], TsrepError | None]:
    """Findings, and what `tsrep fit` would refuse."""
    from tsrep.datasets.check_series import check_series
    from tsrep.errors import ConfigError, DataError, SplitError

    season = f"a season of {series.period} steps" if series.period > 1 else "no season"
    first, last = (str(series.time[i]).replace("T", " ") for i in (0, -1))
    typer.echo(
        f"{series.source}: {len(series):,} steps of {series.freq} from {first} to {last}, "
        f"{len(series.channels)} channels, {len(series.covariate_names)} covariates, {season}"
    )
    problem: TsrepError | None = None
    split: TimeSplit | None = None
    try:
        split = _split_in_time(settings, series)
        _cut_and_forecast(settings, series, split)
    except (ConfigError, DataError, SplitError) as error:
        problem = error
    return check_series(series, split), problem


def _split_in_time(settings: Configuration, series: Series) -> TimeSplit:
    from tsrep.registry import DATASETS, SPLITS

    default = {"name": DATASETS.build(settings.dataset).default_split}
    split: TimeSplit = SPLITS.build(settings.split or default)(series)
    counts = ", ".join(f"{n['steps']:,} {part}" for part, n in split.counts.items())
    typer.echo(f"split {split.how}: {counts} steps")
    return split


def _cut_and_forecast(settings: Configuration, series: Series, split: TimeSplit) -> None:
    """Sections and horizons, by the rules of `tsrep fit`."""
    from tsrep.registry import DATASETS
    from tsrep.runs.prepare_panel import refuse_short_parts
    from tsrep.runs.prepare_series import prepare_series

    prepared = prepare_series(settings, DATASETS.build(settings.dataset), series)
    typer.echo(f"{len(prepared.panel):,} sections of {prepared.panel.length} steps to train and validate on")
    horizons = refuse_short_parts(settings, split)
    typer.echo(f"long enough for horizons of {', '.join(map(str, horizons))} steps")


def _cut_and_split(settings: Configuration, records: Panel) -> tuple[Panel, Split]:
    """Windows and their split, by the rules of `tsrep fit`."""
    from tsrep.runs.prepare_panel import cut_windows, split_windows

    windows = cut_windows(settings, records)
    split = split_windows(settings, windows)
    typer.echo(f"{len(windows)} windows of {windows.length / windows.sfreq:g} s")
    counts = ", ".join(f"{n['patients']} {part}" for part, n in split.counts.items())
    typer.echo(f"split by {split.how}: {counts} patients")
    return windows, split


@data.command()
def simulate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Layout to write; ptb-xl is the one there is.")],
    out: Annotated[Path, typer.Option("--out", help="New folder.")],
    patients: Annotated[int, typer.Option(min=10)] = 200,
    records_per_patient: Annotated[float, typer.Option(min=1, max=10)] = 3.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write a synthetic cohort as files in the layout of a real data set."""
    from tsrep.datasets.synthetic.simulation import simulate as write_cohort
    from tsrep.errors import ConfigError

    if name != "ptb-xl":
        raise ConfigError(f"there is no simulator for the layout of {name!r}; known: ptb-xl")
    write_cohort(out, patients=patients, records_per_patient=records_per_patient, seed=seed)
    typer.echo(f"{patients} synthetic patients are in {out}; try: tsrep fit --dataset ptb-xl --root {out}")
