"""Representations of the steps of a series from a frozen encoder, and a quick error of theirs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.sliding import sliding_last_step
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.embedding import evaluating
from tsrep.evaluation.forecasts.ridge import Regression, choose_alpha, fit_paths
from tsrep.evaluation.forecasts.rows import complete_ahead, origins, subsample
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans
from tsrep.signals.series import Series
from tsrep.splits.by_time import TimeSplit

AT_ONCE = 256  # windows that are encoded together


def encode(
    encoder: Encoder,
    instances: Sequence[Series],
    *,
    context: int,
    stop: int,
    device: torch.device | str = "cpu",
    first: int = 0,
    at_once: int = AT_ONCE,
) -> list[Array]:
    """Representation of every step up to ``stop``, each from its own past alone.

    Parameters
    ----------
    encoder : Encoder
        On ``device`` already; it is in evaluation mode meanwhile and keeps its state.
    instances : sequence of Series
        Standardised as the encoder was trained.
    context : int
        Earlier steps in a window, in steps.
    stop : int
        Step after the last one.
    device : torch.device or str
    first : int
        First step to represent; the ones before it become NaN.
    at_once : int
        Windows held in memory together.

    Returns
    -------
    list of float32 arrays, shape (time, dim)
        One for each instance.
    """
    with evaluating(encoder), torch.inference_mode():
        features = []
        for series in instances:
            x = torch.from_numpy(series.x[None, :, :stop]).to(device)
            z = sliding_last_step(encoder, x, context, first=first, at_once=at_once)[0].mT
            rows = np.full((stop, encoder.dim), np.nan, np.float32)
            rows[first:] = z.float().cpu().numpy()
            features.append(rows)
    return features


def encode_steps(
    encoder: Encoder,
    instances: Sequence[Series],
    steps: Array,
    *,
    context: int,
    device: torch.device | str = "cpu",
) -> list[Array]:
    """Representation of some steps only; all others are NaN.

    Parameters
    ----------
    steps : int array, shape (row,)
    encoder, instances, context, device
        As in :func:`encode`.

    Returns
    -------
    list of float32 arrays, shape (last step + 1, dim)
    """
    with evaluating(encoder), torch.inference_mode():
        read, features = encoder.last_step_reader(), []
        for series in instances:
            padded = np.pad(series.x, ((0, 0), (context, 0)), constant_values=np.nan)
            windows = np.lib.stride_tricks.sliding_window_view(padded, context + 1, axis=1).swapaxes(0, 1)
            rows = np.full((int(steps.max()) + 1, encoder.dim), np.nan, np.float32)
            for part in np.array_split(steps, -(-len(steps) // AT_ONCE)):
                rows[part] = read(torch.from_numpy(windows[part]).to(device)).float().cpu().numpy()
            features.append(rows)
    return features


def validation_error(
    encoder: Encoder,
    instances: Sequence[Series],
    split: TimeSplit,
    settings: ForecastSettings,
    *,
    stride: int = 1,
    device: torch.device | str = "cpu",
) -> float:
    """Mean over the horizons of the validation mean squared error, to choose between checkpoints by.

    A ridge is fitted on every ``stride``-th training step; its penalty is chosen and its error taken on the
    same validation steps, every ``stride``-th one. The test part is not touched.

    Raises
    ------
    ConfigError
        When training or validation part is too short for the longest horizon.
    DataError
        When gaps leave nothing to fit or to score.
    """
    EvaluationSpans(split, "test").check_fitted(settings)
    fit = {h: origins(split.train, h, skip=settings.skipped, stride=stride) for h in settings.horizons}
    choose = {h: origins(split.validation, h, stride=stride) for h in settings.horizons}
    steps = np.concatenate([each[min(settings.horizons)] for each in (fit, choose)])
    features = encode_steps(encoder, instances, steps, context=settings.context, device=device)
    values = [series.values[:, : split.validation[1]] for series in instances]
    regression = Regression(lambda instance, rows: features[instance][rows], values)
    rows = {
        h: subsample([each[complete_ahead(v, h)[each]] for v in values], settings.largest)
        for h, each in fit.items()
    }
    errors = []
    for h, path in fit_paths(regression, rows):
        held = subsample([choose[h]] * len(values), settings.largest)
        errors.append(choose_alpha(path, regression, held, h, settings.alphas).mse)
    return float(np.mean(errors))
