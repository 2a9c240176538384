"""What a run's views do to its own samples: those that it trained with, and every fixed one beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsrep.errors import RunError
from tsrep.inspect.figures.style import file_kind, save_figure
from tsrep.inspect.views.figure import Floats, ViewExample, figure_views
from tsrep.objectives.objective import ViewInput
from tsrep.registry import VIEWS
from tsrep.rng import torch_generator
from tsrep.runs.folder import Run
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.prepared import Prepared
from tsrep.runs.references.reference import Reference, resolve
from tsrep.runs.shown import figure_folder, looked_at
from tsrep.views.combined import ExceptCovariates
from tsrep.views.view import View

LEARNED = 3  # samples that a learned view is shown on


class Unknown:
    """In place of the objective of an encoder that came without one: it has no views of its own."""

    def view_input(self, x: Tensor, channels: Sequence[str], covariates: int) -> ViewInput:
        """See :meth:`tsrep.objectives.objective.Objective.view_input`."""
        return ViewInput(x, [tuple(channels)], covariates)

    def own_view(self) -> None:
        """None."""

    def augmenter(self) -> None:
        """None."""


@dataclass(frozen=True, eq=False)
class ViewSample:
    """A signal as views are given it.

    Attributes
    ----------
    x : array, shape (covariate + channel, time)
    channels : tuple of str
        Names of all of them.
    covariates : int
        Leading channels that no view alters; they are left out of the figure.
    step : (float, str)
        Length of a step of the time axis, and its unit.
    """

    x: Floats
    channels: tuple[str, ...]
    covariates: int = 0
    step: tuple[float, str] = (1.0, "steps")

    def example(
        self, name: str, view: Floats, mask: Floats | None = None, gain: Floats | None = None
    ) -> ViewExample:
        """The signal beside a view of it."""
        length, axis = self.step
        time, shown = np.arange(self.x.shape[1]) * length, slice(self.covariates, None)
        return ViewExample(name, time, axis, self.channels[shown], self.x[shown], view[shown], mask, gain)


def plot_views(
    encoder: Reference | Run | Path | str,
    *,
    out: Path | str | None = None,
    sample: int = 0,
    seed: int = 0,
    dataset: str | Mapping[str, Any] | None = None,
    root: Path | str | None = None,
    **settings: Any,
) -> Path:
    """Plot samples of the validation part before and after views; see :func:`views_of`.

    Parameters
    ----------
    encoder : Reference, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.
    out : Path, optional
        Ends in ``.png``, ``.pdf`` or ``.svg``; by default ``figures/views.png`` in the run folder, and of
        other data ``views.png`` where you are.
    sample, seed : int
        Which sample of the validation part, and the seed of the views.
    dataset : str or mapping, optional
        Other data than those of the run, converted by the encoder's contract.
    root : Path, optional
        Where the data are; of a run's own if they have moved.
    **settings
        See :meth:`tsrep.runs.other_data.OtherData.of`.

    Raises
    ------
    RunError
        When training has not ended, the data have changed, there is no such sample, or the file's ending
        is none of these.
    """
    reference = resolve(encoder)
    path = Path(out) if out is not None else figure_folder(reference, dataset) / "views.png"
    file_kind(path)
    loaded, prepared = looked_at(reference, dataset, root=root, **settings)
    examples = views_of(loaded, prepared, sample=sample, seed=seed)
    title, panel = f"{loaded.name or loaded.reference} on {prepared.source}", prepared.panel
    if len(examples[0].channels) < len(panel.channels) - panel.covariates:
        title += f": {examples[0].channels[0]}"
    save_figure(figure_views(examples, title=title), path)
    return path


def views_of(
    loaded: LoadedEncoder, prepared: Prepared, *, sample: int = 0, seed: int = 0
) -> list[ViewExample]:
    """The view that an encoder was trained with on samples of the validation part, then every fixed view.

    Fixed views are of the first sample. Of a run that forecasts, the own view is that of its contrast, on
    look-backs as the encoder sees them; channels that are forecast independently are samples of their own.

    Raises
    ------
    RunError
        When there is no such sample.
    """
    objective = loaded.objective(loaded.encoder) or Unknown()
    panel, held = prepared.panel, prepared.split.validation

    @torch.no_grad()
    def rows_of(window: int) -> list[ViewSample]:
        x = torch.from_numpy(panel.take(held[window : window + 1]))
        seen = objective.view_input(x, panel.channels, panel.covariates)
        return [
            ViewSample(x.numpy(), channels, seen.covariates, prepared.step)
            for x, channels in zip(seen.x, seen.channels, strict=True)
        ]

    rows = len(rows_of(0)) if len(held) else 0
    if sample >= len(held) * rows:
        raise RunError(
            f"the validation part of {prepared.source} has {len(held) * rows} samples, so there is no sample "
            f"{sample}; choose one up to {len(held) * rows - 1}"
        )
    window, row = divmod(sample, rows)
    first = rows_of(window)[row]
    own: list[ViewExample] = []
    if (view := objective.own_view()) is not None:
        own = gallery_of({"this run's view": view}, first, seed=seed)
    if (augmenter := objective.augmenter()) is not None:
        # samples of other windows, of the same channel where each has its own
        steps = np.arange(min(LEARNED, len(held))) * max(1, len(held) // LEARNED)
        windows = ((window + steps) % len(held)).tolist()
        samples = {f"learned (sample {w * rows + row})": rows_of(w)[row] for w in windows}
        own += learned_gallery(augmenter, samples, seed=seed)
    fixed = {name: ExceptCovariates(view, first.covariates) for name, view in registered_views().items()}
    return own + gallery_of(fixed, first, seed=seed)


def registered_views() -> dict[str, View]:
    """Every registered view that needs nothing from a run, with its default settings."""
    plain = [name for name in VIEWS.names() if not VIEWS.entry(name).runtime]
    return {name: VIEWS.build({"name": name}) for name in plain}


def gallery_of(views: Mapping[str, View], sample: ViewSample, *, seed: int = 0) -> list[ViewExample]:
    """The same signal under several views, each with the same random numbers whatever stands beside it.

    Parameters
    ----------
    views : mapping of str to View
        In the order of the gallery.
    sample : ViewSample
    seed : int
    """
    signal = torch.as_tensor(np.array(sample.x, np.float32))[None]
    return [
        sample.example(name, view(signal, generator=torch_generator(seed, "view gallery", name))[0].numpy())
        for name, view in views.items()
    ]


def learned_gallery(
    augmenter: torch.nn.Module, samples: Mapping[str, ViewSample], *, seed: int = 0
) -> list[ViewExample]:
    """Several signals under a learned view, with the mask and the gain that it chose for each.

    Parameters
    ----------
    augmenter : Augmenter
    samples : mapping of str to ViewSample
        By the name of their row.
    seed : int
    """
    device = next(augmenter.parameters()).device
    examples = []
    for name, sample in samples.items():
        signal = torch.as_tensor(np.array(sample.x, np.float32), device=device)[None]
        generator = torch_generator(seed, "view gallery", name, device=device)
        with torch.no_grad():
            made = augmenter(signal, generator=generator)
        view, mask, gain = (value[0].float().cpu().numpy() for value in (made.view, made.mask, made.gain))
        if len(mask) == len(sample.channels):  # the released form masks covariates too
            mask, gain = mask[sample.covariates :], gain[sample.covariates :]
        examples.append(sample.example(name, view, mask, gain))
    return examples
