"""The receptive field of a run: numbers and figures of what it trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from matplotlib.figure import Figure

from tsrep.errors import RunError
from tsrep.files import write_json
from tsrep.inspect.figures.style import file_kind, save_figure
from tsrep.inspect.receptive_field.field import ReceptiveField, outputs
from tsrep.inspect.receptive_field.figure import figure_receptive_fields
from tsrep.inspect.receptive_field.gradients import GradOf
from tsrep.inspect.receptive_field.samples_figure import Sample, figure_samples
from tsrep.inspect.receptive_field.scores import (
    NEAR,
    Estimate,
    Periodicity,
    comb,
    periodicity,
    plain_scores,
    refuse_unscorable,
    scale_scores,
    shape_scores,
)
from tsrep.inspect.receptive_field.subject import Method, Subject, subject_of
from tsrep.registry import nearest
from tsrep.runs.folder import Run
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.naming import short_name
from tsrep.runs.prepared import Prepared
from tsrep.runs.references.reference import Reference, resolve
from tsrep.runs.shown import figure_folder, looked_at
from tsrep.training.distributed import pick_device

SHOWN, MOST_CHANNELS = 2, 4  # samples, and channels of each, with their mass beneath


@dataclass(frozen=True)
class Settings:
    """How a run is looked at; see :func:`plot_receptive_field`."""

    step: int | None = None
    method: Method = "gradient"
    grad_of: GradOf = "output"
    windows: int = 64
    part: str = "validation"
    period: int | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Looked:
    """An encoder looked at: its model and windows, its receptive field and the scores of it."""

    loaded: LoadedEncoder
    subject: Subject
    field: ReceptiveField
    scores: dict[str, Estimate]
    period: Periodicity | None = None

    @property
    def note(self) -> str:
        """The scores that a figure tells; a line may end between two of them, not within one."""
        found, period = self.scores, self.period
        told = [f"90 % in {_pm(found['width 90'])} steps", f"centre at lag {_pm(found['centre'])}"]
        if period is not None:
            p = f"p = {period.p:.2g}" if np.isfinite(period.p) else "like recency"
            told.append(f"period {period.period}: {period.ratio.value:.1f} × chance ({p})")
        if self.subject.forecasts:
            told.append(f"scale degree {_pm(found['scale degree'], '.2f')}")
        return "\N{NO-BREAK SPACE}· ".join(score.replace(" ", "\N{NO-BREAK SPACE}") for score in told)


def plot_receptive_field(
    encoder: Reference | Run | Path | str,
    *,
    step: int | None = None,
    compare: Reference | Run | Path | str | None = None,
    method: Method = "gradient",
    grad_of: GradOf = "output",
    windows: int = 64,
    part: str = "validation",
    period: int | None = None,
    seed: int = 0,
    dataset: str | Mapping[str, Any] | None = None,
    root: Path | str | None = None,
    out: Path | str | None = None,
    **other: Any,
) -> Path:
    """Plot which input steps a run answers to, and write the numbers beside the figure.

    Of a run that forecasts it is the forecaster that is looked at, of a supervised one the classifier, of
    any other the encoder: some steps of its output on recordings, the last one on a series.

    Parameters
    ----------
    encoder : Reference, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.
    step : int, optional
        One step of the output, from 1, instead of all (at most 96 at even distances).
    compare : Reference, Run, path or text, optional
        Another one to plot beside it on one colour scale.
    method : {"gradient", "integrated", "occlusion"}
        See :mod:`tsrep.inspect.receptive_field.gradients` and ``occlusion``.
    grad_of : {"output", "loss"}
        For the gradient of a forecaster only; ``"loss"`` is the published measure.
    windows : int
        Of the part, at even distances; those with missing values are left out. Where they overlap, standard
        errors are too small.
    part : {"train", "validation", "test"}
    period : int, optional
        In steps, to mark and to score; by default the main season of the series, of the first of two.
    seed : int
        Of random signs, gains and shifts.
    dataset : str or mapping, optional
        Other data than those of the run, converted by the encoder's contract.
    root : Path, optional
        Where the data are; of a run's own if they have moved.
    out : Path, optional
        Ends in ``.png``, ``.pdf`` or ``.svg``. By default ``figures/receptive-field.png`` in the run folder,
        of other data where you are, with a PDF of the same name. Options that are not the default are
        appended: ``-step-12-occlusion``.
    **other
        Of other data; see :meth:`tsrep.runs.other_data.OtherData.of`.

    Returns
    -------
    Path
        Of the figure. Beside it: scores (``.json``), masses (``.npz``), and single windows with their mass
        (``-samples``).

    Raises
    ------
    RunError
        When training has not ended, the data have changed, there is no such step, part or ending of a file,
        or the loss of something that does not forecast is asked for.
    ConfigError
        When the given period is too short or too long to be scored.
    """
    for what, value, known in (("method", method, get_args(Method)), ("grad_of", grad_of, get_args(GradOf))):
        if value not in known:
            raise RunError(f"unknown {what} {value!r}; {nearest(value, list(known))}")
    if windows < 1:
        raise RunError(f"a receptive field needs a window or more, got windows={windows}")
    references = [resolve(each) for each in (encoder, compare) if each is not None]
    settings = Settings(step, method, grad_of, windows, part, period, seed)
    folder = Path() if out is not None else figure_folder(references[0], dataset)
    path, kinds = _places(references, out, settings, folder)
    given = {"dataset": dataset, "root": root} | other
    first = look(*looked_at(references[0], **given), settings)
    if period is not None:
        refuse_unscorable(first.field, period)
    settings = replace(settings, period=period or first.subject.period)  # both are scored by one
    every = [first, *(look(*looked_at(one, **given), settings) for one in references[1:])]
    looked = dict(zip(_names(references), every, strict=True))
    maps, samples = _maps(looked, settings.period), _samples(first, settings)
    for kind in kinds:
        save_figure(maps, path.with_suffix(f".{kind}"))
        save_figure(samples, path.with_name(f"{path.stem}-samples.{kind}"))
    for name, one in looked.items():
        own = "" if one is first else f"-{name}"
        one.field.save(path.with_name(f"{path.stem}{own}.npz"))
    numbers = {name: _plain(one) for name, one in looked.items()}
    write_json(path.with_suffix(".json"), {"settings": asdict(settings), "runs": numbers})
    return path


def look(loaded: LoadedEncoder, prepared: Prepared, settings: Settings) -> Looked:
    """The numbers of :func:`plot_receptive_field`, without a figure."""
    method, grad_of, seed = settings.method, settings.grad_of, settings.seed
    subject = subject_of(
        loaded, prepared, part=settings.part, windows=settings.windows, step=settings.step
    ).to(pick_device(loaded.device))
    if grad_of == "loss" and (not subject.forecasts or method != "gradient"):
        raise RunError(
            f"the loss is that of a forecast and goes with the method gradient ({loaded.reference} with "
            f"{method}); "
            "leave grad_of at output"
        )
    field = subject.field(method, grad_of, seed)
    scale = scale_scores(subject.model, subject.x, subject.given, forecasts=subject.forecasts, seed=seed)
    main = settings.period or subject.period
    reached = main >= 2 * NEAR + 3 and comb(field.each.shape[-1], field.ahead, main).any()
    found = periodicity(field, main) if reached else None
    return Looked(loaded, subject, field, shape_scores(field) | scale, found)


def _maps(looked: Mapping[str, Looked], period: int | None) -> Figure:
    first = next(iter(looked.values())).subject
    return figure_receptive_fields(
        {name: one.field for name, one in looked.items()},
        period=None if period == 1 else period,
        notes={name: one.note for name, one in looked.items()},
        channels=first.channels,
        scale=first.scale,
        axis=first.axis,
        rows=first.rows,
    )


def _samples(looked: Looked, settings: Settings) -> Figure:
    """Some windows with their own mass beneath, at the middle one of the output steps looked at."""
    whole = looked.subject
    step = whole.steps[len(whole.steps) // 2]
    subject = replace(whole, steps=[step])
    chosen = np.unique(np.linspace(0, len(subject.x) - 1, SHOWN + 2).round().astype(int)[1:-1]).tolist()
    shown = slice(max(0, len(subject.channels) - MOST_CHANNELS), None)
    samples = []
    for i in chosen:
        one = subject.window(i)
        mass = one.field(settings.method, settings.grad_of, settings.seed).mass[0, shown, ::-1]
        future = {}
        if one.target is not None:
            with torch.no_grad():
                y = outputs(one.model, one.x, one.given)
            told = {"truth": one.target, "forecast": y}
            future = {name: values[0].cpu().numpy()[shown] for name, values in told.items()}
        name = f"window {i + 1} of {len(subject.x)}"
        name += f", mass of output step {step + 1}" if len(subject.ahead) > 1 else ""
        signal = one.x[0].cpu().numpy()[shown]
        samples.append(Sample(name, subject.channels[shown], signal, mass, future, step + 1))
    return figure_samples(samples, scale=subject.scale, axis=subject.axis)


def _plain(looked: Looked) -> dict[str, Any]:
    field, found, loaded = looked.field, looked.period, looked.loaded
    periods = {} if found is None else {f"period {found.period}": found}
    return {
        "run": loaded.reference,
        "objective": loaded.name or loaded.reference,
        "forecasts": looked.subject.forecasts,
        "encoder": loaded.encoder_name,
        "method": field.method,
        "windows": field.windows,
        "lags": field.each.shape[-1],
        "ahead": field.ahead.tolist(),
        "scores": plain_scores({**looked.scores, **periods}),
    }


def _names(references: list[Reference]) -> list[str]:
    names = [short_name(one.text) for one in references]
    if len(set(names)) == len(names):
        return names
    paths = [Path(one.text).resolve() for one in references]
    return [f"{path.parent.name}-{path.name}-{i}" for i, path in enumerate(paths, 1)]


def _places(
    references: list[Reference], out: Path | str | None, settings: Settings, folder: Path
) -> tuple[Path, list[str]]:
    """The figure's path, and the kinds of file to write."""
    if out is not None:
        return Path(out), [file_kind(Path(out))]
    name = f"receptive-field-vs-{_names(references)[1]}" if len(references) > 1 else "receptive-field"
    name += "" if settings.step is None else f"-step-{settings.step}"
    name += "" if settings.method == "gradient" else f"-{settings.method}"
    name += "-loss" if settings.grad_of == "loss" else ""
    return folder / f"{name}.png", ["png", "pdf"]


def _pm(score: Estimate, digits: str = ".1f") -> str:
    error = f" ± {score.error:{digits}}" if np.isfinite(score.error) else ""
    return f"{score.value:{digits}}{error}"
