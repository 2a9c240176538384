"""Can one tell from an encoder whether a patient's recording was in its training part?

Eight encoders are trained on random halves of the patients, so that everybody is a member of about half of
them. Recordings are scored by each encoder; finished runs are kept and used again::

    .venv/bin/python studies/membership.py --root DIR --official DIR

Folders as in ``audit.py``, whose cohort is taken without its test patients. Members and others are one random
draw from one population. A classifier on amplitude and spectrum, which sees no encoder, must not tell them
apart; else no result is given. ``--quick`` does all of it small on simulated recordings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from audit import METHODS, SETTINGS
from audited_cohort import dataset, made_cohort, split
from kept_runs import command_line, kept_run, one_thread_workers
from results_page import table, with_ends, write_page

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.audit.attributes import predicted_levels
from tsrep.evaluation.audit.membership import Attack, agreement, by_patient, likelihood_ratio, minus_loss
from tsrep.evaluation.bootstrap import Interval, resampled_by
from tsrep.evaluation.labels.aggregate import aggregated
from tsrep.rng import numpy_generator
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.runs.references.reference import resolve
from tsrep.runs.task import task_of
from tsrep.signals.hand_features import amplitude_and_spectrum
from tsrep.training.distributed import pick_device

SHADOWS, SCORED = 8, 400  # encoders; patients that are scored
RATIO, BLIND, UNTRAINED = (
    "likelihood ratio of the loss",
    "amplitude and spectrum, no encoder",
    "untrained encoder",
)
LOSS, AGREEMENT = "minus the loss", "agreement of ten views"
METHOD = "simclr"
QUICK: dict[str, Any] = {
    "device": "cpu",
    "dataset": {"name": "ptb-xl-sim", "patients": 60, "records_per_patient": 1.0},
    "window": {"seconds": 2.5},
    "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3},
    "training": {"epochs": 1, "batch_size": 32},
    "evaluation": {"protocols": ["probe"], "labels": [1.0]},
    "objective": METHODS[METHOD],
}


@dataclass(frozen=True)
class Study:
    """What is trained, and where its runs lie.

    Attributes
    ----------
    base : dict
        Settings that all encoders share, without a split.
    patients : tuple of str
        To be halved.
    validation : tuple of str
        In no half; they choose nothing and are the others that a loss is contrasted with.
    folder : Path
    shadows : int
    """

    base: dict[str, Any]
    patients: tuple[str, ...]
    validation: tuple[str, ...]
    folder: Path
    shadows: int

    def members(self, number: int) -> frozenset[str]:
        """Patients of the random half that an encoder is trained on."""
        order = numpy_generator(number, "halves").permutation(len(self.patients))
        return frozenset(self.patients[i] for i in order[: len(order) // 2])

    def configuration(self, number: int) -> Configuration:
        """Of an encoder; who is no member is in the test part, which nothing reads."""
        others = [name for name in self.patients if name not in self.members(number)]
        parts = {"name": "patients", "validation": list(self.validation), "test": others}
        own = {"seed": number, "split": parts | {"same_signal": "drop-train"}}
        return configure(merged(self.base, own))

    def train(self, number: int) -> None:
        """The run of an encoder, where it is missing."""
        kept_run(self.folder / f"shadow-{number}", self.configuration(number), illustrate=False)


def main() -> None:
    """Train what is missing, score, write the page."""
    parser = command_line(__doc__, "membership", page="membership.md", seeds=SHADOWS)
    parser.add_argument(
        "--official", type=lambda text: Path(text).resolve(), help="data in the official layout"
    )
    parser.add_argument("--quick", action="store_true", help="four encoders on simulated recordings")
    options = parser.parse_args()
    study = _quick(options.runs) if options.quick else _full(options)
    with one_thread_workers(options.workers) as pool:
        list(pool.map(study.train, range(study.shadows)))
    write_page(options.out, "\n".join(_page(study, dict(_scored(study)))))


def _full(options: Any) -> Study:
    cohort = made_cohort(options.root, options.official, options.runs.resolve() / "cohort")
    parts = split(cohort)
    base = SETTINGS | {"dataset": dataset(), "root": str(cohort), "objective": METHODS[METHOD]}
    prepared = task_of(configure(base | {"split": parts})).prepare(progress=False)
    held = {*parts["test"], *parts["validation"]}
    free = tuple(name for name in _names(prepared) if name not in held)
    return Study(base, free, tuple(parts["validation"]), options.runs, options.seeds)


def _quick(folder: Path) -> Study:
    names = _names(task_of(configure(QUICK)).prepare(progress=False))
    return Study(QUICK, names[10:], names[:10], folder, 4)


def _names(prepared: Prepared) -> tuple[str, ...]:
    panel = prepared.panel
    names = panel.patient_names
    return tuple(names[p] if names else str(p) for p in np.unique(panel.patient).tolist())


def _scored(study: Study) -> Iterator[tuple[str, tuple[Interval, Interval]]]:
    """AUROC and share of members found at 1 % of others, by score."""
    chosen = sorted(numpy_generator(0, "scored patients").permutation(study.patients)[:SCORED].tolist())
    member = np.array([[name in study.members(k) for name in chosen] for k in range(study.shadows)])
    scores = [_of_encoder(study, k, chosen) for k in range(study.shadows)]
    by_name = {name: np.stack([each[name] for each in scores]) for name in scores[0]}
    by_name[RATIO] = likelihood_ratio(by_name[LOSS], member)
    for name, found in by_name.items():
        kept = np.isfinite(found).all(axis=0)
        attacks = [Attack(s[kept], m[kept]) for s, m in zip(found, member, strict=True)]
        ends = resampled_by(attacks, int(kept.sum()), n_bootstrap=1000, seed=0).intervals()
        yield name, (ends["auroc"], ends["tpr"])


def _of_encoder(study: Study, number: int, chosen: list[str]) -> dict[str, Array]:
    """Scores of patients, in the order of their names."""
    run = Run(study.folder / f"shadow-{number}")
    prepared = task_of(run.config).prepare(progress=False)
    loaded, device = resolve(run).open(), pick_device("cpu")
    panel = prepared.panel
    names = panel.patient_names or tuple(map(str, range(int(panel.patient.max()) + 1)))
    index = np.flatnonzero(np.isin(panel.patient, [names.index(name) for name in chosen]))
    windows, around = panel.select(index), prepared.split.validation
    first = windows.select(np.unique(windows.trial, return_index=True)[1])
    people = np.searchsorted(np.array(chosen), np.array(names)[first.patient])
    objective = loaded.objective(loaded.encoder)
    assert objective is not None

    def agreeing(encoder: Any) -> Array:
        rows = agreement(encoder, objective, windows, loaded.pool, seed=0, device=device)
        return by_patient(aggregated(rows[:, None], windows.trial, "mean", multilabel=True)[:, 0], people)

    losses = minus_loss(loaded.encoder, objective, panel, index, around, seed=0, device=device)
    is_member = np.array([name in study.members(number) for name in chosen])
    hand = amplitude_and_spectrum(windows)
    hand = aggregated(hand, windows.trial, "mean", multilabel=True)
    blind = predicted_levels(hand, is_member[people].astype(np.int64), people, seed=number)[:, 1]
    return {
        LOSS: by_patient(losses, people),
        AGREEMENT: agreeing(loaded.encoder),
        UNTRAINED: agreeing(loaded.untrained(number)),
        BLIND: by_patient(blind, people),
    }


def _page(study: Study, found: dict[str, tuple[Interval, Interval]]) -> Iterator[str]:
    config = study.configuration(0)
    yield from ("# Membership", "")
    yield "Made by `.venv/bin/python studies/membership.py --root DIR --official DIR`; settings are in it."
    yield ""
    yield (
        f"- {study.shadows} encoders ({config.objective.name}, {config.encoder.name}), each trained for "
        f"{config.training.epochs} epochs on a random half of {len(study.patients):,} patients; the "
        "other half are "
        "the others of this encoder. Scores are the largest of a patient's recordings."
    )
    yield "- Intervals are over patients and encoders. Chance: 0.5, and 0.01 of members found."
    yield ""
    blind = found[BLIND][0]
    if blind.low > 0.5 or blind.high < 0.5:
        yield (
            "Members and non-members differ in themselves: without an encoder, by amplitude and "
            "spectrum, they are "
            f"distinguished with an AUROC of {with_ends(blind)}. No result is given."
        )
        return
    rows = [[name, with_ends(auroc), with_ends(share)] for name, (auroc, share) in found.items()]
    yield from table(["score", "AUROC", "members found at 1 % of others"], rows)


if __name__ == "__main__":
    main()
