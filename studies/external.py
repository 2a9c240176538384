"""Encoders of one cohort of ECGs on another one that nothing was fitted on: whole, by site and by device.

One command makes ``docs/results/external.md``; finished runs and scored cells are kept and used again::

    .venv/bin/python studies/external.py --root DIR

``DIR`` holds ``ptb-xl-panel`` (``ecg_100hz_int16_uV.npy`` and ``records.csv``) and ``ptb-xl``, some records
of PTB-XL in its official files. SimCLR and COMET train on the former without labels. Recordings of the latter
that were trained on, or that heads are fitted on, are found by their signals and left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kept_runs import command_line, kept_run
from results_page import P_VALUES, table, with_ends, write_page
from transfer import FIRST, PANEL, SECOND, SETTINGS

import tsrep
from tsrep.evaluation.comparison import holm
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.report.wording import listed, p_value
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.verdicts import ALPHA, Verdict
from tsrep.runs.config import Configuration
from tsrep.runs.config_files import assemble, read_config
from tsrep.runs.folder import Run
from tsrep.runs.validate.validation import Validation
from tsrep.splits.split import PARTS
from tsrep.text import plural

METHODS: dict[str, dict[str, Any]] = {
    "simclr": {"objective": {"name": "simclr"}, "seeds": 5},
    "comet": {"objective": {"name": "comet"}, "seeds": 5},
}
HALVES = {"name": "stratified", "validation": 0.15, "test": 0.55, "seed": 0}
SITES = {"site 0": {"site": "0"}, "site 1": {"site": "1"}}
DEVICES = {
    "CS-12": {"device": ["CS-12", "CS-12 E"]},
    "AT-6 C": {"device": ["AT-6 C", "AT-6 C 5.0", "AT-6 C 5.5", "AT-6 C 5.6", "AT-6 C 5.8"]},
}
QUESTIONS = {
    "all": "All of the second cohort",
    "both ways": "Both ways, and heads refitted",
    "sites": "By site",
    "devices": "By device",
}


def main() -> None:
    """Train what is missing, validate, and write the page."""
    options = command_line(__doc__, "external", page="external.md", seeds=5).parse_args()
    runs = {
        name: kept_run(options.runs / name, _configuration(options.root, method, options.seeds))
        for name, method in METHODS.items()
    }
    found = {
        name: _validated(runs, [_first(runs["simclr"]), *others], options.runs / name.replace(" ", "-"))
        for name, others in _cohorts(options.root / SECOND).items()
    }
    write_page(options.out, "\n".join(_page(runs, found, options.root)))


def _configuration(root: Path, method: Mapping[str, Any], most: int) -> Configuration:
    own = {"root": str(root / FIRST), "seeds": min(method["seeds"], most)}
    return assemble(read_config(PANEL), SETTINGS, method, own)


def _first(run: Run) -> dict[str, Any]:
    """The cohort that encoders were trained on, divided as it was then."""
    config = run.config
    return {"dataset": config.dataset.model_dump(mode="json"), "root": config.root, "title": FIRST}


def _cohorts(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The second cohort as each question asks for it."""
    whole = {"name": SECOND, "root": str(root)}

    def parts(where: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [
            {"dataset": {"name": "part-of", "of": whole, "where": chosen}, "title": title, "use": "test"}
            for title, chosen in where.items()
        ]

    return {
        "all": [whole | {"use": "test"}],
        "both ways": [whole | {"split": HALVES, "title": f"{SECOND}, divided"}],
        "sites": parts(SITES),
        "devices": parts(DEVICES),
    }


def _validated(runs: Mapping[str, Run], cohorts: Sequence[dict[str, Any]], folder: Path) -> Validation:
    encoders = [{"ref": str(run.path), "name": name} for name, run in runs.items()]
    return tsrep.validate(encoders, cohorts, out=folder, device="cpu", progress=False)


def _page(runs: Mapping[str, Run], found: Mapping[str, Validation], root: Path) -> Iterator[str]:
    yield from ["# External validation", ""]
    yield from [
        "Made by `.venv/bin/python studies/external.py --root DIR`; all settings are in the script.",
        "",
    ]
    yield from (f"- {each}" for each in _head(runs, found, root))
    yield from ["", "## Gains on cohorts that nothing was fitted on", "", *_gains(found), ""]
    for name, validation in found.items():
        yield from [f"## {QUESTIONS[name]}", "", _classes(validation), "", *_matrix(validation), ""]
    yield from ["## From inside to outside", "", *_drops(found), ""]
    yield from ["## Predicted and true rates", "", *_rates(found["all"]), ""]


def _head(runs: Mapping[str, Run], found: Mapping[str, Validation], root: Path) -> Iterator[str]:
    config = runs["simclr"].config
    first, second = found["all"].cohorts
    parts = [_told(first.parts[part]) for part in PARTS]
    seeds = [f"{name} ({run.config.seeds} seeds)" for name, run in runs.items()]
    yield (
        f"First cohort, `{first.name}`: records of PTB-XL, {first.form}. Fitted on {parts[0]}, chosen by "
        f"{parts[1]}, scored {parts[2]}."
    )
    yield (
        f"Second cohort, `{second.name}`: other records of PTB-XL, of the same hospitals, in its official "
        f"files. {_told(second.parts['test'])} have a superclass and are neither trained on nor fitted on, "
        f"by their signals; {_known_patients(runs['simclr'], root)}."
    )
    yield (
        f"Encoders: {config.encoder.name}, trained without labels on the first cohort for "
        f"{config.training.epochs} epochs on windows of {config.window.seconds:g} s by {listed(seeds)}; "
        "linear probes, their `C` chosen on the validation part of the cohort that they are fitted on. "
        "Nothing of a cohort is used before heads of another one are scored on it."
    )
    yield (
        "Values: macro AUROC per record over the classes named, with a 95 % interval over patients and "
        "training seeds. Gains are over random initialisations of the same architecture with heads of their "
        f"own, as many as seeds; their p values are adjusted by Holm over the {len(_verdicts(found))} of "
        "this page, some of which are of the same recordings, and all else is an overview."
    )


def _told(counts: tuple[int, int]) -> str:
    return f"{counts[0]:,} records of {counts[1]:,} patients"


def _known_patients(run: Run, root: Path) -> str:
    """How many records of patients who were fitted on are left, which only the numbers of PTB-XL tell."""
    prepared = run.task.prepare(progress=False)
    fitted = np.concatenate([prepared.split.train, prepared.split.validation])
    rows = np.unique(prepared.panel.row[fitted])
    used = pd.read_csv(root / FIRST / "records.csv").iloc[rows]
    there = pd.read_csv(root / SECOND / "ptbxl_database.csv")
    left = there[there.patient_id.isin(used.patient_id) & ~there.ecg_id.isin(used.ecg_id)]
    return f"{plural(len(left), 'other record')} of patients who were fitted on stayed in"


def _verdicts(found: Mapping[str, Validation]) -> list[tuple[str, Verdict]]:
    return [(name, verdict) for name, validation in found.items() for verdict in validation.verdicts]


def _gains(found: Mapping[str, Validation]) -> list[str]:
    """Gains of transferred heads, adjusted for all on the page."""
    every = _verdicts(found)
    adjusted = holm([verdict.difference.p for _, verdict in every])
    head = ["encoder", "head fitted on, scored on", "classes", f"over {RANDOM_INIT}", *P_VALUES, "verdict"]
    rows = [
        [
            verdict.encoder,
            verdict.dataset,
            str(len(found[name].classes)),
            with_ends(verdict.difference, "+.3f"),
            p_value(verdict.difference.p),
            p_value(p),
            _word(verdict, float(p)),
        ]
        for (name, verdict), p in zip(every, adjusted, strict=True)
    ]
    return table(head, rows)


def _word(verdict: Verdict, p: float) -> str:
    if math.isnan(p) or p > ALPHA:
        return "not significant"
    return "better" if verdict.difference.value > 0 else "worse"


def _classes(validation: Validation) -> str:
    counts = {c.name: ", ".join(f"{k} {n}" for k, n in c.positives.items()) for c in validation.cohorts}
    scored = "; ".join(
        f"{c.name} {c.parts['test'][0]} records ({counts[c.name]})" for c in validation.cohorts
    )
    out = "; ".join(f"{name}: {reason}" for name, reason in validation.excluded.items())
    return f"Scored: {scored}.{f' Not scored: {out}.' if out else ''}"


def _matrix(validation: Validation) -> list[str]:
    """Heads by cohorts, each encoder above its random initialisations, then the controls."""
    head = ["head fitted on", "encoder", *(f"on {name}" for name in validation.datasets)]
    rows = []
    for name, fitted_on in validation.rows:
        cells = [validation.find(name, fitted_on, dataset) for dataset in validation.datasets]
        rows.append([fitted_on, name, *(_value(each, "method") for each in cells)])
        if name in validation.about:
            rows.append([fitted_on, f"{name}, {RANDOM_INIT}", *(_value(each, "control") for each in cells)])
    return table(head, rows)


def _value(each: Scored | None, role: str) -> str:
    score = None if each is None else each.of(role)
    return "–" if score is None else with_ends(score.metrics["auroc"])


def _drops(found: Mapping[str, Validation]) -> list[str]:
    head = ["from", "to", "encoder", "classes", "AUROC inside − outside"]
    rows = [
        [drop.fitted_on, drop.dataset, drop.encoder, str(len(v.classes)), with_ends(drop.difference, "+.3f")]
        for v in found.values()
        for drop in v.drops
    ]
    return table(head, rows)


def _rates(validation: Validation) -> list[str]:
    """Calibration in the large of transferred heads on the second cohort, class by class."""
    head = ["encoder", "class", "with it", "prevalence", "predicted − prevalence", "AUROC", "AUPRC"]
    first, second = validation.datasets
    rows = [
        [
            name,
            each.name,
            f"{each.positive} of {each.records}",
            f"{each.prevalence:.3f}",
            with_ends(each.in_the_large, "+.3f"),
            with_ends(each.auroc),
            with_ends(each.auprc),
        ]
        for name in validation.about
        for each in validation.by_class[name, first, second]
    ]
    return table(head, rows)


if __name__ == "__main__":
    main()
