"""Verdicts on the objectives that lead on real ECG at equal compute.

One command makes ``docs/results/finalists.md``; finished runs are kept and used again, so that it may be
stopped and started at any time (three to four hours on two cores)::

    .venv/bin/python studies/ecg_finalists.py --root DIR

It goes on from ``docs/results/objectives.json``, where ``ecg_objectives.py`` wrote down the settings of each
method, the best on validation patients, and the one primary contrast, chosen by validation scores alone. The
best four, SimCLR and COMET in the form of its paper are trained with fresh seeds, at equal operations and
at equal windows, and scored by two heads. ``--quick`` runs all of it small, on a simulated cohort.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from ecg_objectives import REFERENCE, RIVAL, Study, begin
from finalists_page import Finalists, write_finalists
from kept_runs import Kept
from method_contrasts import contrasts_table

from tsrep.errors import RunError
from tsrep.evaluation.comparison import Comparison
from tsrep.evaluation.difference import Difference
from tsrep.evaluation.scores import Scores
from tsrep.runs.folder import Run
from tsrep.studies.confirm.final_scores import alike


def conduct(study: Study) -> Finalists:
    """Train the finalists and score them."""
    plan, kept = study.plan, study.kept
    if "primary" not in kept.values:
        raise RunError(f"{kept.path} names no primary contrast; run studies/ecg_objectives.py first")
    primary = (kept.values["primary"][0], kept.values["primary"][1])
    finalists = list(dict.fromkeys([*study.ranked()[: plan.finalists], REFERENCE, *primary]))
    chosen = study.chosen()
    settings = {name: chosen[name] for name in finalists}
    contrasts = [primary, *((name, RIVAL) for name in finalists if name not in primary)]

    def at_equal_windows() -> list[str]:
        seeds = dict.fromkeys(finalists, plan.equal)
        runs = study.runs("equal-windows", settings, seeds, lambda _: study.budget.epochs)
        return contrasts_table(study.compared(runs, contrasts))

    equal = kept.once("equal windows", at_equal_windows)
    seeds = {name: plan.primary if name in primary else plan.others for name in finalists}
    runs = study.runs("second", settings, seeds, study.epochs)
    scored = Kept(kept.path.with_name("finalists.json"))
    scored.refuse_others("choice of finalists", [settings, seeds])
    told = kept.once("contrasts", lambda: [*map(asdict, study.compared(runs, contrasts, primary))])
    return Finalists(
        prepared=study.prepared,
        budget=study.budget,
        costs=study.costs(settings),
        scores=[*_scores(study, runs, scored)],
        contrasts=[Comparison(**each | {"difference": Difference(**each["difference"])}) for each in told],
        equal=equal,
    )


def _scores(study: Study, runs: Mapping[str, Sequence[Run]], kept: Kept) -> Iterator[Scores]:
    """By each head, which takes long: those of methods beside one random initialisation are kept together."""
    for head in study.plan.heads:
        for group in alike(runs):

            def scored(head: str = head, group: Mapping[str, Sequence[Run]] = group) -> str:
                (found,) = study.scores(group, [head])
                return found.to_json()

            yield Scores.from_json(kept.once(f"{head}, {', '.join(group)}", scored))


def main() -> None:
    """Train what is missing, score, write the page."""
    study, options = begin(__doc__, "ecg-objectives", "finalists.md")
    write_finalists(conduct(study), options.out)


if __name__ == "__main__":
    main()
