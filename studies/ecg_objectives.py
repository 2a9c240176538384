"""Objectives compared on real ECG at equal compute: a first look at all, and verdicts on those that lead.

One command makes ``docs/results/objectives.md`` and its figure; finished runs are kept and used again, so
that it may be stopped and started at any time (about five hours on two cores)::

    .venv/bin/python studies/ecg_objectives.py --root DIR

``DIR`` holds ``ecg_100hz_int16_uV.npy`` and ``records.csv`` as for ``ecg_methods.py``. Every run spends as
many operations as SimCLR does in four minutes of one thread. Stage one: up to six configurations of each
method at a quarter of the budget, the best on validation patients at the whole budget with three seeds, one
table without verdicts. Stage two: the best four, SimCLR and COMET with fresh seeds; the one primary contrast
is written down before any test patient is scored. ``--quick`` runs all of it small, on a simulated cohort.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from ecg_methods import PANEL, SETTINGS
from equal_compute import Budget, Cost, cost_of
from kept_runs import command_line, kept_run, log, one_thread_workers, validation_scores
from objectives_page import Findings, write_results

from tsrep.evaluation.comparison import Comparison, compare_methods
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import Scores
from tsrep.files import write_json
from tsrep.registry import PROTOCOLS
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.config_files import read_config
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import Task, task_of
from tsrep.studies.confirm.final_scores import alike, candidates

Settings = Mapping[str, Any]
Contrast = tuple[str, str]
REAL: Settings = merged(dict(read_config(PANEL)), SETTINGS)
RATES = (3e-4, 1e-3, 3e-3)
RESNET: Settings = {"name": "resnet1d", "width": 32, "dim": 128}
PATCHES: Settings = {"name": "patch-transformer", "patch": 10, "stride": 10, "dim": 128}
STATES: Settings = {"name": "conv-s4d", "width": 128, "dim": 128}
DILATED: Settings = {"name": "dilated-conv", "hidden": 32, "dim": 128, "depth": 8}
REFERENCE, RIVAL, LEARNED, FROZEN, FIXED = "simclr", "comet-masked", "autotcl", "autotcl, frozen", "fixed view"
HEADS = ("probe", "attention")


@dataclass(frozen=True)
class Method:
    """An objective, the encoder it is tried on, and what is tuned besides the learning rate.

    Attributes
    ----------
    objective : mapping
    choices : sequence of mappings
        Settings of the objective that are tried, at most two.
    encoder : mapping
    """

    objective: Settings
    choices: Sequence[Settings] = ({},)
    encoder: Settings = field(default_factory=lambda: RESNET)

    def tried(self) -> list[Settings]:
        """Configurations to choose from."""
        return [
            {
                "objective": {**self.objective, **choice},
                "encoder": self.encoder,
                "training": {"lr": rate},
            }
            for rate in RATES
            for choice in self.choices
        ]


def _of(name: str, key: str, *values: Any, **more: Any) -> Method:
    return Method({"name": name}, [{key: value} for value in values], **more)


METHODS: Mapping[str, Method] = {
    REFERENCE: _of("simclr", "temperature", 0.1, 0.3),
    "simclr, VICReg": _of("simclr", "loss", {"name": "vicreg"}, {"name": "vicreg", "covariance": 4.0}),
    "simclr, SIGReg": _of("simclr", "loss", {"name": "sigreg"}, {"name": "sigreg", "weight": 0.1}),
    "moco": _of("moco", "temperature", 0.1, 0.2),
    "byol": _of("byol", "momentum", 0.99, 0.996),
    "lejepa": _of("lejepa", "weight", 0.02, 0.1),
    RIVAL: _of("comet-masked", "temperature", 0.1, 0.2),
    "comet": _of("comet", "temperature", 0.1, 0.2),
    "clocs": _of("clocs", "temperature", 0.1, 0.3),
    "ts-tcc": _of("ts-tcc", "contextual_weight", 0.7, 0.2),
    "tf-c": _of("tf-c", "temperature", 0.2, 0.1),
    "mixing-up": _of("mixing-up", "temperature", 0.5, 0.2),
    "ts2vec": _of("ts2vec", "masked_steps", 0.5, 0.0),
    FIXED: _of("fixed-view", "view", "window-warp", "random-choice"),
    LEARNED: Method(
        {"name": "autotcl"},
        [{"form": {"name": "paper"}}, {"form": {"name": "paper", "entropy": 0.0, "consistency": 0.0}}],
    ),
    FROZEN: Method({"name": "autotcl", "frozen": True}, [{"form": {"name": "paper"}}]),
    "cpc on conv-s4d": _of("cpc", "ahead", 3, 8, encoder=STATES),
    "jepa on patches": _of("jepa", "keep", (0.15, 0.25), (0.3, 0.5), encoder=PATCHES),
    "masked patches": Method(
        {"name": "masked-patches", "patch": 10}, [{"share": 0.4}, {"share": 0.6}], encoder=PATCHES
    ),
    "simclr on patches": _of("simclr", "temperature", 0.1, 0.3, encoder=PATCHES),
    "ts2vec on its encoder": _of("ts2vec", "masked_steps", 0.5, 0.0, encoder=DILATED),
    "comet-masked on its encoder": _of("comet-masked", "temperature", 0.1, 0.2, encoder=DILATED),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How much of everything.

    Attributes
    ----------
    base : mapping
        Settings that all runs share.
    methods : mapping of str to Method
    minutes : float
        Of one thread, of the reference method.
    tuning : float
        Share of the budget that a configuration is tried with.
    first, primary, others, equal : sequences of int
        Seeds of stage one, of the two methods of the primary contrast, of the others of stage two, and of the
        runs with equal windows.
    finalists : int
    heads : sequence of str
        Protocols that finalists are scored by; the first, of all methods.
    """

    base: Settings
    methods: Mapping[str, Method]
    minutes: float = 4.0
    tuning: float = 0.25
    first: Sequence[int] = range(1, 4)
    primary: Sequence[int] = range(10, 18)
    others: Sequence[int] = range(10, 15)
    equal: Sequence[int] = range(20, 23)
    finalists: int = 4
    heads: Sequence[str] = HEADS

    @property
    def shared(self) -> list[str]:
        """Methods on the encoder of the reference; the others have one that they want."""
        return [name for name, own in self.methods.items() if own.encoder == self.methods[REFERENCE].encoder]


TINY = {"hidden": 4, "dim": 8, "depth": 3, "name": "dilated-conv"}
QUICK = Plan(
    base={
        "dataset": {"name": "ptb-xl-sim", "patients": 60, "records_per_patient": 1.0},
        "device": "cpu",
        "window": {"seconds": 1.25},
        "training": {"batch_size": 64, "log_every": 2, "log_score": True},
        "evaluation": {"labels": [1.0, 0.1], "subsample_by": ["patient"], "n_bootstrap": 100, "seeds": 2},
    },
    methods={
        name: replace(METHODS[name], encoder={**TINY, "depth": 4} if name == "ts2vec" else TINY)
        for name in (REFERENCE, RIVAL, FIXED, LEARNED, FROZEN, "ts2vec")
    },
    minutes=0.0,
    tuning=1.0,
    first=(1, 2),
    primary=(10, 11),
    others=(10, 11),
    equal=(20, 21),
    finalists=1,
    heads=("probe",),
)


@dataclass
class Study:
    """The runs of a plan in a folder.

    Parameters
    ----------
    plan : Plan
    folder : Path
    workers : int
        Runs at a time.
    """

    plan: Plan
    folder: Path
    workers: int

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepared: Prepared = self.task.prepare(progress=False)
        self._costs: dict[str, Cost] = {}
        reference = self.cost(self.plan.methods[REFERENCE].tried()[0])
        self.budget = Budget.kept(self.folder / "budget.json", reference, self.plan.minutes)

    @property
    def task(self) -> Task:
        """That scores all runs."""
        return task_of(self.configuration(self.plan.methods[REFERENCE].tried()[0], 0, 1))

    def configuration(self, settings: Settings, seed: int, epochs: int) -> Configuration:
        """A run of some settings."""
        own = merged(dict(settings), {"seed": seed, "training": {"epochs": epochs}})
        return configure(merged(dict(self.plan.base), own))

    def cost(self, settings: Settings) -> Cost:
        """Of one step, worked out once."""
        key = json.dumps(settings, sort_keys=True, default=list)
        if key not in self._costs:
            self._costs[key] = cost_of(self.configuration(settings, 0, 1), self.prepared)
        return self._costs[key]

    def runs(
        self,
        stage: str,
        wanted: Mapping[str, Settings],
        seeds: Mapping[str, Sequence[int]],
        epochs: Callable[[Settings], int],
    ) -> dict[str, list[Run]]:
        """Runs of some settings by name, trained where they are missing, side by side."""
        jobs = [
            (self.folder / stage / f"{_slug(name)}-{seed}", self.configuration(own, seed, epochs(own)))
            for name, own in wanted.items()
            for seed in seeds[name]
        ]
        if self.workers > 1:
            with one_thread_workers(self.workers) as pool:
                list(pool.map(_train, jobs))
        else:
            list(map(_train, jobs))
        return {
            name: [Run(self.folder / stage / f"{_slug(name)}-{seed}") for seed in seeds[name]]
            for name in wanted
        }

    def chosen(self) -> dict[str, Settings]:
        """Settings of each method that are best on validation patients at a share of the budget."""
        tried = {
            f"{name}, {k + 1}": own
            for name, method in self.plan.methods.items()
            for k, own in enumerate(method.tried())
        }
        runs = self.runs(
            "tuning", tried, dict.fromkeys(tried, (0,)), lambda own: self.epochs(own, self.plan.tuning)
        )
        found: dict[str, Settings] = {}
        for name, method in self.plan.methods.items():
            values = [last_score(runs[f"{name}, {k + 1}"]) for k in range(len(method.tried()))]
            found[name] = method.tried()[int(np.argmax(values))]
        write_json(self.folder / "chosen.json", found)
        return found

    def epochs(self, settings: Settings, share: float = 1.0) -> int:
        """That a share of the budget pays for."""
        return self.budget.epochs_of(self.cost(settings), share)

    def scores(self, runs: Mapping[str, Sequence[Run]], heads: Sequence[str]) -> list[Scores]:
        """Test scores by some heads, of methods with one random initialisation together."""
        scored = {"evaluation": {"protocols": list(heads)}}
        task = task_of(configure(merged(dict(self.plan.base), scored)))
        evaluation = replace(task.evaluation(self.prepared, print), heads=None)
        panel = self.prepared.panel
        return [task.score(candidates(group, panel), evaluation) for group in alike(runs)]

    def compared(
        self,
        runs: Mapping[str, Sequence[Run]],
        contrasts: Sequence[Contrast],
        primary: Contrast | None = None,
    ) -> list[Comparison]:
        """Differences of macro AUROC per test record by the linear probe with all labels."""
        e = replace(self.task.evaluation(self.prepared, print), heads=None, seeds=1)
        probe = PROTOCOLS.build({"name": "probe"})
        labelled = e.labelled(1.0, "all")[0]
        held: dict[str, list[Predictions]] = {}
        for candidate in candidates(runs, self.prepared.panel)[:-1]:
            held[candidate.name] = [
                e.by_record(probe.predict(candidate, k, labelled, e, "1-all-0", keep=False)[0])
                for k in range(candidate.count)
            ]
        return compare_methods(held, contrasts, primary=primary, label_draws=1, n_bootstrap=e.n_bootstrap)


def last_score(runs: Sequence[Run]) -> float:
    """Mean over seeds of the validation probe of the weights that were kept, the last."""
    return float(np.mean([validation_scores(run)[max(validation_scores(run))] for run in runs]))


def conduct(study: Study) -> Findings:
    """Both stages."""
    plan, chosen = study.plan, study.chosen()
    first = study.runs("first", chosen, dict.fromkeys(chosen, plan.first), study.epochs)
    validation = {name: last_score(runs) for name, runs in first.items()}
    best = sorted(plan.shared, key=lambda name: -validation[name])
    primary = _primary(study.folder / "primary.json", best, validation)
    finalists = list(dict.fromkeys([*best[: plan.finalists], REFERENCE, *primary]))
    settings = {name: chosen[name] for name in finalists}
    seeds = {name: plan.primary if name in primary else plan.others for name in finalists}
    second = study.runs("second", settings, seeds, study.epochs)
    alike_seeds = dict.fromkeys(finalists, plan.equal)
    equal = study.runs("equal-windows", settings, alike_seeds, lambda _: study.budget.epochs)
    contrasts = [primary, *((name, RIVAL) for name in finalists if name not in primary)]
    views = [(LEARNED, name) for name in (FIXED, FROZEN) if name in first and LEARNED in first]
    return Findings(
        prepared=study.prepared,
        budget=study.budget,
        costs={name: study.cost(own) for name, own in chosen.items()},
        settings=chosen,
        shared=plan.shared,
        validation=validation,
        curves={name: [validation_scores(run) for run in runs] for name, runs in first.items()},
        logs={name: [log(run) for run in runs] for name, runs in first.items()},
        seconds={name: [run.provenance["seconds"] for run in runs] for name, runs in first.items()},
        first=study.scores(first, plan.heads[:1]),
        second=study.scores(second, plan.heads),
        contrasts=study.compared(second, contrasts, primary),
        equal=study.compared(equal, contrasts),
        views=study.compared({n: first[n] for n in (LEARNED, FIXED, FROZEN)}, views) if views else [],
    )


def _primary(path: Path, best: Sequence[str], validation: Mapping[str, float]) -> Contrast:
    """The contrast that is named before test patients are scored, and stays when the study is resumed."""
    if not path.exists():
        leader = next(name for name in best if name != RIVAL)
        write_json(path, {"contrast": [leader, RIVAL], "validation": dict(validation)})
    one, two = json.loads(path.read_text(encoding="utf-8"))["contrast"]
    return one, two


def _train(job: tuple[Path, Configuration]) -> None:
    folder, config = job
    kept_run(folder, config, illustrate=False)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def main() -> None:
    """Train what is missing, score, write page and figure."""
    parser = command_line(__doc__, "ecg-objectives", page="objectives.md", seeds=3)
    parser.add_argument("--minutes", type=float, default=4.0, help="of one thread, that SimCLR is given")
    parser.add_argument("--quick", action="store_true", help="small, on a simulated cohort; needs no --root")
    next(action for action in parser._actions if action.dest == "root").required = False
    options = parser.parse_args()
    plan = QUICK
    if not options.quick:
        if options.root is None:
            parser.error("--root is the folder with the recordings; or give --quick")
        base = {**REAL, "root": str(options.root)}
        plan = Plan(base, METHODS, options.minutes, first=range(1, 1 + options.seeds))
    write_results(conduct(Study(plan, options.runs, options.workers)), options.out)


if __name__ == "__main__":
    main()
