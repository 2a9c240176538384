"""Encoders of diagonal state space layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

from torch import Tensor, nn

from tsrep.encoders.encoder import UNBOUNDED, Encoder, Positive, SlowParameters, StemWeight, without_missing
from tsrep.encoders.state_space import (
    Discretisation,
    Limit,
    StateSpaceBlock,
    StateSpaceSettings,
    StepSize,
)
from tsrep.encoders.state_space_starts import Start
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS

Norm = Literal["pre", "post"]


class StateSpaceEncoder(Encoder):
    """A stem that shortens the signal, blocks of state spaces over its output, and a linear map.

    Parameters
    ----------
    stem : Module
        Maps (batch, channel, time) to (batch, width, time // stride) and sees no step after a stride's last.
    width, dim, stride, depth : int
    norm : {"pre", "post"}
    settings : StateSpaceSettings

    Notes
    -----
    A step of the stem without a kept step is zero, but the states ring on over it. A step can depend on all
    steps before it, so ``receptive_field`` is ``UNBOUNDED``.
    """

    def __init__(
        self,
        stem: nn.Sequential,
        *,
        width: int,
        dim: int,
        stride: int,
        depth: int,
        norm: Norm,
        settings: StateSpaceSettings,
    ) -> None:
        super().__init__()
        self.dim, self.stride, self.causal = dim, stride, not settings.bidirectional
        self.receptive_field, self.latent_dim = UNBOUNDED, width
        self.stem = stem
        self.blocks = nn.ModuleList(StateSpaceBlock(width, settings, norm) for _ in range(depth))
        self.output = nn.Linear(width, dim)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        return self.context(self.latent(x, keep))

    def latent(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Output of the stem; see :meth:`Encoder.latent`."""
        x, keep = without_missing(x, keep)
        kept = keep.unfold(-1, self.stride, self.stride).any(-1)  # (batch, time // stride)
        latent: Tensor = self.stem(x * keep[:, None]) * kept[:, None]
        return latent

    def context(self, latent: Tensor) -> Tensor:
        """Representation from the output of the stem; see :meth:`Encoder.context`."""
        for block in self.blocks:
            latent = block(latent)
        z: Tensor = self.output(latent.mT).mT
        return z

    def start(self, batch: int) -> list[Tensor]:
        """State of :meth:`step` before the first step.

        Raises
        ------
        ConfigError
            When later steps are needed too.
        """
        if not self.causal:
            raise ConfigError(
                "a bidirectional encoder needs the whole signal and cannot go step by step; train one with "
                "bidirectional set to false"
            )
        return [block.start(batch) for block in self._blocks()]

    def step(self, latent: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Representation of one step from the stem's output there and the state before it.

        Parameters
        ----------
        latent : Tensor, shape (batch, width)
        state : list of Tensor
            Of :meth:`start`, or what the step before gave.

        Returns
        -------
        Tensor, shape (batch, dim)
        list of Tensor
        """
        after = []
        for block, before in zip(self._blocks(), state, strict=True):
            latent, state_after = block.step(latent, before)
            after.append(state_after)
        return self.output(latent), after

    def slow_parameters(self) -> list[SlowParameters]:
        """Decays, frequencies and step sizes; see :meth:`Encoder.slow_parameters`."""
        groups = (block.space.slow_parameters() for block in self._blocks())
        return [group for group in groups if group.parameters]

    def _blocks(self) -> Iterable[StateSpaceBlock]:
        return cast("Iterable[StateSpaceBlock]", self.blocks)

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("stem.0.weight")]


@ENCODERS.register("s4d", runtime=("channels",))
class S4D(StateSpaceEncoder):
    """Diagonal state spaces, computed as long convolutions, over a linear map of patches of the signal.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    width : int
        State spaces in each block.
    dim : int, optional
        Width of the representation; that of a block when missing.
    depth : int
        Blocks.
    stride : int
        Steps of a patch; patches do not overlap.
    states : int
        Pairs of conjugate states of each state space.
    start : str
        Of the states: ``"lin"``, ``"inv"``, ``"legs"`` or ``"real"`` (no oscillation).
    discretisation : str
        ``"zoh"`` (input held over a step) or ``"bilinear"``.
    step_sizes : (float, float)
        Limits of the step sizes at the start, in unit times per step of the stem. A state of ``"lin"``
        with number ``n`` turns ``n / 2`` times per unit time and halves in 1.4 unit times.
    band_limit : float or null
        States that turn faster than this share of the Nyquist frequency are silent; null lets them alias.
    bidirectional : bool
        Whether a step sees later ones too.
    norm : str
        ``"pre"`` normalises the input of each state space, ``"post"`` the output of each block, by which
        the amplitude of the signal is lost.
    trained_states : bool
        Whether decays, frequencies and step sizes are trained: at a learning rate of at most 0.001, without
        weight decay.

    References
    ----------
    Gu et al., "On the parameterization and initialization of diagonal state space models", NeurIPS 2022
    (S4D). Deviations: no dropout, and a linear map at the end.
    """

    def __init__(
        self,
        channels: int,
        width: Positive = 64,
        dim: Positive | None = None,
        depth: Positive = 4,
        stride: Positive = 4,
        states: Positive = 4,
        start: Start = "lin",
        discretisation: Discretisation = "zoh",
        step_sizes: tuple[StepSize, StepSize] = (1e-3, 1e-1),
        band_limit: Limit = None,
        bidirectional: bool = False,
        norm: Norm = "pre",
        trained_states: bool = True,
    ) -> None:
        settings = StateSpaceSettings(
            states, start, discretisation, step_sizes, band_limit, bidirectional, trained_states
        )
        stem = nn.Sequential(nn.Conv1d(channels, width, stride, stride=stride))
        super().__init__(
            stem, width=width, dim=dim or width, stride=stride, depth=depth, norm=norm, settings=settings
        )
