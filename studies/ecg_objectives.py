"""Objectives compared on real ECG at equal compute: a first look at all, which names those that lead.

One command makes ``docs/results/objectives.md``, its figure and ``objectives.json``; finished runs are kept
and used again, so that it may be stopped and started at any time (several hours on two cores)::

    .venv/bin/python studies/ecg_objectives.py --root DIR

``DIR`` holds ``ecg_100hz_int16_uV.npy`` and ``records.csv`` as for ``ecg_methods.py``. Every run spends as
many operations as SimCLR does in four minutes of one thread: up to six configurations of each method at a
quarter of the budget, then the best on validation patients at the whole budget with three seeds; one table
without verdicts. What was measured stands in ``objectives.json``, after every configuration and at most six
methods at a time, and is not measured again, on another machine either. Verdicts on the methods that lead are
made by ``ecg_finalists.py``. ``--quick`` runs all of it small, on a simulated cohort.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ecg_methods import PANEL, SETTINGS
from equal_compute import Budget, Cost, cost_of
from kept_runs import Kept, command_line, kept_run, one_thread_workers, validation_scores
from method_contrasts import Contrast, contrasts_table, probe_contrasts
from objectives_page import Outcome, Overview, write_overview

from tsrep.evaluation.comparison import Comparison
from tsrep.evaluation.scores import Scores
from tsrep.runs.config import Configuration, configure, merged
from tsrep.runs.config_files import read_config
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import Task, task_of
from tsrep.studies.confirm.final_scores import alike, candidates

Settings = Mapping[str, Any]
REAL: Settings = merged(dict(read_config(PANEL)), SETTINGS)
RATES = (3e-4, 1e-3, 3e-3)
RESNET: Settings = {"name": "resnet1d", "width": 32, "dim": 128}
PATCHES: Settings = {"name": "patch-transformer", "patch": 10, "stride": 10, "dim": 128}
STATES: Settings = {"name": "conv-s4d", "width": 128, "dim": 128}
DILATED: Settings = {"name": "dilated-conv", "hidden": 32, "dim": 128, "depth": 8}
TRUNK: Settings = {"name": "dilated-conv", "hidden": 64, "dim": 16, "depth": 3}  # of the augmenter of AutoTCL
REFERENCE, RIVAL, LEARNED, FROZEN, FIXED = (
    "simclr",
    "comet-masked",
    "autotcl",
    "autotcl, frozen",
    "fixed view",
)
HEADS = ("probe", "attention")
TOGETHER = 6  # methods that are scored beside one random initialisation before their numbers are kept


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
        {"name": "autotcl", "trunk": TRUNK},
        [{"form": {"name": "paper"}}, {"form": {"name": "paper", "entropy": 0.0, "consistency": 0.0}}],
    ),
    FROZEN: Method({"name": "autotcl", "trunk": TRUNK, "frozen": True}, [{"form": {"name": "paper"}}]),
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
    def facts(self) -> dict[str, Any]:
        """What numbers that are kept depend on, besides the settings of their method."""
        base = {name: values for name, values in self.base.items() if name != "root"}
        return {"base": base, "minutes": self.minutes, "tuning": self.tuning, "first": self.first}

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
    kept : Kept
        Budget, validation scores of configurations, outcomes of methods, and the primary contrast.
    workers : int
        Runs at a time.
    """

    plan: Plan
    folder: Path
    kept: Kept
    workers: int

    def __post_init__(self) -> None:
        self.kept.refuse_others("plan", self.plan.facts)
        self.prepared: Prepared = self.task.prepare(progress=False)
        self._costs: dict[str, Cost] = {}
        reference = self.cost(self.plan.methods[REFERENCE].tried()[0])
        self.budget = Budget(
            **self.kept.once("budget", lambda: asdict(Budget.measured(reference, self.plan.minutes)))
        )

    @property
    def task(self) -> Task:
        """That scores all runs."""
        return task_of(self.configuration(self.plan.methods[REFERENCE].tried()[0], 0, 1))

    def values(self, settings: Settings, seed: int, epochs: int) -> dict[str, Any]:
        """Plain values of a run's configuration, which can be sent to another process."""
        own = merged(dict(settings), {"seed": seed, "training": {"epochs": epochs}})
        return merged(dict(self.plan.base), own)

    def configuration(self, settings: Settings, seed: int, epochs: int) -> Configuration:
        """A run of some settings."""
        return configure(self.values(settings, seed, epochs))

    def cost(self, settings: Settings) -> Cost:
        """Of one step, worked out once for all learning rates."""
        key = _key({name: own for name, own in settings.items() if name != "training"})
        if key not in self._costs:
            self._costs[key] = cost_of(self.configuration(settings, 0, 1), self.prepared)
        return self._costs[key]

    def costs(self, chosen: Mapping[str, Settings]) -> dict[str, Cost]:
        """Of methods, as they were first measured."""
        kept = {
            name: self.kept.once(f"cost, {_key(own)}", lambda own=own: asdict(self.cost(own)))
            for name, own in chosen.items()
        }
        return {name: Cost(**one) for name, one in kept.items()}

    def trained(
        self,
        stage: str,
        wanted: Mapping[str, Settings],
        seeds: Mapping[str, Sequence[int]],
        epochs: Callable[[Settings], int],
    ) -> Iterator[tuple[str, Run]]:
        """Runs of some settings with their names, trained where they are missing, side by side."""
        jobs = {
            self.folder / stage / f"{_slug(name)}-{seed}": (name, self.values(own, seed, epochs(own)))
            for name, own in wanted.items()
            for seed in seeds[name]
        }
        with one_thread_workers(self.workers) if self.workers > 1 else nullcontext() as pool:
            each = pool.map if pool else map
            done = each(_train, [(path, values) for path, (_, values) in jobs.items()])
            for (path, (name, _)), _ in zip(jobs.items(), done, strict=True):
                yield name, Run(path)

    def runs(self, *asked: Any) -> dict[str, list[Run]]:
        """All of :meth:`trained` by name."""
        found: dict[str, list[Run]] = {}
        for name, run in self.trained(*asked):
            found.setdefault(name, []).append(run)
        return found

    def chosen(self) -> dict[str, Settings]:
        """Settings of each method that are best on validation patients at a share of the budget."""
        missing = {
            f"{name}, {k}": own
            for name, method in self.plan.methods.items()
            for k, own in enumerate(method.tried(), 1)
            if _key(own) not in self.kept.values
        }
        share = self.plan.tuning
        runs = self.trained(
            "tuning", missing, dict.fromkeys(missing, (0,)), lambda own: self.epochs(own, share)
        )
        for name, run in runs:
            self.kept.once(_key(missing[name]), partial(last_score, [run]))
        return {
            name: max(method.tried(), key=lambda own: self.kept.values[_key(own)])
            for name, method in self.plan.methods.items()
        }

    def epochs(self, settings: Settings, share: float = 1.0) -> int:
        """That a share of the budget pays for."""
        return self.budget.epochs_of(self.cost(settings), share)

    def ranked(self) -> list[str]:
        """Methods on the shared encoder, the best on validation patients first."""
        validation = self.kept.values["validation"]
        return sorted(self.plan.shared, key=lambda name: -validation[name])

    def outcomes(self, chosen: Mapping[str, Settings]) -> dict[str, Outcome]:
        """What every method comes to over the seeds of stage one, made where it is not kept."""
        shared = [self.plan.shared[k : k + TOGETHER] for k in range(0, len(self.plan.shared), TOGETHER)]
        for group in [*shared, *([name] for name in chosen if name not in self.plan.shared)]:
            wanted = {n: chosen[n] for n in group if _first(n, chosen[n]) not in self.kept.values}
            if wanted:
                runs = self.first(wanted)
                (scores,) = self.scores(runs, self.plan.heads[:1])
                for name, own in runs.items():
                    outcome = Outcome.of(own, scores, name)
                    self.kept.once(_first(name, chosen[name]), partial(asdict, outcome))
        return {name: Outcome(**self.kept.values[_first(name, own)]) for name, own in chosen.items()}

    def first(self, wanted: Mapping[str, Settings]) -> dict[str, list[Run]]:
        """Runs of stage one."""
        return self.runs("first", wanted, dict.fromkeys(wanted, self.plan.first), self.epochs)

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
        """See :func:`method_contrasts.probe_contrasts`."""
        return probe_contrasts(self.task, self.prepared, runs, contrasts, primary)


def last_score(runs: Sequence[Run]) -> float:
    """Mean over seeds of the validation probe of the weights that were kept, the last."""
    return float(np.mean([validation_scores(run)[max(validation_scores(run))] for run in runs]))


def conduct(study: Study) -> Overview:
    """All methods once, and the contrast that is named before finalists are scored."""
    plan, kept, chosen = study.plan, study.kept, study.chosen()
    outcomes = study.outcomes(chosen)
    kept.once("validation", lambda: {name: found.validation for name, found in outcomes.items()})
    leader = next(name for name in study.ranked() if name != RIVAL)
    kept.once("primary", lambda: [leader, RIVAL])
    return Overview(
        prepared=study.prepared,
        budget=study.budget,
        costs=study.costs(chosen),
        settings=chosen,
        shared=plan.shared,
        outcomes=outcomes,
        views=kept.once("views", lambda: _views(study, chosen)),
    )


def _views(study: Study, chosen: Mapping[str, Settings]) -> list[str]:
    """Lines of the table of learned views beside fixed ones and beside the augmenter left as it was drawn."""
    beside = [name for name in (FIXED, FROZEN) if name in chosen and LEARNED in chosen]
    runs = study.first({name: chosen[name] for name in (LEARNED, *beside)}) if beside else {}
    return contrasts_table(study.compared(runs, [(LEARNED, name) for name in beside])) if beside else []


def _train(job: tuple[Path, Settings]) -> None:
    folder, values = job
    kept_run(folder, configure(values), illustrate=False)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def _first(name: str, settings: Settings) -> str:
    return f"first, {name}, {_key(settings)}"


def _key(settings: Settings) -> str:
    return json.dumps(settings, sort_keys=True, default=list)


def begin(description: str | None, name: str, page: str) -> tuple[Study, Namespace]:
    """The study that a command line asks for, and its options."""
    parser = command_line(description, name, page=page, seeds=3)
    parser.add_argument("--minutes", type=float, default=4.0, help="of one thread, that SimCLR is given")
    parser.add_argument("--quick", action="store_true", help="small, on a simulated cohort; needs no --root")
    next(action for action in parser._actions if action.dest == "root").required = False
    options = parser.parse_args()
    plan = QUICK
    if options.quick:
        if options.runs == parser.get_default("runs"):
            options.runs = options.runs.with_name(f"{name}-quick")
        if options.out == parser.get_default("out"):
            options.out = options.runs / page
    else:
        if options.root is None:
            parser.error("--root is the folder with the recordings; or give --quick")
        base = {**REAL, "root": str(options.root)}
        plan = Plan(base, METHODS, options.minutes, first=range(1, 1 + options.seeds))
    kept = Kept(options.out.with_name("objectives.json"))
    return Study(plan, options.runs, kept, options.workers), options


def main() -> None:
    """Train what is missing, score, write page and figure."""
    study, options = begin(__doc__, "ecg-objectives", "objectives.md")
    write_overview(conduct(study), options.out)


if __name__ == "__main__":
    main()
