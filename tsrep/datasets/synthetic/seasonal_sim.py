"""Synthetic series with known periods, scale and noise, to see whether a measure finds what was planted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.signal import lfilter

from tsrep.datasets.dataset import About, Dataset, ReadOptions
from tsrep.errors import ConfigError, DataError
from tsrep.registry import DATASETS
from tsrep.rng import numpy_generator
from tsrep.signals.panel import digest_of
from tsrep.signals.series import Series

FIRST = np.datetime64("2020-01-01T00:00:00", "s")
Period = Annotated[int, Field(ge=2, le=10_000)]


@DATASETS.register("seasonal-sim")
@dataclass
class SeasonalSim(Dataset):
    """``x = scale * season + offset + trend * t + noise``, hourly, each channel drawn for itself.

    Parameters
    ----------
    form : str
        ``"sines"``: the season is ``sum_k sin(2 pi t / p_k + phase)``. ``"echo"``: it is noise that comes
        back, ``s_t = memory * mean_k s_(t - p_k) + e_t``, of variance 1.
    periods : tuple of int
        In steps; the first is the ``period`` of the series.
    steps, channels : int
    scale, offset : float
    trend : float
        Rise in 1,000 steps.
    noise : float
        Standard deviation of an AR(1) process that is added; 0 for none.
    noise_memory : float
        Its coefficient.
    memory : float
        Share of the season before that comes back, form ``"echo"`` only.
    seed : int

    Raises
    ------
    ConfigError
        When there is no period, or one is given twice.

    Notes
    -----
    Which steps a good forecast must read is known for ``"echo"`` alone. A sum of K sines obeys a linear
    recurrence of order 2K, so any 2K steps in a row foretell all others, and under noise the best weights
    spread over the whole look-back as sinusoids. In an echo without noise and trend the value h steps
    ahead, up to the shortest period, has ``memory / K`` times the values h - p_k steps after the last
    known one as its best forecast, nothing else in the past helps, and the error of that forecast has the
    variance of ``e``, :attr:`innovation`.
    """

    task = "series"
    about = About(
        title="Synthetic series with planted periods",
        licence="CC0 (made on this machine)",
        default_split="chronological",
        synthetic=True,
        notes="Sums of sines, or noise that comes back after each period (form echo). Nothing to download.",
    )

    form: Literal["sines", "echo"] = "sines"
    periods: tuple[Period, ...] = (24, 96)
    steps: Annotated[int, Field(ge=10, le=10_000_000)] = 6000
    channels: Annotated[int, Field(ge=1, le=10_000)] = 3
    scale: float = 1.0
    offset: float = 0.0
    trend: float = 0.0
    noise: Annotated[float, Field(ge=0)] = 0.1
    noise_memory: Annotated[float, Field(gt=-1, lt=1)] = 0.5
    memory: Annotated[float, Field(gt=0, le=0.99)] = 0.9
    seed: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if not self.periods or len(set(self.periods)) < len(self.periods):
            raise ConfigError(f"dataset.periods is {list(self.periods)}; give one period or more, each once")

    @property
    def innovation(self) -> float:
        """Variance of the part of an echo, before ``scale``, that nothing foretells."""
        impulse = np.zeros(self._fading)
        impulse[0] = 1
        return float(1 / np.sum(lfilter([1.0], self._recurrence, impulse) ** 2))

    def find(self, root: Path | str | None) -> Path:
        """Nothing is read from disk.

        Raises
        ------
        DataError
            When a ``root`` is given.
        """
        if root is not None:
            raise DataError(f"seasonal-sim is made from its settings and reads no files; leave out {root}")
        return Path()

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Series:
        """The series, a function of the settings alone."""
        del folder, options
        t = np.arange(self.steps)
        rows = [self._channel(c, t) for c in range(self.channels)]
        seconds = (3600 * t).astype("timedelta64[s]")
        planted = " and ".join(map(str, self.periods))
        return Series(
            values=np.array(rows, np.float32),
            time=FIRST + seconds,
            channels=tuple(f"s{c}" for c in range(self.channels)),
            freq="1 h",
            period=self.periods[0],
            source=f"synthetic {self.form} with period {planted}",
            digest=digest_of(sorted(vars(self).items())),
            synthetic=True,
        )

    def _channel(self, c: int, t: NDArray[Any]) -> NDArray[np.float64]:
        rng = numpy_generator(self.seed, "seasonal-sim", c)
        season = self._sines(rng, t) if self.form == "sines" else self._echo(rng)
        # an AR(1) process that starts in its stationary distribution
        own = math.sqrt(1 - self.noise_memory**2)
        drawn = rng.normal(size=self.steps) * np.where(t == 0, 1.0, own)
        noise = lfilter([1.0], [1.0, -self.noise_memory], drawn)
        drift = self.offset + self.trend * t / 1000
        return np.asarray(self.scale * season + drift + self.noise * noise)

    def _sines(self, rng: np.random.Generator, t: NDArray[Any]) -> NDArray[np.float64]:
        phase = rng.uniform(0, 2 * np.pi, len(self.periods))
        waves = [np.sin(2 * np.pi * t / p + shift) for p, shift in zip(self.periods, phase, strict=True)]
        return np.asarray(np.sum(waves, axis=0))

    def _echo(self, rng: np.random.Generator) -> NDArray[np.float64]:
        drawn = rng.normal(size=self._fading + self.steps) * math.sqrt(self.innovation)
        return np.asarray(lfilter([1.0], self._recurrence, drawn)[self._fading :])

    @property
    def _recurrence(self) -> NDArray[np.float64]:
        """``1 - sum_k memory / K * B^p_k``, as a filter has it."""
        coefficients = np.zeros(max(self.periods) + 1)
        coefficients[0] = 1
        for period in self.periods:
            coefficients[period] -= self.memory / len(self.periods)
        return coefficients

    @property
    def _fading(self) -> int:
        """Steps until a thousandth of what has been is left."""
        return math.ceil(math.log(1e-3) / math.log(self.memory)) * max(self.periods)
