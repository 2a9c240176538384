"""A fitted forecaster as plain facts and tensors, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tsrep.estimators.forecasting import Fitted, Scale, blank_forecaster, series_configuration
from tsrep.estimators.saving import Stored
from tsrep.estimators.series_index import index_as_json, index_from_json
from tsrep.estimators.state import load_prefixed, prefixed
from tsrep.objectives.forecaster import Forecaster


def stored_fit(fitted: Fitted) -> Stored:
    """Facts and tensors of what was fitted."""
    facts = {
        "horizon": fitted.model.horizon,
        "held": fitted.held,
        "index": index_as_json(fitted.seen.index),
        "columns": [c.item() if isinstance(c, np.generic) else c for c in fitted.seen.columns],
    }
    arrays = {"mean": fitted.scale.mean, "std": fitted.scale.std, "seen": fitted.seen.to_numpy(np.float64)}
    tensors = {name: torch.tensor(value) for name, value in arrays.items()}
    return facts, tensors | prefixed("model", fitted.model)


def restored_fit(estimator: Any, facts: dict[str, Any], tensors: dict[str, Tensor]) -> Fitted:
    """What :func:`stored_fit` was told."""
    named = facts["columns"]
    columns = pd.Index(named) if named != [0] else pd.RangeIndex(1)
    seen = pd.DataFrame(tensors["seen"].numpy(), index=index_from_json(facts["index"]), columns=columns)
    model = restored_model(estimator, "model", facts["horizon"], len(columns), tensors)
    return Fitted(model, Scale(tensors["mean"].numpy(), tensors["std"].numpy()), seen, facts["held"])


def restored_model(
    estimator: Any, prefix: str, horizon: int, channels: int, tensors: dict[str, Tensor]
) -> Forecaster:
    """A forecaster by the parameters of an estimator, with stored weights."""
    model = blank_forecaster(series_configuration(estimator, horizon), channels)
    load_prefixed(prefix, model, tensors)
    return model
