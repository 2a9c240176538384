"""Runs learn and are judged by known labels alone; training without labels still sees every sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import TINY
from tsrep.api import fit
from tsrep.datasets.dataset import Dataset
from tsrep.datasets.synthetic.ptb_xl_sim import PtbXlSim
from tsrep.errors import DataError, TsrepError
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import configure
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import PanelTask
from tsrep.runs.training_parts import training_part
from tsrep.signals import Panel
from tsrep.training.distributed import ALONE

CPU = torch.device("cpu")
Known = Callable[[Panel], np.ndarray]
PROBED = TINY | {"training": {**TINY["training"], "keep": "probe"}}
SUPERVISED = TINY | {"objective": {"name": "supervised"}}


def prepared(
    settings: dict[str, Any], known: Known | None, value: bool = False
) -> tuple[PanelTask, Prepared]:
    """A run's data, with a value in place of every label that is not known."""
    task = PanelTask(configure(settings))
    panel: Panel = task.load(progress=False)
    if known is not None:
        mask = known(panel)
        panel = replace(panel, label=np.where(mask, panel.label, value), known=mask)
    return task, task.prepared(panel)


def some(panel: Panel) -> np.ndarray:
    """All but one class of every third patient."""
    mask = np.ones(panel.label.shape, bool)
    mask[panel.patient % 3 == 0, 0] = False
    return mask


def silent(panel: Panel) -> np.ndarray:
    """All but the first class."""
    mask = np.ones(panel.label.shape, bool)
    mask[:, 0] = False
    return mask


def none(panel: Panel) -> np.ndarray:
    return np.zeros(panel.label.shape, bool)


def test_labels_are_learned_where_they_are_known() -> None:
    task, data = prepared(SUPERVISED, some)
    index = data.split.train
    part = training_part(task.config, data, index, CPU, ALONE)
    assert len(part.tensors) == len(index)  # each states a class at least
    batch = part.tensors.batch(np.arange(len(index)))
    assert batch.known is not None
    np.testing.assert_array_equal(batch.known.numpy(), some(data.panel)[index])
    task, data = prepared(TINY, some)
    assert len(training_part(task.config, data, index, CPU, ALONE).tensors) == len(index)


def test_the_validation_probe_does_not_see_unknown_labels() -> None:
    values = []
    for value in (False, True):
        task, data = prepared(PROBED, some, value)
        assert isinstance(data, PreparedPanel)
        encoder = new_encoder(task.config, data.panel, 0)
        objective = new_objective(task.config, encoder, data.panel, 0)
        score, _ = task.validation_score(data, objective, CPU)
        assert score is not None
        values.append(score(encoder, objective))
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            SUPERVISED,
            "objective supervised learns from labels, and .* no sample whose labels are known",
        ),
        (SUPERVISED | {"known": silent}, "no training sample states whether it has CD, so nothing can be"),
        (PROBED, "no label of the training part is known, so no probe can choose the epoch"),
    ],
)
def test_runs_that_need_labels_are_refused_without_any(settings: dict[str, Any], message: str) -> None:
    settings = dict(settings)
    task, data = prepared(settings, settings.pop("known", none))
    encoder = new_encoder(task.config, data.panel, 0)
    objective = new_objective(task.config, encoder, data.panel, 0)
    with pytest.raises(TsrepError, match=message):
        task.refuse_unmet_needs(encoder, objective, data)


def test_training_without_labels_needs_none_but_a_score_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = PtbXlSim.load

    def without_labels(self: Dataset, *given: Any, **settings: Any) -> Panel:
        panel = read(self, *given, **settings)  # type: ignore[arg-type]
        return replace(panel, known=none(panel))

    monkeypatch.setattr(PtbXlSim, "load", without_labels)
    settings = TINY | {"training": {"epochs": 1, "batch_size": 64, "log_score": True}}
    with pytest.raises(DataError, match="no label of the train part is known"):
        fit(settings, out=tmp_path / "refused", progress=False, evaluation=True)
    assert not (tmp_path / "refused").exists()
    assert fit(settings, out=tmp_path / "run", progress=False, evaluation=False).finished
