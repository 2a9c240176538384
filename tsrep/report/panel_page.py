"""What the page of a run on a labelled panel has besides training and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsrep.report.contents import Contents
from tsrep.report.headline import auroc, gain, headline, main_score, source_of, verdict
from tsrep.report.receptive_field import receptive_table
from tsrep.report.shared import size_tiles
from tsrep.report.tables import class_table, gain_table, preferred_unit, score_tables, split_table
from tsrep.report.wording import count, interval, number, signed

_REST = ("precision", "recall", "exact_match", "brier", "ece")


def panel_context(contents: Contents) -> dict[str, Any]:
    """Names that ``panel.html`` uses."""
    unit = preferred_unit(contents)
    windows = score_tables(contents, "window") if unit == "record" else []
    found = verdict(contents)
    return {
        "headline": headline(contents),
        "verdicts": [found] if found is not None else [],
        "tiles": _tiles(contents),
        "caveats": _caveats(contents),
        "score_tables": score_tables(contents, unit),
        "gain_table": gain_table(contents),
        "more_tables": [
            ("Other protocols and parts", score_tables(contents, unit)[1:]),
            ("Scores per window", windows),
            ("Other metrics", score_tables(contents, unit, _REST)),
        ],
        "data": _data_facts(contents),
        "split_table": split_table(contents),
        "class_table": class_table(contents),
        "receptive_table": receptive_table(contents),
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
    return tiles + size_tiles(contents)


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
