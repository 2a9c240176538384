"""Finalists on the test part: each beside its own random initialisation, validation and test in one unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.conftest import TINY
from tsrep.errors import RunError
from tsrep.evaluation.labels.aggregate import by_record
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.metrics import metrics
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.runs.config_files import assemble
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.studies.confirm.final_scores import candidates, final_scores
from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.page.headline import _score

Runs = Mapping[str, Sequence[Run]]
METHODS: dict[str, dict[str, Any]] = {
    "narrow": {},
    "slow": {"training": {"lr": 1e-4}},  # begins as narrow does
    "wide": {"encoder": {"hidden": 8, "dim": 12}},
}


@pytest.fixture(scope="module")
def runs(data_cache: Path) -> Runs:
    shared = {"objective": "simclr", "training": {"epochs": 1}, "evaluation": {"protocols": ["probe"]}}

    def trained(name: str, seed: int) -> Run:
        config = assemble(TINY, shared, METHODS[name], {"seed": seed})
        return fit(config, out=data_cache / f"{name}-{seed}", progress=False, illustrate=False)

    return {name: [trained(name, seed) for seed in (0, 1)] for name in METHODS}


@pytest.fixture(scope="module")
def rows(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    found = final_scores(runs, tmp_path_factory.mktemp("scores"))
    return found[found["metric"] == "auroc"]


def of(rows: pd.DataFrame, finalist: str) -> pd.DataFrame:
    return rows[rows["finalist"] == finalist].sort_values("seed", ignore_index=True)


def test_each_finalist_stands_beside_random_initialisations_of_its_own_architecture(
    rows: pd.DataFrame, runs: Runs, tmp_path: Path
) -> None:
    shared, own = f"{RANDOM_INIT} of narrow and 1 more", f"{RANDOM_INIT} of wide"
    assert {name: set(of(rows, name)["against"]) for name in METHODS} == {
        "narrow": {shared}, "slow": {shared}, "wide": {own},
    }  # fmt: skip
    alone = final_scores({"wide": runs["wide"]}, tmp_path)
    alone = of(alone[alone["metric"] == "auroc"], RANDOM_INIT)
    assert of(rows, own)["test"].tolist() == alone["test"].tolist()
    assert of(rows, own)["test"].tolist() != of(rows, shared)["test"].tolist()
    for name in METHODS:
        found = of(rows, name)
        control = of(rows, found["against"].iloc[0])
        assert found["minus_random"].iloc[0] == pytest.approx(found["test"].mean() - control["test"].mean())
    assert of(rows, own)["minus_random"].isna().all()
    assert len(of(rows, "majority")) == 1  # once, though there are two architectures


def test_validation_and_test_are_of_the_same_models_and_the_same_unit(rows: pd.DataFrame, runs: Runs) -> None:
    run = runs["wide"][1]
    prepared = run.prepare()
    panel, split = prepared.panel, prepared.split
    x = run.task.evaluation(prepared, lambda _: None).embed(run.encoder())
    probe = fit_probe(
        x[split.train],
        panel.label[split.train],
        len(panel.classes),
        validation=(x[split.validation], panel.label[split.validation]),
    )
    for part in ("validation", "test"):
        at = getattr(split, part)
        each = Predictions(probe.predict(x[at]), panel.label[at], panel.patient[at], panel.trial[at])
        assert len(by_record(each, "mean")) < len(each)
        whole = by_record(each, "mean")
        assert of(rows, "wide")[part][1] == pytest.approx(metrics(whole.prob, whole.target)["auroc"])
    assert set(rows["unit"]) == {"record"}
    assert rows["validation"].notna().all()


def test_methods_with_different_encoders_have_no_control_in_common(runs: Runs) -> None:
    with pytest.raises(RunError, match="narrow and wide have different encoders"):
        candidates({name: runs[name] for name in ("narrow", "wide")}, runs["wide"][0].prepare().panel)


def test_the_headline_names_the_control_of_the_first_finalist_alone(rows: pd.DataFrame) -> None:
    told = rows.assign(task="ecg", origin="sampled", rank=1.0)
    control = ~told["finalist"].isin(list(METHODS))
    told.loc[control, ["origin", "rank"]] = ["control", np.nan]
    summary = Finalists(told).summary

    class Table:
        def loss(self, values: Any) -> Any:
            return -values

    text = _score(summary, "wide", "ecg", Table())  # type: ignore[arg-type]  # a stand-in
    assert f"{RANDOM_INIT} of wide" in text
    assert "majority" in text
    assert "of narrow" not in text
