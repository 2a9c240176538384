"""What the pages of all kinds of runs have: how training went and where the run comes from."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import yaml

from tsrep.report.contents import Contents
from tsrep.report.picture import Picture
from tsrep.report.wording import count, duration

_SECTIONS = ("scores", "classes", "map", "examples", "views", "receptive", "training", "records")
_CHOICES = {
    "best-score": "the highest validation score",
    "best-loss": "the lowest validation loss",
    "last": "the last epoch, without a choice",
}


def shared_context(contents: Contents, drawn: list[Picture]) -> dict[str, Any]:
    """Names that ``report.html`` uses for every kind of run."""
    return {
        "title": contents.config.get("name") or contents.run.resolve().name,
        "run": str(contents.run),
        "finished": contents.finished,
        "synthetic": contents.synthetic,
        "pictures": _by_section(drawn),
        "kept": _kept(contents),
        "skipped": contents.data.get("skipped") or [],
        "provenance": _provenance_facts(contents),
        "config": yaml.safe_dump(dict(contents.config), sort_keys=False) if contents.config else "",
    }


def size_tiles(contents: Contents) -> list[dict[str, str]]:
    """How large the encoder is and how long it trained, where that is known."""
    if not contents.provenance.get("parameters"):
        return []
    took = contents.provenance.get("seconds")
    note = f"trained in {duration(took)}" if took is not None else ""
    return [{"name": "parameters", "value": count(contents.provenance["parameters"]), "note": note}]


def _by_section(drawn: list[Picture]) -> dict[str, list[dict[str, Any]]]:
    sections: dict[str, list[dict[str, Any]]] = {name: [] for name in _SECTIONS}
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
