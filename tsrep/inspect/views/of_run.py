"""What a run's views do to its own samples: those that it trained with, and every fixed one beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from tsrep.errors import RunError
from tsrep.files import replacing
from tsrep.forecasting.joint_objective import Forecast
from tsrep.inspect.figures.style import rendered
from tsrep.inspect.views.figure import ViewExample, draw_views
from tsrep.inspect.views.gallery import gallery_of, learned_gallery, registered_views
from tsrep.objectives.autotcl import AutoTCL
from tsrep.objectives.objective import Objective
from tsrep.runs.folder import Run
from tsrep.runs.prepare import Prepared, prepare
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.signals import Panel
from tsrep.signals.panel import Floats
from tsrep.views.except_covariates import ExceptCovariates

LEARNED = 3  # samples that a learned view is shown on


def plot_views(
    run: Run | Path | str,
    *,
    out: Path | str | None = None,
    sample: int = 0,
    seed: int = 0,
    root: Path | str | None = None,
) -> Path:
    """Draw samples of the validation part before and after views; see :func:`run_views`.

    Parameters
    ----------
    run : Run or path of a run folder
    out : Path, optional
        Ends in ``.png``, ``.pdf`` or ``.svg``; by default ``figures/views.png`` in the run folder.
    sample, seed : int
        Which sample of the validation part, and of the draws.
    root : Path, optional
        Where the data are, if they have moved.

    Raises
    ------
    RunError
        When training has not ended, the data have changed, there is no such sample, or the file's ending
        is none of these.
    """
    run = run if isinstance(run, Run) else Run(run)
    path = run.path / "figures" / "views.png" if out is None else Path(out)
    kind = path.suffix.removeprefix(".").lower()
    if kind not in ("png", "pdf", "svg"):
        raise RunError(f"{path} does not end in .png, .pdf or .svg; name a file that does")
    figure = draw_run_views(run, sample=sample, seed=seed, root=root)
    with replacing(path) as temporary:
        temporary.write_bytes(rendered(figure, kind))
    return path


def draw_run_views(run: Run, *, sample: int = 0, seed: int = 0, root: Path | str | None = None) -> Figure:
    """The figure of :func:`plot_views`."""
    config = run.config
    if root is not None:
        config = config.model_copy(update={"root": Path(root).expanduser().resolve()})
    prepared = prepare(config, progress=False)
    run.refuse_other_data(prepared)
    examples = run_views(run, prepared, sample=sample, seed=seed)
    panel, title = prepared.panel, f"{config.objective.name} on {prepared.records.source}"
    if len(examples[0].channels) < len(panel.channels) - panel.covariates:
        title += f": {examples[0].channels[0]}"
    return draw_views(examples, title=title)


def run_views(
    run: Run, prepared: Prepared | PreparedSeries, *, sample: int = 0, seed: int = 0
) -> list[ViewExample]:
    """The run's own view on samples of its validation part, then every fixed view on the first of them.

    Of a run that forecasts, it is the view of its contrast, on look-backs as the encoder sees them; channels
    that are forecast independently are samples of their own.

    Raises
    ------
    RunError
        When training has not ended or there is no such sample.
    """
    objective = run.objective()
    count = len(prepared.split.validation) * _rows(prepared.panel, objective)
    if sample >= count:
        raise RunError(
            f"the validation part of {run.path} has {count} samples, so there is no sample {sample}; "
            f"choose one up to {count - 1}"
        )
    told: dict[str, Any] = {"covariates": prepared.panel.covariates, "seed": seed}
    if isinstance(objective, Forecast):
        told["covariates"] = objective.shown
    if isinstance(prepared, PreparedSeries):
        told["step"] = f"steps of {prepared.records.freq}"
    else:
        told["sfreq"] = prepared.panel.sfreq
    x, channels = _sample(prepared, objective, sample)
    own = _own(run, prepared, objective, sample, count, told)
    return own + gallery_of(registered_views(), x, channels=channels, **told)


def _own(
    run: Run,
    prepared: Prepared | PreparedSeries,
    objective: Objective,
    sample: int,
    count: int,
    told: dict[str, Any],
) -> list[ViewExample]:
    """The view that the run trained with, if it has one."""
    method, name = objective, run.config.objective.name
    if isinstance(objective, Forecast) and objective.contrast is not None:
        method, name = objective.contrast, run.config.objective.contrast.name
    if isinstance(method, AutoTCL):
        own: list[ViewExample] = []
        rows = _rows(prepared.panel, objective)
        windows = count // rows  # samples of other windows, of the same channel where each has its own
        steps = rows * np.arange(min(LEARNED, windows)) * max(1, windows // LEARNED)
        for i in ((sample + steps) % count).tolist():
            x, channels = _sample(prepared, objective, i)
            samples = {f"learned (sample {i})": x}
            own += learned_gallery(method.form.augmenter, samples, channels=channels, **told)
        return own
    view = getattr(method, "view", None)
    if view is None:
        return []
    x, channels = _sample(prepared, objective, sample)
    inner = view.view if isinstance(view, ExceptCovariates) else view
    return gallery_of({f"this run's {name}": inner}, x, channels=channels, **told)


def _rows(panel: Panel, objective: Objective) -> int:
    """Samples that views are given for one of the panel."""
    independent = isinstance(objective, Forecast) and objective.independent
    return len(panel.channels) - panel.covariates if independent else 1


@torch.no_grad()
def _sample(
    prepared: Prepared | PreparedSeries, objective: Objective, index: int
) -> tuple[Floats, tuple[str, ...]]:
    """A sample of the validation part as views are given it, and its channels, covariates first.

    Of a forecast that is the normalised look-back, of one channel after the other where they are independent.
    """
    panel = prepared.panel
    window, row = divmod(index, _rows(panel, objective))
    x = panel.take(prepared.split.validation[window : window + 1])
    if not isinstance(objective, Forecast):
        return x[0], panel.channels
    past, ahead, _ = objective.cut(torch.from_numpy(x))
    seen = objective.see(past, ahead).x[row, :, objective.skipped :]
    known = panel.channels[panel.covariates - objective.shown : panel.covariates]
    variates = panel.channels[panel.covariates :]
    return seen.numpy(), known + (variates[row : row + 1] if objective.independent else variates)
