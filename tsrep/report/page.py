"""The report of a run as one HTML file that needs nothing else, and its figures as PNG files."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tsrep.files import replacing, write_text
from tsrep.report.contents import Contents, read_run
from tsrep.report.gallery import Picture, pictures
from tsrep.report.headline import auroc, gain, headline, main_score, source_of, verdict
from tsrep.report.tables import class_table, gain_table, preferred_unit, score_tables, split_table
from tsrep.report.wording import count, duration, interval, number, signed

_REST = ("precision", "recall", "exact_match", "brier", "ece")
_CHOICES = {
    "best-score": "the highest validation score",
    "best-loss": "the lowest validation loss",
    "last": "the last epoch, without a choice",
}


def write_report(run: Path) -> Path:
    """Write ``report.html`` and ``figures/`` into a run folder; sections without numbers say what to run.

    Each file is replaced whole, the page last.

    Raises
    ------
    RunError
        When ``run`` is no run folder, or a file in it cannot be read.
    """
    run = Path(run)
    contents = read_run(run)
    drawn = pictures(contents)
    _save(run, drawn)
    write_text(run / "report.html", render(contents, drawn))
    return run / "report.html"


def _save(run: Path, drawn: list[Picture]) -> list[Path]:
    paths = [run / "figures" / f"{picture.name}.png" for picture in drawn]
    for path, picture in zip(paths, drawn, strict=True):
        with replacing(path) as temporary:
            temporary.write_bytes(picture.png)
    return paths


def render(contents: Contents, drawn: list[Picture]) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(_context(contents, drawn))


def _context(contents: Contents, drawn: list[Picture]) -> dict[str, Any]:
    unit = preferred_unit(contents)
    windows = score_tables(contents, "window") if unit == "record" else []
    return {
        "title": contents.config.get("name") or contents.run.resolve().name,
        "run": str(contents.run),
        "finished": contents.finished,
        "synthetic": contents.synthetic,
        "headline": headline(contents),
        "verdict": verdict(contents),
        "tiles": _tiles(contents),
        "caveats": _caveats(contents),
        "score_tables": score_tables(contents, unit),
        "gain_table": gain_table(contents),
        "more_tables": [
            ("Other protocols and parts", score_tables(contents, unit)[1:]),
            ("Scores per window", windows),
            ("Other metrics", score_tables(contents, unit, _REST)),
        ],
        "pictures": _by_section(drawn),
        "kept": _kept(contents),
        "data": _data_facts(contents),
        "split_table": split_table(contents),
        "class_table": class_table(contents),
        "skipped": contents.data.get("skipped") or [],
        "provenance": _provenance_facts(contents),
        "config": yaml.safe_dump(dict(contents.config), sort_keys=False) if contents.config else "",
    }


def _tiles(contents: Contents) -> list[dict[str, str]]:
    """The few numbers that a reader looks for first."""
    tiles = []
    score = main_score(contents)
    if score is not None:
        spread = interval(score.metrics["auroc"])
        tiles.append({"name": "macro AUROC", "value": number(auroc(score)), "note": spread})
        found = gain(score)
        if found is not None:
            above = {
                "name": "above random init",
                "value": signed(found.value),
                "note": interval(found, signed),
            }
            tiles.append(above)
        tiles.append(
            {
                "name": f"{score.part} patients",
                "value": count(score.patients),
                "note": f"{count(score.n)} {score.unit}s",
            }
        )
    train = (contents.split.get("counts") or {}).get("train")
    if train:
        note = f"{count(train['samples'])} samples"
        tiles.append({"name": "training patients", "value": count(train["patients"]), "note": note})
    if contents.provenance.get("parameters"):
        took = contents.provenance.get("seconds")
        note = f"trained in {duration(took)}" if took is not None else ""
        tiles.append({"name": "parameters", "value": count(contents.provenance["parameters"]), "note": note})
    return tiles


def _caveats(contents: Contents) -> list[str]:
    """What a reader must know before believing the scores."""
    score = main_score(contents)
    if score is None:
        return []
    notes = []
    if score.part == "validation":
        notes.append(
            "Scores are of the validation patients, on whom the checkpoint was chosen too; expect a little "
            "less on patients that nothing was chosen on."
        )
    if score.patients < 30:
        notes.append(
            f"Only {score.patients} patients were scored; the intervals are wide and themselves uncertain."
        )
    total = len(contents.classes)
    if total and score.classes_scored < total:
        notes.append(
            f"Macro averages are over the {score.classes_scored} of {total} classes that have both outcomes "
            f"in the {score.part} part."
        )
    return notes


def _by_section(drawn: list[Picture]) -> dict[str, list[dict[str, Any]]]:
    sections: dict[str, list[dict[str, Any]]] = {
        k: [] for k in ("scores", "classes", "map", "training", "records")
    }
    for picture in drawn:
        data = base64.b64encode(picture.png).decode("ascii")
        entry = {"name": picture.name, "caption": picture.caption, "data": data, "width": picture.width}
        sections[picture.section].append(entry)
    return sections


def _kept(contents: Contents) -> str:
    """How the checkpoint was chosen, in a sentence."""
    epoch = contents.kept_epoch()
    if contents.curves is None or epoch is None:
        return ""
    training: Mapping[str, Any] = contents.config.get("training") or {}
    rule = _CHOICES.get(str(training.get("checkpoint", "best-score")), "the validation part")
    average = {"ema": "an exponential moving average", "uniform": "the average"}.get(
        str(training.get("average"))
    )
    last = int(contents.curves.validation_epoch.max())
    name = f" ({contents.curves.score_name})" if contents.curves.score_name and "score" in rule else ""
    kept = f" What is validated and kept is {average} of the weights." if average else ""
    return f"Of {last} epochs the weights of epoch {epoch} were kept: {rule}{name}.{kept}"


def _data_facts(contents: Contents) -> list[tuple[str, str]]:
    data = contents.data
    if not data:
        return []
    window: Mapping[str, Any] = contents.config.get("window") or {}
    length = f"{window['seconds']:g} s" if window.get("seconds") else "whole records"
    channels = [str(c) for c in data.get("channels") or []]
    names = ", ".join(channels[:16]) + (" …" if len(channels) > 16 else "")
    return [
        ("source", source_of(contents)),
        ("records", f"{count(data.get('records'))} of {count(data.get('patients'))} patients"),
        ("samples", f"{count(data.get('samples'))} of {length}"),
        ("channels", f"{len(channels)}: {names}"),
        ("sampling rate", f"{float(data.get('sfreq') or 0):g} Hz"),
        ("unit", str(data.get("unit") or "not given")),
        ("standardised", str(window.get("standardise", "not given"))),
        ("data digest", str(data.get("digest", ""))),
        ("split digest", str(contents.split.get("digest", ""))),
    ]


def _provenance_facts(contents: Contents) -> list[tuple[str, str]]:
    found = contents.provenance
    if not found:
        return []
    git = found.get("git")
    state = (
        f"{git['commit']}{' with uncommitted changes' if git.get('dirty') else ''}"
        if git
        else "not a checkout"
    )
    return [
        ("command", str(found.get("command", ""))),
        ("started", str(found.get("started", ""))),
        ("training time", duration(found.get("seconds"))),
        ("device", f"{found.get('device', '')}, {count(found.get('threads'))} threads"),
        ("seed", str(found.get("seed", ""))),
        ("git", state),
        (
            "versions",
            ", ".join(f"{name} {version}" for name, version in (found.get("versions") or {}).items()),
        ),
    ]
