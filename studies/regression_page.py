"""Page of the regression study; every number is from the runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from results_page import spread, table, with_ends, write_page

from tsrep.evaluation.comparison import holm
from tsrep.evaluation.scores import RANDOM_INIT, Score, Scores
from tsrep.report.wording import p_value
from tsrep.runs.config import Configuration
from tsrep.runs.prepared import Prepared

ENCODERS = ("simclr", "comet")  # whose gains over random initialisation are the family of verdicts


@dataclass(frozen=True, eq=False)
class Findings:
    """All that the page is made of.

    Attributes
    ----------
    prepared : Prepared
    config : Configuration
        Of one of the runs.
    scores : Scores
        Of all methods, on test patients.
    """

    prepared: Prepared
    config: Configuration
    scores: Scores


def write_results(found: Findings, out: Path) -> None:
    """Write the page."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_page(out, "\n".join(lines_of(found)))


def lines_of(found: Findings) -> list[str]:
    """The page in Markdown."""
    seeds = max(score.seeds for score in found.scores)
    facts, split, config = found.prepared.facts, found.prepared.split, found.config
    parts = ", ".join(f"{n['patients']} {part} patients" for part, n in split.counts.items())
    targets = list(dict.fromkeys(score.target for score in found.scores))
    known = {
        name: next(s for s in found.scores if s.target == name and s.unit == "record") for name in targets
    }
    scored = "; ".join(f"{name}: {s.n} test records of {s.patients} patients" for name, s in known.items())
    return [
        "# Age and heart rate from real ECG",
        "",
        *(f"- {sentence}" for sentence in verdicts(found.scores)),
        "",
        f"Made by `.venv/bin/python studies/regression.py --root DIR --seeds {seeds}`; all settings are in "
        "the script.",
        "",
        f"- Data: {found.prepared.source}, {facts['records']} records of {facts['patients']} patients, "
        f"{len(found.prepared.panel.channels)} leads at {facts['sfreq']:g} Hz. {split.how}: {parts}; none in "
        "two parts.",
        f"- Known numbers: {scored}. Ages over 89 are not published, and are unknown here.",
        "- Heart rates are **derived from the same signals**, not measured by anybody else: an R-peak "
        "detector reads the leads II, V1 and V5 each by itself, over the whole record, and a rate is known "
        "where two agree within 5 %. So the count of R peaks in a fourth lead, I, says how much of it can be "
        "read off directly; what an encoder reaches below that is a matter of the encoder, not of the heart.",
        f"- Encoder: {config.encoder.name}, the same for all; windows of "
        f"{found.prepared.panel.x.shape[-1] / facts['sfreq']:g} s, whose predictions are averaged over a "
        f"record; {config.training.epochs} epochs of batches of {config.training.batch_size}, the last kept.",
        "- The penalty of each ridge and the epoch of `supervised` are chosen on validation patients. Test "
        "patients are scored once.",
        f"- Values: mean absolute error per record, mean over {seeds} seeds (training and label draw "
        "together), with a 95 % interval over patients and seeds; ± is the standard deviation over seeds. "
        "Gains are differences from random initialisations of the same architecture: negative is better.",
        "",
        *(line for name in targets for line in _of_target(found.scores, name)),
    ]


def verdicts(scores: Scores) -> list[str]:
    """A sentence for each encoder and target, adjusted for their number."""
    most = max(score.fraction for score in scores)
    family = [
        score
        for score in scores.where(unit="record", fraction=most, protocol="regression")
        if score.method in ENCODERS and score.gain is not None
    ]
    adjusted = holm([score.gain.p for score in family if score.gain is not None])
    return [_verdict(score, float(p)) for score, p in zip(family, adjusted, strict=True)]


def _called(target: str) -> str:
    return target.replace("_", " ")


def _verdict(score: Score, p: float) -> str:
    gain = score.gain
    assert gain is not None
    told = f"MAE {with_ends(gain, '+.2f')}, p {p_value(gain.p, equals=True)}, "
    told += f"adjusted p {p_value(p, equals=True)}"
    if p < 0.05:
        how = "lower than" if gain.value < 0 else "higher than"
        return (
            f"{_called(score.target)}: the error of {score.method} is {how} that of {RANDOM_INIT} ({told})."
        )
    return (
        f"{_called(score.target)}: {score.method} is not significantly different from {RANDOM_INIT} ({told})."
    )


def _of_target(scores: Scores, target: str) -> list[str]:
    head = ["method", "protocol", "labels", "MAE", f"minus {RANDOM_INIT}", "RMSE", "R²", "Pearson r", "slope"]
    rows: list[list[str]] = []
    for fraction in sorted({score.fraction for score in scores}, reverse=True):
        found = [s for s in scores.where(unit="record", fraction=fraction) if s.target == target]
        # the mean stands once, whatever protocol it was made beside
        once = {(s.method, "" if s.role == "baseline" else s.protocol): s for s in found}
        rows += map(_row, sorted(once.values(), key=lambda s: s.value))
    return [f"## {_called(target).capitalize()}", "", *table(head, rows), ""]


def _row(score: Score) -> list[str]:
    values = [score.metrics[name].value for name in ("rmse", "r2", "pearson", "slope")]
    plain = ["–" if math.isnan(value) else f"{value:.2f}" for value in values]
    return [
        score.method,
        "–" if score.role == "baseline" else score.title,
        f"{100 * score.fraction:g} % of patients ({score.details['labelled_patients']:.0f})",
        with_ends(score.metrics["mae"], ".2f") + spread(score.by_seed["mae"], ".2f"),
        with_ends(score.gain, "+.2f"),
        *plain,
    ]
