"""The log odds of a class in one recording, shared out among its channels and steps."""

from __future__ import annotations

import copy
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tsrep.datasets.dataset import Unreadable
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.heads.head import Head
from tsrep.inspect.receptive_field.field import outputs, undisturbed
from tsrep.inspect.receptive_field.gradients import flattened, integrated_gradients
from tsrep.registry import nearest
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.predict.conversion import Conversion, Shown
from tsrep.runs.predict.encoding import Encoding
from tsrep.runs.predict.options import Options
from tsrep.runs.predict.predict import Session
from tsrep.runs.predict.reading import Opened, opened
from tsrep.runs.references.reference import resolve
from tsrep.signals.panel import Floats

POINTS = 64  # of the integral; networks of rectifiers have kinks along the way


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each value of a window adds to the log odds of a class.

    Attributes
    ----------
    record, label, head : str
        The recording, the class and the head that predicted it.
    probability : float
        Of the class in the whole recording, calibrated.
    log_odds, flat : float
        Uncalibrated ones of the window as recorded, and with every channel at its mean.
    start : float
        Seconds from the beginning of the recording to that of the window.
    sfreq : float
        Hz.
    channels : tuple of str
    signal : float32 array, shape (channel, time)
        As the encoder is shown it; its unit is that of standardised signals.
    share : float64 array, shape (channel, time)
        Sums to ``log_odds - flat``, up to the error of the integral.
    """

    record: str
    label: str
    head: str
    probability: float
    log_odds: float
    flat: float
    start: float
    sfreq: float
    channels: tuple[str, ...]
    signal: Floats
    share: NDArray[np.float64]

    @property
    def by_channel(self) -> dict[str, float]:
        """The sum over time for each channel."""
        return dict(zip(self.channels, self.share.sum(axis=1).tolist(), strict=True))

    def blocks(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums over blocks of time.

        Returns
        -------
        edges : float64 array, shape (block + 1,)
            Seconds from the beginning of the recording.
        share : float64 array, shape (channel, block)
        """
        size, steps = max(1, round(seconds * self.sfreq)), self.share.shape[1]
        first = np.arange(0, steps, size)
        edges = self.start + np.append(first, steps) / self.sfreq
        return edges, np.add.reduceat(self.share, first, axis=1)

    def __repr__(self) -> str:
        most = sorted(self.by_channel.items(), key=lambda one: -abs(one[1]))[:3]
        told = ", ".join(f"{name} {share:+.2f}" for name, share in most)
        return f"{self.record}: {self.label} {self.probability:.2f}; to the log odds add {told}"

    def _repr_html_(self) -> str:
        from tsrep.inspect.attribution.figure import figure_attribution
        from tsrep.inspect.figures.style import png

        data = b64encode(png(figure_attribution(self))).decode("ascii")
        return f'<img alt="{escape(repr(self))}" style="max-width: 100%" src="data:image/png;base64,{data}">'

    @property
    def facts(self) -> dict[str, Any]:
        """What it says in few numbers."""
        names = ("record", "label", "head", "probability", "log_odds", "flat", "start", "sfreq")
        missed = self.log_odds - self.flat - float(self.share.sum())
        seconds = self.signal.shape[1] / self.sfreq
        told = {name: getattr(self, name) for name in names}
        return told | {"seconds": seconds, "missed": missed, "channels": self.by_channel}


class LogOdds(nn.Module):
    """Windows to log odds of each class, shape (window, class, 1).

    Parameters
    ----------
    encoder : Encoder
    head : Head

    Raises
    ------
    RunError
        When the head has no gradient.
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        classifier = head.classifier.module()
        if classifier is None:
            raise RunError(
                f"head {head.name} ({head.kind}) has no gradient to attribute its predictions by; fit a "
                "linear one with tsrep evaluate RUN -p probe, and name it with --head"
            )
        self.encoder, self.classifier, self.pool = head.encoder(encoder), classifier, POOLS[head.pool]

    def forward(self, x: Tensor) -> Tensor:
        z = self.pool(self.encoder(x)).float()  # (window, feature)
        prob = self.classifier(z)  # (window, class), float64
        odds: Tensor = prob.clamp_min(1e-12).log() - (1 - prob).clamp_min(1e-12).log()
        return odds[..., None]


def attribute(
    encoder: Any,
    recording: Any = None,
    *,
    record: str | None = None,
    label: str | None = None,
    points: int = POINTS,
    **options: Any,
) -> Attribution:
    """Share the log odds of a class out among channels and steps, by integrated gradients.

    Of a recording that is cut into several windows it is the one in which the class is likeliest.

    Parameters
    ----------
    encoder : LoadedEncoder, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`; it needs a head.
    recording : str, Path or Panel, optional
        As :func:`tsrep.predict` takes it; by default the test part of the run's own data.
    record : str, optional
        Which of several recordings; by default the first.
    label : str, optional
        The class; by default the most probable one.
    points : int
        Of the integral between flat channels and the window.
    **options
        See :func:`tsrep.predict`, such as ``head``.

    Raises
    ------
    ConfigError
        When there is no such class.
    DataError
        When there is no such recording, or it cannot be used.
    RunError
        When the encoder has no head, or one without a gradient.

    References
    ----------
    Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017: completeness, here with
    every channel at its mean as the baseline.
    """
    session = _session(encoder, recording, options)
    head, loaded = session.head.of_classes(), session.loaded
    model = LogOdds(copy.deepcopy(loaded.encoder), head)
    which = None if label is None else _class(head, label)
    found = _opened(session, record)
    windows = _windows(found)
    encode = Encoding(loaded, head, batch_size=session.options.batch_size, device="cpu")
    parts = [encode(x) for x, *_ in windows]
    features = np.concatenate([z for z, _ in parts])
    whole = head.predict_proba(features, np.zeros(len(features), np.int64))[0]  # (class,)
    chosen = int(whole.argmax()) if which is None else which
    of_window = np.concatenate([prob[:, chosen] for _, prob in parts])
    x, start, sfreq, channels = _nth(windows, int(np.nanargmax(of_window)))
    ends, share = _shared(model, x, chosen, points)
    return Attribution(
        found.name,
        head.classes[chosen],
        head.name,
        float(whole[chosen]),
        *ends,
        start,
        sfreq,
        channels,
        x,
        share,
    )


def _session(encoder: Any, recording: Any, options: dict[str, Any]) -> Session:
    """What predicts, on the test part of the run's own data where no recording is named."""
    loaded = encoder if isinstance(encoder, LoadedEncoder) else resolve(encoder).open()
    if recording is None:
        recording = loaded.recipe.get("dataset", {}).get("name")
        options = {"part": "test"} | options
    if recording is None:
        raise ConfigError(f"{loaded.reference} does not say which data it was trained on; name a recording")
    return Session.start(loaded, recording, Options.of(**options))


def _class(head: Head, label: str) -> int:
    if label not in head.classes:
        raise ConfigError(f"head {head.name} has no class {label!r}; {nearest(label, list(head.classes))}")
    return head.classes.index(label)


def _opened(session: Session, record: str | None) -> Opened:
    """The recording that is asked for, its first slice converted."""
    recordings = session.source.recordings()
    found = next((each for each in recordings if record in (None, each.name)), None)
    if found is None:
        some = ", ".join(each.name for each in islice(session.source.recordings(), 3))
        raise DataError(f"{session.source.named} has no recording {record!r}; it begins with {some}")
    return opened(found, Conversion(session.loaded.contract, session.options.policies))


Part = tuple[Floats, NDArray[np.float64], float, tuple[str, ...]]  # windows, their starts (s), Hz, channels


def _windows(found: Opened) -> list[Part]:
    """All windows of a recording that have a finite value in every channel."""
    parts = []
    for shown in _slices(found):
        x = shown.windows.take(np.arange(len(shown.windows)))
        there = np.isfinite(x).any(axis=(1, 2))
        parts.append((x[there], shown.start[there], shown.windows.sfreq, shown.windows.channels))
    parts = [part for part in parts if len(part[0])]
    if not parts:
        raise DataError(f"{found.name} has no window that could be predicted; name another recording")
    return parts


def _slices(found: Opened) -> Iterator[Shown]:
    try:
        yield from found.slices()
    except Unreadable as error:
        raise DataError(f"{found.name} cannot be used: {error}") from error


def _nth(parts: list[Part], at: int) -> tuple[Floats, float, float, tuple[str, ...]]:
    for x, start, sfreq, channels in parts:
        if at < len(x):
            return x[at], float(start[at]), sfreq, channels
        at -= len(x)
    raise IndexError(at)


def _shared(
    model: LogOdds, window: Floats, chosen: int, points: int
) -> tuple[tuple[float, float], NDArray[np.float64]]:
    """Log odds as recorded and of flat channels, and the shares of the difference, shape (channel, time)."""
    x = torch.from_numpy(window)[None]
    with undisturbed(model):
        with torch.no_grad():
            ends = [float(outputs(model, each, ())[0, chosen, 0]) for each in (x, flattened(x))]
            pull = torch.zeros(1, outputs(model, x, ()).shape[1])
        pull[0, chosen] = 1
        share = integrated_gradients(model, x, [], [(0, pull)], points)[0, 0]
    return (ends[0], ends[1]), share.double().numpy()
