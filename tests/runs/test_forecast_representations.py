"""What encoder and views of a forecasting run show: look-backs as the encoder sees them, by channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsrep
from tests.forecasting.daily_series import CHANNELS, HORIZON, LOOKBACK, STEPS, settings, write_daily
from tsrep.errors import ConfigError, RunError
from tsrep.forecasting.joint_objective import Forecast
from tsrep.inspect.views.of_run import views_of
from tsrep.runs.embed import embed
from tsrep.runs.fit import fit
from tsrep.runs.task import prepare

AUTOTCL = {"name": "autotcl", "trunk": {"name": "dilated-conv", "hidden": 4, "dim": 4, "depth": 1}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_daily(tmp_path_factory.mktemp("series"))


def trained(root: Path, out: Path, **changes: Any) -> tsrep.Run:
    return fit(settings(root, training={"epochs": 1}, **changes), out=out, progress=False)


@pytest.mark.parametrize(
    ("mixing", "variables", "instances"),
    [("independent", "all", CHANNELS), ("mixed", "all", 1), ("independent", "each", CHANNELS)],
)
def test_a_step_is_embedded_by_its_look_back_as_the_forecast_sees_it(
    root: Path, tmp_path: Path, mixing: str, variables: str, instances: int
) -> None:
    changes = {"dataset": {"variables": variables}, "objective": {"mixing": mixing, "calendar": True}}
    run = trained(root, tmp_path / "run", **changes)
    found = embed(run, tsrep.load("series-csv", root))
    assert found.x.shape == (instances, STEPS, 5)
    assert found.ids["instances"].tolist() == (["v0", "v1"] if instances > 1 else ["v0 v1"])
    assert np.isfinite(found.x).all()

    prepared = prepare(run.config, progress=False)
    encoder = run.encoder()
    objective = run.objective(encoder)
    assert isinstance(objective, Forecast)
    step = 200
    x = torch.stack([torch.from_numpy(series.x) for series in prepared.instances])  # type: ignore[union-attr]  # a series
    past = x[..., step - LOOKBACK + 1 : step + 1]
    with torch.no_grad():
        z = encoder(objective.look_backs.see(past).x)[..., -1]
    np.testing.assert_allclose(found.x[:, step], z.numpy(), atol=1e-6)


def test_no_embedding_rests_on_the_future(root: Path, tmp_path: Path) -> None:
    run = trained(root, tmp_path / "run")
    other = tsrep.load("series-csv", write_daily(tmp_path / "other", later=9.0))
    one, two = (embed(run, series).x for series in (tsrep.load("series-csv", root), other))
    before = STEPS - STEPS // 5
    np.testing.assert_array_equal(one[:, :before], two[:, :before])
    assert not np.allclose(one[:, before:], two[:, before:])


@pytest.mark.parametrize(
    ("contrast", "own"),
    [(None, 0), ("moco", 1), (AUTOTCL, 3)],
)
@pytest.mark.parametrize("mixing", ["independent", "mixed"])
def test_views_are_those_of_the_contrast_on_look_backs(
    root: Path, tmp_path: Path, contrast: Any, own: int, mixing: str
) -> None:
    changes = {"contrast": contrast, "weight": 0.5, "mixing": mixing}
    run = trained(root, tmp_path / "run", objective=changes)
    prepared = prepare(run.config, progress=False)
    examples = views_of(run.loaded(), prepared, sample=1)
    fixed = [example for example in examples if not example.name.startswith(("learned", "this run's"))]
    assert len(examples) - len(fixed) == own
    shown = ("v1",) if mixing == "independent" else ("v0", "v1")
    assert all(example.channels == shown for example in examples)
    assert fixed[0].original.shape == (len(shown), LOOKBACK)
    held = prepared.panel.take(prepared.split.validation[:2])[:, prepared.panel.covariates :, :LOOKBACK]
    sample = held[0, 1:] if mixing == "independent" else held[1]
    level, scale = sample.mean(axis=1, keepdims=True), np.sqrt(sample.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(fixed[0].original, (sample - level) / scale, atol=1e-5)
    count = len(prepared.split.validation) * (CHANNELS if mixing == "independent" else 1)
    views_of(run.loaded(), prepared, sample=count - 1)
    with pytest.raises(RunError, match=f"has {count} samples"):
        views_of(run.loaded(), prepared, sample=count)


def test_a_test_part_too_short_for_the_horizon_is_refused_before_the_folder_is_made(
    root: Path, tmp_path: Path
) -> None:
    split = {"name": "chronological", "train": 0.8, "validation": 0.185}
    with pytest.raises(ConfigError, match=f"too few for a horizon of {HORIZON}"):
        trained(root, tmp_path / "run", split=split)
    assert not (tmp_path / "run").exists()
