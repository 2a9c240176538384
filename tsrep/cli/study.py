"""Commands on studies: run, resume, work, status, confirm, report, dashboard."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsrep.cli.options import Root, assignment
from tsrep.cli.usage import Commands
from tsrep.errors import ConfigError, RunError

if TYPE_CHECKING:
    from tsrep.studies.study import Study

study = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Search a configuration with ranges in place of leaves, here or on many machines; read the answer.",
)

Place = Annotated[
    str, typer.Argument(metavar="STUDY", help="Folder of a study, or its name in runs/studies.")
]
Storage = Annotated[
    str | None,
    typer.Option(
        help="Storage of the trials: journal, sqlite:///FILE, or postgresql+psycopg:// with user, host and "
        "database. [default: a journal file in the study's folder]"
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", "-w", min=1, help="Number of processes here, which share the cores.")
]
OF_JOBS = {"jobs", "cpus", "gpus", "memory", "sbatch"}
OF_OPTIONS = {
    "time": "--hours",
    "cpus_per_task": "--cpus",
    **dict.fromkeys(("gpus", "gpus_per_node"), "--gpus"),
    **dict.fromkeys(("mem", "mem_gb"), "--memory"),
}  # of sbatch, which tsrep sets
Trials = Annotated[
    int | None,
    typer.Option(min=1, help="Number of trials in all. [default: that of the study file]"),
]
Hours = Annotated[float | None, typer.Option(help="Hours after which no trial begins.")]
Confirm = Annotated[
    bool,
    typer.Option(
        "--confirm/--no-confirm",
        help="Confirmation: finalists are trained again and scored on the test part.",
    ),
]


@study.command()
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Study file; see studies/*.yaml.")],
    workers: Workers = 1,
    storage: Storage = None,
    trials: Trials = None,
    hours: Hours = None,
    root: Root = None,
    assignments: Annotated[
        list[str] | None, assignment("One setting of the configuration, such as training.epochs=2.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the study. [default: runs/studies/NAME]")
    ] = None,
    confirmation: Confirm = True,
) -> None:
    """Begin a study, or join the one of that name in the storage, from this machine or another.

    Trials are judged on validation alone. The same command again resumes what is left.
    """
    from tsrep.studies.define.definition import define
    from tsrep.studies.study import begin

    _check_hours(hours)
    definition = define(_changed(file, assignments or ()), str(file))
    begun = begin(definition, folder=out, storage=storage, root=root, trials=trials)
    _conduct(begun, workers, hours, confirmation)


@study.command()
def resume(
    place: Place,
    workers: Workers = 1,
    storage: Storage = None,
    trials: Trials = None,
    hours: Hours = None,
    root: Root = None,
    confirmation: Confirm = True,
) -> None:
    """Resume a study: stopped trials continue from their checkpoints; more of them with a larger --trials."""
    from tsrep.studies.study import add_trials

    _check_hours(hours)
    found = _opened(place, storage, root)
    add_trials(found, trials or 0)
    _conduct(found, workers, hours, confirmation)


@study.command()
def work(
    context: typer.Context,
    place: Place,
    workers: Workers = 1,
    storage: Storage = None,
    hours: Hours = None,
    root: Root = None,
    slurm: Annotated[
        bool, typer.Option("--slurm", help="Submit jobs to a Slurm cluster instead; needs `tsrep[slurm]`.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Number of jobs, a worker each (--slurm).")] = 1,
    cpus: Annotated[int, typer.Option(min=1, help="Cores of each job (--slurm).")] = 1,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs of each job (--slurm).")] = 0,
    memory: Annotated[float, typer.Option(min=0.1, help="Memory of each job in GB (--slurm).")] = 8.0,
    sbatch: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An option of sbatch, such as partition=gpu. Repeatable."),
    ] = None,
) -> None:
    """Take trials of a study until none is left, here or as jobs of a cluster; confirm and report nothing.

    A job puts its trial back before its time (--hours, by default 4) is over; the next one resumes it.
    """
    _check_hours(hours)
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    if not slurm and (of_jobs := sorted(given & OF_JOBS)):
        raise ConfigError(f"--{of_jobs[0]} is for jobs of a cluster; add --slurm, or leave it out")
    if slurm and "workers" in given:
        raise ConfigError("--workers is for processes here; give --jobs, of which each has one worker")
    found = _opened(place, storage, root)
    if slurm:
        from tsrep.studies.submit import Resources, submit

        wanted = Resources(hours or 4.0, cpus, gpus, memory, _sbatch_options(sbatch or ()))
        numbers = ", ".join(str(job.job_id) for job in submit(found, jobs, wanted))
        typer.echo(f"submitted: {numbers}; what they print is in {found.folder / 'jobs'}")
        typer.echo(f"follow them with: tsrep study status {place}")
    else:
        from tsrep.studies.conduct import take_trials

        take_trials(found, workers=workers, hours=hours)
        _say_status(found)


@study.command()
def status(place: Place, storage: Storage = None) -> None:
    """Say how far a study is, and its best trial."""
    _say_status(_opened(place, storage))


@study.command()
def confirm(place: Place, workers: Workers = 1, storage: Storage = None, root: Root = None) -> None:
    """Train the finalists so far from fresh seeds, score them once on the test part, write the report."""
    from tsrep.studies.conduct import confirm_here
    from tsrep.studies.conduct import report as write

    found = _opened(place, storage, root)
    confirm_here(found, workers=workers, tell=_tell, elsewhere=True)
    typer.echo(f"report: {write(found)}")


@study.command()
def report(place: Place, storage: Storage = None) -> None:
    """Write the report of a study as it stands: a page, Markdown, figures, and their numbers as CSV."""
    from tsrep.studies.conduct import report as write

    typer.echo(f"report: {write(_opened(place, storage))}")


@study.command()
def dashboard(
    place: Place,
    storage: Storage = None,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to serve on.")] = 8080,
) -> None:
    """Watch a study live in a browser; needs the extra `tsrep[dashboard]`."""
    from importlib.util import find_spec

    if find_spec("optuna_dashboard") is None:
        raise ConfigError(
            "the dashboard needs optuna-dashboard; install it with: pip install 'tsrep[dashboard]'"
        )
    import optuna_dashboard

    from tsrep.studies.keep.storage import open_storage

    found = _opened(place, storage)
    opened = open_storage(found.storage, found.folder)
    typer.echo(f"http://{host}:{port} shows {found.definition.study}; Ctrl-C ends it")
    try:
        optuna_dashboard.run_server(opened, host=host, port=port)
    except OSError as error:
        raise RunError(
            f"{host}:{port} cannot be served on ({error.strerror}); choose another --port"
        ) from error


def _opened(place: str, storage: str | None, root: Path | None = None) -> Study:
    from tsrep.studies.study import open_study

    return open_study(place, storage=storage, root=root)


def _conduct(found: Study, workers: int, hours: float | None, confirmation: bool) -> None:
    from tsrep.studies.conduct import conduct

    page = conduct(found, workers=workers, hours=hours, confirmation=confirmation, tell=_tell)
    _say_status(found)
    typer.echo(f"report: {page}")


def _say_status(found: Study) -> None:
    from tsrep.studies.conduct import status as said

    typer.echo(said(found))


def _sbatch_options(assignments: Iterable[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for each in assignments:
        given, equals, value = each.removeprefix("--").partition("=")
        name = given.replace("-", "_")
        if not (name and equals and value):
            raise ConfigError(f"--sbatch {each} is not NAME=VALUE, such as partition=gpu")
        if name in OF_OPTIONS:
            raise ConfigError(f"--sbatch {each} asks for what {OF_OPTIONS[name]} asks for; give that alone")
        if name in options:
            raise ConfigError(f"--sbatch {given} is given twice; keep one")
        options[name] = value
    return options


def _changed(file: Path, assignments: Any) -> dict[str, Any]:
    """Values of a study file, settings of its configuration changed."""
    from tsrep.runs.config import merged
    from tsrep.runs.config_files import parse_assignment, read_config

    values = read_config(file)
    for each in assignments:
        values = merged(values, {"config": parse_assignment(each)})
    return values


def _check_hours(hours: float | None) -> None:
    if hours is not None and not hours > 0:
        raise ConfigError(f"--hours is {hours:g}; give a positive number")


def _tell(what: str) -> None:
    typer.echo(what, err=True)
