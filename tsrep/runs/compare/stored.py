"""A comparison of predictions that evaluations have stored, without data."""

from __future__ import annotations

from pathlib import Path

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import Score, Scores
from tsrep.reading import read_json, readable
from tsrep.runs.compare.cells import Cell, Scored, digest_of
from tsrep.runs.compare.comparison import Comparison
from tsrep.runs.compare.table import Table, distinct_names
from tsrep.runs.folder import located
from tsrep.runs.manifest import refuse_changed, stored_scores
from tsrep.text import plural

# fields of a table that say how to score, and what a user calls them
NEED_DATA = {
    "protocols": "protocols (--protocol)",
    "labels": "labels (--labels)",
    "subsample_by": "subsample_by",
    "label_seeds": "label_seeds (--seeds)",
    "evaluation": "evaluation",
}


def stored_comparison(table: Table) -> Comparison:
    """Compare runs, or folders of evaluations on other data, by the predictions in them.

    Protocols are those that all have scored, and the part is the test part where all were scored on it.

    Raises
    ------
    ConfigError
        When a reference is no folder with scores, an entry has several, the primary encoder is none of them,
        or the table says how to score.
    RunError
        When they were scored on other recordings or with other labels, or share no protocol or part.
    """
    _refuse_what_needs_data(table)
    folders, scores = _stored(table)
    table.refuse_other_primary(list(folders))
    shared, part = _shared(scores, "protocol"), _shared(scores, "part")[0]
    _refuse_other_data(folders)
    data = next((told for folder in folders.values() if (told := _data_of(folder, "name"))), "")
    synthetic = any(_data_of(folder, "synthetic") == "True" for folder in folders.values())
    _refuse_unlike(scores, shared[0], part)
    cells = tuple(
        Scored(_cell(name, score, data, synthetic), _beside(found, score))
        for name, found in scores.items()
        for protocol in shared
        for score in found.where(role="method", protocol=protocol, unit="record", part=part)
    )
    passed_on = dict.fromkeys(note for found in scores.values() for note in found.notes)
    notes = ("Predictions as they are stored in the folders; nothing was scored again.", *passed_on)
    about = {name: {"references": [str(path)], "licence": ""} for name, path in folders.items()}
    return Comparison(cells, {}, about, notes=notes, primary=table.primary, seed=table.seed)


def _refuse_what_needs_data(table: Table) -> None:
    for name, title in NEED_DATA.items():
        if name in table.model_fields_set:
            raise ConfigError(
                f"{title} says how to score encoders on data, and without data stored predictions are "
                "compared as they are; leave it out, or give --dataset"
            )


def _stored(table: Table) -> tuple[dict[str, Path], dict[str, Scores]]:
    """Folders and scores by what the encoders are called."""
    paths, found = [], []
    for entry in table.encoders:
        if len(entry.refs) > 1:
            raise ConfigError(f"{entry.refs[0]} and others are one entry; to compare them give --dataset")
        path = located(Path(entry.refs[0]))
        if not (path / "scores.json").is_file():
            raise ConfigError(
                f"{entry.refs[0]} holds no scores.json, and nothing else is compared without data; evaluate "
                "it, or give --dataset"
            )
        scores = stored_scores(path)
        if not scores.predictions:
            raise RunError(f"{path.name} has no predictions.npz; evaluate it again, or give --dataset")
        paths.append(path)
        found.append(scores)
    names = distinct_names(table.encoders, [_method(each) for each in found])
    return dict(zip(names, paths, strict=True)), dict(zip(names, found, strict=True))


def _method(scores: Scores) -> str:
    return next(score.method for score in scores if score.role == "method")


def _shared(scores: dict[str, Scores], what: str) -> list[str]:
    """Protocols, or parts, that all have scores of."""
    every = [
        dict.fromkeys(getattr(s, what) for s in found if s.role == "method" and s.unit == "record")
        for found in scores.values()
    ]
    shared = [one for one in every[0] if all(one in other for other in every)]
    if not shared:
        raise RunError(f"no {what} has scored all of them; evaluate them alike, or give --dataset")
    return sorted(shared, key=lambda one: one != "test")


def _refuse_other_data(folders: dict[str, Path]) -> None:
    """Check by the digests of the recordings, where folders have them."""
    digests = {name: _data_of(folder, "digest") for name, folder in folders.items()}
    known = {name: digest for name, digest in digests.items() if digest}
    for name, digest in known.items():
        first = next(iter(known))
        if digest != known[first]:
            raise RunError(
                f"{name} was scored on other data than {first}; score both on one data set with --dataset"
            )


def _data_of(folder: Path, fact: str) -> str:
    """A fact of the data that a folder's provenance has; empty where it has none."""
    path = folder / "provenance.json"
    if not path.is_file():
        return ""
    refuse_changed(folder, path.name)
    with readable(path, "a provenance", "restore it"):
        return str(read_json(path)["data"].get(fact, ""))


def _refuse_unlike(scores: dict[str, Scores], protocol: str, part: str) -> None:
    """Check that all were scored on the same recordings with as many labels."""
    most = {
        name: max(
            found.where(role="method", protocol=protocol, unit="record", part=part), key=lambda s: s.fraction
        )
        for name, found in scores.items()
    }
    first, like = next(iter(most.items()))
    expected = scores[first].predictions[like.key]
    for name, score in most.items():
        own = scores[name].predictions[score.key]
        if not own.same_units(expected):
            raise RunError(
                f"{name} was scored on other recordings than {first} ({len(own)} and {len(expected)}); "
                "score both on one data set with --dataset"
            )
        drawn, others = (_drawn(each, of) for each, of in ((score, own), (like, expected)))
        if drawn != others:
            raise RunError(
                f"{name} was scored with {drawn}, and {first} with {others}; evaluate both with the same "
                "settings, or give --dataset"
            )


def _drawn(score: Score, predictions: Predictions) -> str:
    if score.fraction == 1:
        return "all labels"
    return (
        f"{plural(predictions.draws, 'draw')} of {100 * score.fraction:g} % of labels by {score.subsample_by}"
    )


def _cell(name: str, score: Score, data: str, synthetic: bool) -> Cell:
    place = (score.protocol, score.fraction, score.subsample_by, score.part)
    seen = score.contamination
    return Cell(
        encoder=name,
        dataset=f"{data}, {score.part} part" if data else f"{score.part} part",
        protocol=score.protocol,
        fraction=score.fraction,
        subsample_by=score.subsample_by,
        own=score.data != "other data",
        synthetic=synthetic,
        seen=seen.get("status", "own-split" if score.data == "own data" else "unknown"),
        marked=score.marked,
        records=score.n,
        key=digest_of({"folder": name, "place": place}),
    )


def _beside(scores: Scores, score: Score) -> Scores:
    """The scores of a cell, the method's own first."""
    conditions = {
        key: getattr(score, key) for key in ("protocol", "fraction", "subsample_by", "part", "unit")
    }
    beside = scores.where(**conditions)
    others = tuple(each for each in beside if each.role != "method")
    kept = {score.key: scores.predictions[score.key]} if score.key in scores.predictions else {}
    return Scores((score, *others), kept)
