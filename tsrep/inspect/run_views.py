"""What a run's views do to its own samples: those that it trained with, and every fixed one beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tsrep.errors import RunError
from tsrep.files import replacing
from tsrep.inspect.draw_views import ViewExample, draw_views
from tsrep.inspect.style import rendered
from tsrep.inspect.view_gallery import gallery_of, learned_gallery, registered_views
from tsrep.objectives.autotcl import AutoTCL
from tsrep.runs.folder import Run
from tsrep.runs.prepare import Prepared, prepare
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.views.sparing import Sparing

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
    return draw_views(examples, title=f"{config.objective.name} on {prepared.records.source}")


def run_views(
    run: Run, prepared: Prepared | PreparedSeries, *, sample: int = 0, seed: int = 0
) -> list[ViewExample]:
    """The run's own view on samples of its validation part, then every fixed view on the first of them.

    Raises
    ------
    RunError
        When training has not ended or there is no such sample.
    """
    panel, held, objective = prepared.panel, prepared.split.validation, run.objective()
    if sample >= len(held):
        raise RunError(
            f"the validation part of {run.path} has {len(held)} samples, so there is no sample {sample}; "
            f"choose one up to {len(held) - 1}"
        )
    told: dict[str, Any] = {"channels": panel.channels, "covariates": panel.covariates, "seed": seed}
    if isinstance(prepared, PreparedSeries):
        told["step"] = f"steps of {prepared.records.freq}"
    else:
        told["sfreq"] = panel.sfreq
    x = panel.take(np.array([held[sample]]))[0]
    own: list[ViewExample] = []
    if isinstance(objective, AutoTCL):
        chosen = (sample + np.arange(min(LEARNED, len(held))) * max(1, len(held) // LEARNED)) % len(held)
        samples = {f"learned (sample {i})": panel.take(held[i : i + 1])[0] for i in chosen.tolist()}
        own = learned_gallery(objective.form.augmenter, samples, **told)
    elif (view := getattr(objective, "view", None)) is not None:
        inner = view.view if isinstance(view, Sparing) else view
        own = gallery_of({f"this run's {run.config.objective.name}": inner}, x, **told)
    return own + gallery_of(registered_views(), x, **told)
