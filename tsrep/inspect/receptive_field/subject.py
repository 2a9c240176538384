"""What has a receptive field: forecaster, classifier or encoder; and windows to look at it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.inspect.receptive_field.field import ReceptiveField
from tsrep.inspect.receptive_field.gradients import GradOf, integrated_field, receptive_field
from tsrep.inspect.receptive_field.occlusion import occlusion_field
from tsrep.objectives.forecaster import Forecaster
from tsrep.objectives.objective import Objective
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.prepared import Prepared, evenly

Method = Literal["gradient", "integrated", "occlusion"]
MOST_STEPS = 96  # output steps of a map; more rows than that cannot be seen apart
ENCODER_STEPS = 12


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and the windows that it is looked at with.

    Attributes
    ----------
    model : Module
        ``model(x, *given) -> (batch, output, horizon)``.
    x : Tensor, shape (window, channel, time)
    given : tuple of Tensor
        Known covariates of the windows.
    target : Tensor, shape (window, channel, horizon), optional
        Truth, where the model forecasts.
    steps : list of int
        Positions on the horizon to look at.
    ahead : list of int
        Steps from the last input step to each position on the horizon.
    channels : tuple of str
        Of ``x``.
    period : int
        Steps of the main season; 1 for none.
    scale, axis, rows : float, str, str
        Length and unit of a step, and what output steps are called.
    apart : bool
        Whether each output depends on a channel of its own, so that one sum with random signs holds the
        gradients of all.
    """

    model: nn.Module
    x: Tensor
    given: tuple[Tensor, ...]
    target: Tensor | None
    steps: list[int]
    ahead: list[int]
    channels: tuple[str, ...]
    period: int
    scale: float
    axis: str
    rows: str = "steps ahead"
    apart: bool = False

    @property
    def forecasts(self) -> bool:
        """Whether the outputs are the channels of the input later on."""
        return self.target is not None

    def to(self, device: torch.device) -> Subject:
        """The same on a device."""
        self.model.to(device)
        return self._with_tensors(lambda values: values.to(device))

    def window(self, i: int) -> Subject:
        """The same model with one window."""
        return self._with_tensors(lambda values: values[i : i + 1])

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> Subject:
        target = None if self.target is None else change(self.target)
        return replace(self, x=change(self.x), given=tuple(map(change, self.given)), target=target)

    def field(self, method: Method, grad_of: GradOf = "output", seed: int = 0) -> ReceptiveField:
        """The receptive field of the model by one of the methods."""
        told: dict[str, Any] = {"steps": self.steps, "ahead": self.ahead}
        if method == "occlusion":
            return occlusion_field(self.model, self.x, self.given, **told)
        told |= {"seed": seed} | ({"exact": 0, "draws": 1} if self.apart else {})
        if method == "integrated":
            return integrated_field(self.model, self.x, self.given, **told)
        return receptive_field(self.model, self.x, self.given, target=self.target, grad_of=grad_of, **told)


class _Values(nn.Module):
    """A forecaster as a map of the values alone; covariates are given."""

    def __init__(self, forecaster: Forecaster) -> None:
        super().__init__()
        self.forecaster = forecaster

    def forward(self, values: Tensor, known: Tensor, ahead: Tensor) -> Tensor:
        return self.forecaster(torch.cat([known, values], dim=1), ahead)


class _Classes(nn.Module):
    """A classifier with a horizon of 1."""

    def __init__(self, encoder: Encoder, objective: Objective) -> None:
        super().__init__()
        self.encoder, self.objective = encoder, objective

    def forward(self, x: Tensor) -> Tensor:
        return self.objective.logits(self.encoder, x)[..., None]


def subject_of(
    loaded: LoadedEncoder, prepared: Prepared, *, part: str, windows: int, step: int | None
) -> Subject:
    """What was trained, with windows of a part at even distances.

    Parameters
    ----------
    loaded : LoadedEncoder
    prepared : Prepared
        Data as it is shown them.
    part : {"train", "validation", "test"}
    windows : int
        How many, if there are so many; windows with a missing value are left out.
    step : int, optional
        One step of the output, counted from 1; by default some at even distances.

    Raises
    ------
    RunError
        When there is no such step or part, or no window is complete.
    """
    encoder = loaded.encoder
    objective = loaded.objective(encoder)
    scale, axis = prepared.step
    told: dict[str, Any] = {"period": prepared.period, "scale": scale, "axis": axis}
    if objective is not None and objective.forecasts:
        lookback, horizon, covariates = objective.lookback, objective.horizon, prepared.panel.covariates
        _refuse_step(loaded, step, horizon)
        whole = torch.from_numpy(prepared.complete_windows(part, lookback, horizon, windows))
        known, values = whole[:, :covariates], whole[:, covariates:]
        return Subject(
            _Values(Forecaster(encoder, objective)).eval(),
            values[..., :lookback],
            (known[..., :lookback], known[..., lookback:]),
            values[..., lookback:],
            evenly(horizon, MOST_STEPS) if step is None else [step - 1],
            list(range(1, horizon + 1)),
            prepared.panel.channels[covariates:],
            apart=objective.independent,
            **told,
        )
    told |= {"channels": prepared.panel.channels, "rows": f"time of the output ({axis})"}
    length = prepared.encoded_steps(loaded.context)  # as when it is evaluated
    model: nn.Module = encoder
    stride = encoder.stride
    if objective is not None and objective.classifies:  # one output for the whole window
        model, stride = _Classes(encoder, objective).eval(), length
    outputs = max(length, stride) // stride
    _refuse_step(loaded, step, outputs)
    x = torch.from_numpy(prepared.complete_windows(part, outputs * stride, 0, windows))
    # last input step that each output step covers, counted from the end of the window
    ahead = [(j + 1 - outputs) * stride for j in range(outputs)]
    steps = prepared.output_steps(outputs, ENCODER_STEPS) if step is None else [step - 1]
    return Subject(model, x, (), None, steps, ahead, **told)


def _refuse_step(loaded: LoadedEncoder, step: int | None, outputs: int) -> None:
    if step is not None and not 1 <= step <= outputs:
        raise RunError(
            f"the output of {loaded.reference} has the steps 1 to {outputs}, so there is no step {step}"
        )
