"""Commands on data sets: list, info, fetch, check, simulate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.completion import names_of
from tsrep.cli.options import Config, Root, Strict, assignment, given, print_table
from tsrep.cli.usage import Commands
from tsrep.errors import ConfigError
from tsrep.registry import DATASETS

data = typer.Typer(cls=Commands, no_args_is_help=True, help="List, fetch, check and simulate data sets.")

LISTED = ("title", "licence", "records", "patients", "channels", "steps")
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of the data set; see `tsrep data list`.",
        autocompletion=names_of(DATASETS),
    ),
]


@data.command("list")
def list_datasets() -> None:
    """List all data sets by name, with size and licence."""
    facts = {name: _listed_facts(name) for name in DATASETS.names()}
    rows = [(name, each["title"], _size(each) or "–", each["licence"]) for name, each in facts.items()]
    print_table(("name", "what", "size", "licence"), rows)


def _listed_facts(name: str) -> Mapping[str, Any]:
    """Facts for the list, from the source where it has them as literals, so that nothing is imported."""
    try:
        return {"licence": "", "title": ""} | DATASETS.describe(name).keywords("about", LISTED)
    except ValueError:
        pass
    try:
        facts: Mapping[str, Any] = vars(DATASETS.entry(name).cls.about)
    except (ConfigError, AttributeError) as error:  # of a plug-in, beside which the others are listed
        return {"title": f"not readable: {error}", "licence": ""}
    return facts


def _size(facts: Mapping[str, Any]) -> str:
    """In words; empty where it depends on the user's data."""
    if steps := facts.get("steps"):
        return f"{steps:,} steps of {facts['channels']} channels"
    of = f" of {facts['patients']:,} patients" if facts.get("patients") else ""
    return f"{facts['records']:,} records{of}" if facts.get("records") else ""


@data.command()
def info(name: Name) -> None:
    """Tell what a data set is, what its folder must contain, and its settings."""
    from tsrep.datasets import about
    from tsrep.datasets.loading import default_splits

    facts = about(name)
    rows = {
        "licence": facts.licence,
        "cite": facts.citation,
        "page": facts.url,
        "download": f"{facts.size_mb:,.0f} MB" if facts.size_mb else "",
        "size": _size(vars(facts)),
        "split": "; ".join(default_splits(name)),
        "independence": f"between {facts.independence}s" if facts.independence != "unknown" else "unknown",
        "folder": ", ".join(facts.needs),
        "notes": facts.notes,
    }
    typer.echo(typer.style(facts.title, bold=True) + ("  (synthetic)" if facts.synthetic else ""))
    for key, value in rows.items():
        if value:
            typer.echo(f"{key:>12}  {value}")
    typer.echo("    settings  (--set dataset.KEY=VALUE)")
    for key, field in DATASETS.entry(name).settings.model_fields.items():
        if key != "name":
            default = "required" if field.is_required() else repr(field.default)
            typer.echo(f"{'':>12}  {key} = {default}")


@data.command()
def fetch(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="Output folder. [default: the data cache]")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Large optional files too.")] = False,
    only: Annotated[
        str | None,
        typer.Option(metavar="WORD,...", help="Files with one of these in their names, such as georgia."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="A mirror. [default: the publisher's server]")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Consent to the download in advance.")] = False,
) -> None:
    """Download a data set, resuming where it stopped, and check every file's checksum.

    Licence and size come first. What cannot be downloaded for you has its steps printed instead.
    """
    from tsrep.datasets import about
    from tsrep.datasets.fetch import fetch as fetch_dataset
    from tsrep.datasets.fetch_steps import steps

    facts = about(name)
    if facts.url and facts.citation and not (facts.base_url or base_url):
        for line in steps(name, facts):
            typer.echo(line)

    def confirm(question: str) -> bool:
        return yes or typer.confirm(question)

    words = [word.strip() for word in (only or "").split(",") if word.strip()]
    options: dict[str, Any] = {"everything": everything, "only": words, "base_url": base_url}
    folder = fetch_dataset(name, out, confirm=confirm, **options)
    typer.echo(f"{name} is in {folder}\ncite: {facts.citation}")


@data.command()
def check(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Name of the data set; see `tsrep data list`. [default: that of --config]",
            autocompletion=names_of(DATASETS),
        ),
    ] = None,
    root: Root = None,
    config: Config = None,
    assignments: Annotated[list[str] | None, assignment("One setting, such as dataset.task=rhythm.")] = None,
    strict: Strict = False,
) -> None:
    """Read data, cut and split them as `tsrep fit` would, and say what is wrong before anything trains."""
    from tsrep.errors import DataError
    from tsrep.runs.config_files import assemble, read_config

    if name is None and config is None:
        raise ConfigError("say which data to check: a NAME (see `tsrep data list`) or --config FILE")
    options = given(dataset=name, root=root, strict=strict or None)
    settings = assemble(read_config(config) if config else None, options, assignments=assignments or ())
    typer.echo(f"reading {settings.dataset.name}")
    from tsrep.runs.task import task_of  # PyTorch, which takes longer than one waits for a first word

    task = task_of(settings)
    findings, problem = task.findings(task.load(), typer.echo)
    for finding in findings:
        where = f"  [{finding.where}]" if finding.where else ""
        typer.echo(f"{finding.severity:>8}  {finding.what}{where}")
    if problem is not None:
        raise problem
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        raise DataError(f"{errors} error(s) in {settings.dataset.name}; see above")


@data.command()
def simulate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Layout to write: ptb-xl.")],
    out: Annotated[Path, typer.Option(help="Output folder, which must be new.")],
    patients: Annotated[int, typer.Option(min=10, help="Number of patients.")] = 200,
    records_per_patient: Annotated[
        float, typer.Option(min=1, max=10, help="Mean number of records per patient.")
    ] = 3.0,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
) -> None:
    """Write a synthetic cohort as files in the layout of a real data set."""
    from tsrep.datasets.synthetic.simulation import simulate as write_cohort
    from tsrep.errors import ConfigError

    if name != "ptb-xl":
        raise ConfigError(f"there is no simulator for the layout of {name!r}; known: ptb-xl")
    write_cohort(out, patients=patients, records_per_patient=records_per_patient, seed=seed)
    typer.echo(f"{patients} synthetic patients are in {out}; try: tsrep fit --dataset ptb-xl --root {out}")
