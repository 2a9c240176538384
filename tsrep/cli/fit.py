"""The command `fit`: train an encoder, score it, and show its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsrep.cli.completion import names_of, runs
from tsrep.cli.options import (
    Config,
    Root,
    Verbose,
    assignment,
    changed,
    contract_options,
    given,
    named_dataset,
    resumed_device,
)
from tsrep.cli.show import print_summary
from tsrep.errors import ConfigError
from tsrep.registry import OBJECTIVES

if TYPE_CHECKING:
    from tsrep.runs.config import Configuration


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
    print_summary(run.path, verbose=verbose)


def _say_begin(settings: Configuration) -> None:
    from tsrep.training.distributed import first_process

    if first_process():
        what = f"{settings.objective.name} on {settings.dataset.name}, encoder {settings.encoder.name}"
        typer.echo(f"{what}; reading the data")
