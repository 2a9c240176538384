"""Commands on runs: fit, evaluate, embed, show; those in modules of their own join here."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.data import data
from tsrep.cli.export import export
from tsrep.cli.forecast import forecast
from tsrep.cli.label import Label, label_of
from tsrep.cli.plot import plot
from tsrep.cli.study import study
from tsrep.errors import ConfigError

app = typer.Typer(
    name="tsrep",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Learn representations of ECG, other multichannel signals and time series; score them on patients "
    "or times never seen.",
)
app.add_typer(data, name="data")
app.add_typer(plot, name="plot")
app.add_typer(study, name="study")

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML file; see configs/. Later options win over it.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="PATH=VALUE", help="One setting, such as objective.temperature=0.2."),
]
Root = Annotated[
    Path | None,
    typer.Option("--root", help="Folder of the data; of a series, its file too. [default: the data cache]"),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder that fit made.")]


class Protocol(StrEnum):
    """How frozen or trainable encoders are judged; a series by forecasts, labelled samples by the others."""

    probe = "probe"
    knn = "knn"
    svm = "svm"
    logistic = "logistic"
    finetune = "finetune"
    forecast = "forecast"


@app.command()
def fit(
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", "-d", help="Name of a data set; see `tsrep data list`. [default: ptb-xl-sim]"
        ),
    ] = None,
    root: Root = None,
    objective: Annotated[
        str | None,
        typer.Option("--objective", "-o", help="What to train by. [default: comet, of a series autotcl]"),
    ] = None,
    label: Label = None,
    univariate: Annotated[
        bool, typer.Option("--univariate", help="Of a series only the target channel (dataset.target).")
    ] = False,
    config: Config = None,
    assignments: Set = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, batches and views. [default: 0]")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse data with unreadable records.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder. [default: runs/...]")] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the run in this folder.")
    ] = None,
    evaluation: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Score the encoder at once.")
    ] = True,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print all settings as YAML and stop.")
    ] = False,
) -> None:
    """Pre-train an encoder, score it on patients or times never seen, and leave a run folder with a report.

    Without options it trains COMET on a synthetic ECG cohort, and AutoTCL where the data set is a series.
    Ctrl-C saves the state; `--resume RUN` goes on.
    """
    import tsrep.api
    from tsrep.runs.config import merged
    from tsrep.runs.config_files import assemble, dump_config, read_config

    options: dict[str, Any] = {"dataset": dataset, "objective": objective, "root": root, "seed": seed}
    given = {key: value for key, value in options.items() if value is not None} | (
        {"strict": True} if strict else {}
    )
    if resume is not None:
        if given.keys() - {"root"} or config or assignments or out or show_config or univariate or label:
            raise ConfigError("--resume goes on with the run's own settings; give it alone or with --root")
        run = tsrep.api.fit(resume=resume, root=root, evaluation=evaluation)
    else:
        file = read_config(config) if config is not None else None
        given = merged(given, label_of(label, file, given))
        settings = assemble(file, given, assignments=assignments or ())
        if univariate:
            settings = assemble(file, given, assignments=[*(assignments or ()), _target_alone(settings)])
        if show_config:
            typer.echo(dump_config(settings), nl=False)
            return
        run = tsrep.api.fit(settings, out=out, evaluation=evaluation)
    _print_summary(run.path)


@app.command()
def evaluate(
    run: RunFolder,
    protocol: Annotated[
        list[Protocol] | None,
        typer.Option("--protocol", "-p", help="Repeat for several. [default: the run's]"),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", metavar="1.0,0.1,0.01", help="Fractions of the training labels; none of a series."
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Random encoders, and label draws.")
    ] = None,
    part: Annotated[
        str | None, typer.Option("--part", help="test or validation. [default: test where there is one]")
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder of the data, if they have moved.")
    ] = None,
) -> None:
    """Score a run beside a random-initialised encoder and simple rules.

    Scores are added to its folder; what is scored again is replaced.
    """
    import tsrep.api

    settings: dict[str, Any] = {
        "protocols": None if not protocol else tuple(p.value for p in protocol),
        "labels": None if labels is None else _fractions(labels),
        "seeds": seeds,
        "part": part,
        "root": root,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    tsrep.api.evaluate(run, **given)
    _print_summary(run)


@app.command()
def embed(
    run: RunFolder,
    out: Annotated[Path, typer.Option("--out", help="The .npz file to write.")],
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="Recordings or series to embed. [default: those of the run]"),
    ] = None,
    root: Root = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="PATH=VALUE", help="Of the data, such as dataset.target=load."),
    ] = None,
) -> None:
    """Write the representation of every window of recordings, or every step of a series, as NumPy arrays."""
    import tsrep.api
    from tsrep.runs.config import plain
    from tsrep.runs.config_files import assemble

    opened = tsrep.api.Run(run)
    for assignment in assignments or ():
        if not assignment.startswith("dataset."):
            raise ConfigError(
                f"--set {assignment!r} says nothing about the data; embed takes dataset.KEY=VALUE"
            )
    own = plain(opened.config)
    others = dataset not in (None, own["dataset"]["name"])
    # only what concerns the data: other settings of the run may not go with the data given
    kept = {key: own[key] for key in (("strict",) if others else ("dataset", "root", "strict"))}
    given = {key: value for key, value in {"dataset": dataset, "root": root}.items() if value is not None}
    settings = assemble(kept, given, assignments=assignments or ())
    signals = tsrep.api.load(settings.dataset, settings.root, strict=settings.strict)
    embeddings = tsrep.api.embed(opened, signals)
    embeddings.save(out)
    x = embeddings.x
    what = (
        f"{len(x)} windows of {len(signals)} records"
        if x.ndim == 2
        else f"{x.shape[1]} steps of {len(x)} series"
    )
    typer.echo(f"{out}: {what}, {x.shape[-1]} numbers each")


app.command()(forecast)
app.command()(export)


@app.command()
def show(
    run: RunFolder,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser instead.")] = False,
) -> None:
    """Print the report of a run, or open its page."""
    from tsrep.report import write_report
    from tsrep.runs.folder import Run

    path = Run(run).path
    page = path / "report.html"
    if not page.exists():
        page = write_report(path)
    if browser:
        typer.launch(str(page))
    else:
        _print_summary(path)


def _print_summary(path: Path) -> None:
    from tsrep.report import summarise
    from tsrep.training.distributed import first_process

    if not first_process():
        return
    typer.echo(summarise(path))
    typer.echo(f"report: {path / 'report.html'}")


def _target_alone(settings: Any) -> str:
    if not hasattr(settings.dataset, "variables"):
        raise ConfigError(
            f"--univariate keeps the target channel of a series, and {settings.dataset.name} is not one; "
            "leave it out"
        )
    return "dataset.variables=target"


def _fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--labels {text!r} is not a list of fractions such as 1.0,0.1,0.01") from None
