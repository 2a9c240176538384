"""The commands fit, evaluate, embed, show and list; those in modules of their own join here."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tsrep.cli.audit import audit
from tsrep.cli.cache import cache
from tsrep.cli.cite import cite
from tsrep.cli.compare import compare
from tsrep.cli.completion import kinds, names_of, runs
from tsrep.cli.config import config as config_commands
from tsrep.cli.data import data
from tsrep.cli.doctor import doctor
from tsrep.cli.encoder import encoder
from tsrep.cli.export import export
from tsrep.cli.forecast import forecast
from tsrep.cli.hub import hub
from tsrep.cli.options import (
    Config,
    EncoderReference,
    MovedRoot,
    Overwrite,
    Root,
    RunFolder,
    Verbose,
    assignment,
    changed,
    contract_options,
    given,
    named_dataset,
    refuse_other_than_data,
    refuse_taken,
    refuse_without_dataset,
    resumed_device,
)
from tsrep.cli.plot import plot
from tsrep.cli.power import power
from tsrep.cli.predict import predict
from tsrep.cli.runs import runs as list_of_runs
from tsrep.cli.score import score
from tsrep.cli.study import study
from tsrep.cli.usage import Commands
from tsrep.cli.validate import validate
from tsrep.errors import ConfigError
from tsrep.registry import OBJECTIVES, PROTOCOLS, REGISTRIES, list_registered

if TYPE_CHECKING:
    from tsrep.runs.config import Configuration

app = typer.Typer(
    name="tsrep",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Learn representations of ECG, other multichannel signals and time series; score them on patients "
    "or times never seen.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tsrep {version('tsrep')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Options before any command."""


@app.command()
@contract_options
def fit(
    *,
    policies: Any,
    dataset: Annotated[
        str | None,
        named_dataset("Name of the data set; see `tsrep list datasets`. [default: ptb-xl-sim]"),
    ] = None,
    root: Root = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            "-o",
            autocompletion=names_of(OBJECTIVES),
            help="Name of the training objective; see `tsrep list objectives`. [default: comet; for a series "
            "autotcl]",
        ),
    ] = None,
    config: Config = None,
    assignments: Annotated[
        list[str] | None, assignment("One setting, such as objective.temperature=0.2.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Encoder to start from: a run folder, hub:owner/name, FILE.safetensors. [default: none]",
            autocompletion=runs,
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(help="With --init, what of it is not trained: all, or groups such as 'groups 0-3'."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed. [default: 0]")] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Number of encoders, from that seed on: RUN@0, RUN@1 and so on. With --resume, the number "
            "that the run shall have. [default: 1]"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. [default: runs/...]")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Resume the run in this folder.", autocompletion=runs)
    ] = None,
    evaluation: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Evaluation after training.")
    ] = True,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print all settings as YAML without training.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Pre-train an encoder, score it on patients or times never seen, and leave a run folder with a report.

    Without options it trains COMET on a synthetic ECG cohort, and AutoTCL where the data set is a series.
    Ctrl-C saves the state; `--resume RUN` continues from it. With `--seeds 5` scores are of the method,
    over five encoders; otherwise of that encoder alone.
    """
    import tsrep
    from tsrep.runs.config_files import assemble, dump_config, read_config

    options = given(
        dataset=dataset, objective=objective, root=root, seed=seed, strict=policies.strict or None
    )
    start = given(**{"from": init}, freeze=freeze, policies=changed(policies) or None)
    if start and init is None and config is None:
        raise ConfigError("--freeze and options of conversion go with --init; name an encoder to start from")
    options |= {"init": start} if start else {}
    if resume is not None:
        device = resumed_device(assignments or ())
        if "init" in options:
            raise ConfigError("a run that is resumed has its start already; leave --init out")
        if options.keys() - {"root"} or config or (assignments and device is None) or out or show_config:
            raise ConfigError(
                "--resume takes all settings from the run; give it alone or with --root, more --seeds or "
                f"--set device=..., or train it further with: tsrep fit --init {resume} "
                "--set init.what=encoder+objective"
            )
        if (begun := tsrep.Run(resume)).is_complete(evaluation) and seeds in (None, begun.config.seeds):
            further = begun.trained_further_by
            typer.echo(f"{resume} is finished, so nothing is left to do; train it further with: {further}")
        run = tsrep.fit(resume=resume, seeds=seeds, root=root, device=device, evaluation=evaluation)
    else:
        layers = read_config(config) if config else None, options, given(seeds=seeds)
        settings = assemble(*layers, assignments=assignments or ())
        if show_config:
            typer.echo(dump_config(settings), nl=False)
            return
        _say_begin(settings)
        run = tsrep.fit(settings, out=out, evaluation=evaluation)
    _print_summary(run.path, verbose=verbose)


@app.command()
@contract_options
def evaluate(
    encoder: EncoderReference,
    dataset: Annotated[
        str | None,
        named_dataset(
            "Name of other data, converted by the encoder's contract; see `tsrep list datasets`. "
            "[default: the run's own]"
        ),
    ] = None,
    root: MovedRoot = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the scores on other data. [default: runs/...]")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol",
            "-p",
            autocompletion=names_of(PROTOCOLS),
            help=f"Protocol: {', '.join(PROTOCOLS.names())}. Repeatable. [default: those of the run]",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="1.0,0.1,0.01", help="Fractions of the training labels; not for a series."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of label draws and random initialisations beside one encoder. [default: 5]"
        ),
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="Part to score: test or validation. [default: test where there is one]")
    ] = None,
    seen: Annotated[
        Literal["refuse", "leave-out", "keep"],
        typer.Option(help="Recordings that the encoder has seen: refused from 1 % on, else left out."),
    ] = "refuse",
    assignments: Annotated[
        list[str] | None, assignment("One setting of other data, such as dataset.rate=500.")
    ] = None,
    verbose: Verbose = False,
    *,
    policies: Any,
) -> None:
    """Score an encoder, all seeds of a run together, beside random initialisations and simple rules.

    On a run's own data scores are added to its folder, and what is scored again is replaced. With
    `--dataset` they have a folder of their own, and what the encoder came from is left alone.
    """
    from tsrep.api import scored
    from tsrep.training.interrupt import told_of_interruption

    if commas := [name for name in protocol or () if "," in name]:
        raise ConfigError(f"--protocol {commas[0]} names several; repeat --protocol for each")
    fractions = None if labels is None else labels.split(",")
    settings = given(protocols=protocol or None, labels=fractions, seeds=seeds, part=part, root=root)
    if dataset is None:
        refuse_without_dataset(policies, out=out, set=assignments, seen=None if seen == "refuse" else seen)
    else:
        settings |= {"out": out, "seen": seen, "policies": policies, "assignments": assignments or ()}
    left = "no score was written; what is fine-tuned by now is kept for the same command with the same --out"
    with told_of_interruption(left):
        folder, _ = scored(encoder, dataset, **settings)
    _print_summary(folder, verbose=verbose)


@app.command()
@contract_options
def embed(
    encoder: EncoderReference,
    out: Annotated[Path, typer.Option(help="Output file (.npz).")],
    dataset: Annotated[
        str | None,
        named_dataset("Name of the data set to embed; see `tsrep list datasets`. [default: that of the run]"),
    ] = None,
    root: Root = None,
    assignments: Annotated[
        list[str] | None, assignment("One setting of the data, such as dataset.target=load.")
    ] = None,
    overwrite: Overwrite = False,
    *,
    policies: Any,
) -> None:
    """Write the representation of every window of recordings, or every step of a series, as NumPy arrays.

    Recordings are converted by the encoder's contract.
    """
    import tsrep
    from tsrep.runs.config import plain
    from tsrep.runs.config_files import assemble
    from tsrep.runs.references.reference import resolve

    refuse_taken(out, ".npz", overwrite=overwrite)
    refuse_other_than_data("embed", assignments or ())
    reference = resolve(encoder)
    loaded = reference.open()
    own = loaded.recipe if dataset is not None else plain(reference.run.config)
    others = dataset not in (None, own.get("dataset", {}).get("name"))
    # only what concerns the data: other settings of the run may not go with the data given
    kept = {} if others else {key: own[key] for key in ("dataset", "root")}
    layers = {"strict": policies.strict}, given(dataset=dataset, root=root)
    settings = assemble(kept, *layers, assignments=assignments or ())
    signals = tsrep.load(settings.dataset, settings.root, strict=settings.strict)
    embeddings = tsrep.embed(loaded, signals, policies=policies)
    embeddings.save(out)
    for note in embeddings.notes:
        typer.echo(f"tsrep: {note}", err=True)
    x = embeddings.x
    what = f"{x.shape[1]} steps of {len(x)} series"
    if x.ndim == 2:
        what = f"{len(x)} windows of {len(signals)} records"
    typer.echo(f"{out}: {what}, {x.shape[-1]} numbers each")


@app.command()
def show(
    run: RunFolder,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser instead.")] = False,
    verbose: Verbose = False,
) -> None:
    """Print the report of a run or of scores on other data, or open its page."""
    from tsrep.report import write_report
    from tsrep.report.contents import folder_to_show

    path = folder_to_show(run)
    page = path / "report.html"
    if not page.exists():
        page = write_report(path)
    if browser:
        typer.launch(str(page))
    else:
        _print_page(path, verbose=verbose)


@app.command("list")
def list_parts(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help=f"{', '.join(REGISTRIES)}.", autocompletion=kinds)
    ] = None,
) -> None:
    """List encoders, objectives and other parts by name, one line each with its reference."""
    if kind is None:
        for each, registry in REGISTRIES.items():
            typer.echo(f"{each:<10}  {', '.join(registry.names())}")
        return
    parts = list_registered(kind)
    width = max((len(part.name) for part in parts), default=0)
    for part in parts:
        reference = f"  [{part.reference}]" if part.reference else ""
        typer.echo(f"{part.name:<{width}}  {part.summary}{reference}")


app.command()(encoder)
app.command()(predict)
app.command()(forecast)
app.command()(cite)
app.command()(compare)
app.command()(validate)
app.command()(audit)
app.command()(export)
app.command()(power)
app.command()(doctor)
app.command("runs")(list_of_runs)
app.command()(score)
app.add_typer(cache, name="cache")
app.add_typer(config_commands, name="config")
app.add_typer(data, name="data")
app.add_typer(hub, name="hub")
app.add_typer(plot, name="plot")
app.add_typer(study, name="study")


def _say_begin(settings: Configuration) -> None:
    from tsrep.training.distributed import first_process

    if first_process():
        what = f"{settings.objective.name} on {settings.dataset.name}, encoder {settings.encoder.name}"
        typer.echo(f"{what}; reading the data")


def _print_summary(path: Path, *, verbose: bool) -> None:
    """By the first of several processes."""
    from tsrep.training.distributed import first_process

    if first_process():
        _print_page(path, verbose=verbose)


def _print_page(path: Path, *, verbose: bool) -> None:
    from tsrep.report import summarise

    typer.echo(summarise(path, verbose=verbose))
    typer.echo(f"report: {path / 'report.html'}")
