"""The comparison of objectives at equal compute: budgets, the choice before scoring, and its page."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tsrep.errors import RunError

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture(scope="module")
def programs() -> Iterator[Any]:
    """Modules of the program, which lies outside of the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STUDIES))
        import ecg_finalists
        import ecg_objectives
        import equal_compute
        import finalists_page
        import objectives_page

        modules = ecg_objectives, equal_compute, objectives_page, ecg_finalists, finalists_page
        yield modules
    for name in (*(module.__name__ for module in modules), "kept_runs", "method_contrasts", "results_page"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def study(programs: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Both parts of a plan with two methods, their smallest encoders, and one learning rate."""
    program = programs[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "RATES", (1e-3,))
        quick = program.QUICK
        identity = {
            "observation_weight": 0.0,
            "sample_weight": 0.0,
            "patient_weight": 0.5,
            "trial_weight": 0.5,
        }
        choices = {"simclr": ({},), "comet-masked": (identity,)}
        methods = {name: replace(quick.methods[name], choices=own) for name, own in choices.items()}
        few = {"dataset": {"patients": 40}, "window": {"seconds": 2.5}, "evaluation": {"labels": [1.0]}}
        base = program.merged(dict(quick.base), few)
        seeds = {"first": (1,), "primary": (10,), "others": (10,), "equal": (10,)}
        plan = replace(quick, base=base, methods=methods, **seeds)
        folder = tmp_path_factory.mktemp("objectives")
        made = program.Study(plan, folder, program.Kept(folder / "objectives.json"), workers=1)
        with pytest.raises(RunError, match="names no primary contrast"):
            programs[3].conduct(made)
        yield made, program.conduct(made), programs[3].conduct(made)


def test_every_configuration_of_what_is_registered_is_valid(programs: Any) -> None:
    from tsrep.registry import OBJECTIVES
    from tsrep.runs.config import configure, merged

    program = programs[0]
    for method in program.METHODS.values():
        if method.objective["name"] in OBJECTIVES.names():
            assert 1 <= len(method.tried()) <= 6
            for own in method.tried():
                configure(merged(dict(program.REAL), dict(own)))


def test_a_budget_pays_for_fewer_epochs_of_what_costs_more(programs: Any, tmp_path: Path) -> None:
    compute = programs[1]
    reference = compute.Cost(operations=10.0, seconds=0.5, steps=40)
    kept = programs[0].Kept(tmp_path / "objectives.json")

    def budget_of(cost: Any) -> Any:
        told = kept.once("budget", lambda: asdict(compute.Budget.measured(cost, minutes=4)))
        return compute.Budget(**told)

    budget = budget_of(reference)
    assert budget == compute.Budget(operations=4800.0, epochs=12)
    assert budget.epochs_of(reference) == 12
    assert budget.epochs_of(replace(reference, operations=30.0)) == 4
    assert budget.epochs_of(replace(reference, operations=3.0), 0.25) == 10
    assert budget.epochs_of(replace(reference, operations=1e9)) == 1
    slower = replace(reference, seconds=9.0)
    assert budget_of(slower) == budget  # as it was measured
    assert programs[0].Kept(kept.path).values == {"budget": asdict(budget)}


@pytest.mark.long
def test_operations_are_those_of_two_views_forward_and_twice_as_many_backward(study: Any) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from tsrep.runs.build import new_encoder

    made, *_ = study
    settings = made.plan.methods["simclr"].tried()[0]
    cost, config = made.cost(settings), made.configuration(settings, 0, 1)
    panel = made.prepared.panel
    with FlopCounterMode(display=False) as counter:
        new_encoder(config, panel, 0)(torch.zeros(2 * 64, len(panel.channels), panel.length))
    head = 2 * 128 * (8 * 256 + 256 * 128)  # of the projection, for two views of 64 samples
    assert cost.operations == pytest.approx(3 * (counter.get_total_flops() + head), rel=0.1)
    assert made.budget.operations == cost.epoch * made.budget.epochs


@pytest.mark.long
def test_the_primary_contrast_is_named_by_validation_alone_and_stays(programs: Any, study: Any) -> None:
    made, first, last = study
    named = json.loads((made.folder / "objectives.json").read_text())
    assert named["primary"] == ["simclr", "comet-masked"]
    assert named["validation"] == {name: each.validation for name, each in first.outcomes.items()}
    other = programs[0].Kept(made.folder / "objectives.json")
    assert other.once("primary", lambda: ["fixed view", "comet-masked"]) == named["primary"]
    assert [each.primary for each in last.contrasts] == [True]


@pytest.mark.long
def test_a_second_start_trains_nothing(
    programs: Any, study: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, found, _ = study
    kept = programs[0].Kept(made.kept.path)  # as written down, in a folder without runs
    again = programs[0].conduct(programs[0].Study(made.plan, tmp_path, kept, workers=1))
    assert again.settings == found.settings
    assert again.outcomes.keys() == {"simclr", "comet-masked"}
    for name, outcome in again.outcomes.items():
        np.testing.assert_equal(np.array(outcome.values), np.array(found.outcomes[name].values))
        assert outcome.validation == found.outcomes[name].validation
    made.first(found.settings)  # runs that are there
    assert "trained" not in capsys.readouterr().out


@pytest.mark.long
def test_what_another_plan_has_measured_is_not_used(programs: Any, study: Any, tmp_path: Path) -> None:
    made, *_ = study
    with pytest.raises(RunError, match="was made with another plan; remove it, or give another --out"):
        programs[0].Study(replace(made.plan, minutes=9.0), tmp_path, made.kept, workers=1)


@pytest.mark.long
def test_what_a_run_is_made_of_can_be_sent_to_another_process(study: Any) -> None:
    made, found, _ = study
    values = made.values(found.settings["comet-masked"], 1, 2)
    assert pickle.loads(pickle.dumps(values)) == values


@pytest.mark.long
def test_the_page_has_every_table_and_its_figure(programs: Any, study: Any, tmp_path: Path) -> None:
    programs[2].write_overview(study[1], tmp_path / "objectives.md")
    programs[4].write_finalists(study[2], tmp_path / "finalists.md")
    text = "".join(path.read_text() for path in tmp_path.glob("*.md"))
    for heading in ("All methods", "Cost", "Scores", "Contrasts", "Representations"):
        assert f"## {heading}" in text
    assert "simclr − comet-masked (primary)" in text
    assert (tmp_path / "objectives.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (0.02, 0.01, 0.03, "Use simclr rather than comet-masked"),
        (-0.02, -0.03, -0.01, "Use comet-masked rather than simclr"),
        (0.02, -0.01, 0.05, "No objective is shown to be better than comet-masked"),
    ],
)
def test_sentences_say_what_the_numbers_say(
    programs: Any, study: Any, value: float, low: float, high: float, words: str
) -> None:
    found = study[2]
    first = found.contrasts[0]
    gap = replace(first.difference, value=value, low=low, high=high)
    altered = replace(found, contrasts=[replace(first, difference=gap)])
    assert programs[4].sentences(altered)[0].startswith(words)
