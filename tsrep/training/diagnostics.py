"""How representations lie while they are trained: alignment, uniformity, tolerance, rank, similarities.

The numbers describe pooled representations of a few fixed windows of validation patients, the same at every
validation, and need no label but for the tolerance. They choose nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import pool
from tsrep.objectives.objective import Objective
from tsrep.rng import numpy_generator, torch_generator
from tsrep.sampling.batches import PanelTensors
from tsrep.signals import Panel
from tsrep.signals.panel import Ints
from tsrep.splits.split import Split
from tsrep.views.amplitude import Jitter, Scale
from tsrep.views.combined import Compose, ExceptCovariates
from tsrep.views.timing import WindowSlice

Array = NDArray[np.float64]
KINDS = ("other", "same label", "same patient")  # of two different windows
BINS = np.linspace(-1, 1, 51)  # of cosines
FEWEST, MOST = 64, 2048  # windows
AN_EPOCH = 30  # training windows for each window that is looked at; see benchmarks/diagnostics.py
A_PATIENT = 4  # windows at most
AT_ONCE = 256
DEAD = 1e-3  # of the median standard deviation


@dataclass(eq=False)
class Diagnostics:
    """Numbers on the representations of some fixed windows, made anew at each validation.

    Parameters
    ----------
    panel : Panel
        The windows, one of each recording.
    pooling : str
        From one vector a step to one vector a window.
    seed : int
        Of the two views that a quarter of the windows is seen in.
    device : torch.device
    amp : bool
        Encode in bfloat16.
    """

    panel: Panel
    pooling: str
    seed: int
    device: torch.device
    amp: bool = False

    def __post_init__(self) -> None:
        self._kinds = kinds_of_pairs(self.panel)
        self._tensors = PanelTensors(self.panel, self.device)

    @classmethod
    def of(
        cls, panel: Panel, split: Split, *, pooling: str, seed: int, device: torch.device, amp: bool = False
    ) -> Diagnostics | None:
        """Those of a run; None where there are not two windows to compare.

        Parameters
        ----------
        panel : Panel
            Standardised windows.
        split : Split
            Validation patients are looked at, or training patients where there are none.
        """
        part = split.validation if len(split.validation) else split.train
        most = int(np.clip(len(split.train) // AN_EPOCH, FEWEST, MOST))
        chosen = panel.select(fixed_windows(panel, part, most, seed))
        return cls(chosen, pooling, seed, device, amp) if len(chosen) > 1 else None

    @torch.no_grad()
    def __call__(self, encoder: Encoder, objective: Objective | None) -> dict[str, Any]:
        """The numbers; see :func:`geometry` and :func:`of_views`.

        Parameters
        ----------
        encoder : Encoder
            In evaluation mode.
        objective : Objective or None
            Whose fixed view alters the windows; without one they are cut, scaled and get noise.
        """
        generator = torch_generator(self.seed, "views of diagnostics", device=self.device)
        general = Compose((WindowSlice(0.7), Scale(0.2), Jitter(0.05)))
        own = None if objective is None else objective.own_view()
        view = own if own is not None else ExceptCovariates(general, self.panel.covariates)
        some = self._tensors.batch(np.arange(-(-len(self.panel) // 4))).x  # (pair, channel, time)
        first, second = (self._encoded(encoder, view(some, generator=generator)) for _ in range(2))
        rows = [
            self._encoded(encoder, self._tensors.batch(index).x)
            for index in np.array_split(np.arange(len(self.panel)), -(-len(self.panel) // AT_ONCE))
        ]
        if not all(np.isfinite(part).all() for part in (first, second, *rows)):
            return {}  # training is about to end with the reason
        found = geometry(np.concatenate(rows), self._kinds)
        return found | of_views(first, second, found.pop("negatives")) | {"own_view": own is not None}

    def _encoded(self, encoder: Encoder, x: Tensor) -> Array:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
            rows = pool(encoder(x), self.pooling)
        return np.asarray(rows.float().cpu().numpy(), np.float64)


def fixed_windows(panel: Panel, part: Ints, most: int, seed: int) -> Ints:
    """One random window of each recording, of a patient no more than four, in random order.

    Parameters
    ----------
    panel : Panel
    part : int64 array, shape (sample,)
        Windows to draw from.
    most : int
    seed : int

    Returns
    -------
    int64 array, shape (at most ``most``,)
    """
    order = numpy_generator(seed, "diagnostics").permutation(part)
    order = order[np.sort(np.unique(panel.trial[order], return_index=True)[1])]
    patient = panel.patient[order]
    by_patient = np.argsort(patient, kind="stable")
    first = np.searchsorted(patient[by_patient], patient[by_patient])
    rank = np.empty(len(order), np.int64)  # among the windows of the same patient
    rank[by_patient] = np.arange(len(order)) - first
    return order[rank < A_PATIENT][:most]


def kinds_of_pairs(panel: Panel) -> NDArray[np.int8]:
    """What each pair of different windows has in common, shape (pair,), as places in :data:`KINDS`.

    Of several labels one in common is enough; a label that is not known is no common one.
    """
    first, second = np.triu_indices(len(panel), 1)
    known, label = panel.labelled, panel.label
    if panel.multilabel:
        common = (label.astype(np.float32) @ label.T.astype(np.float32) > 0)[first, second]
    else:
        common = label[first] == label[second]
    kind = (common & known[first] & known[second]).astype(np.int8)
    kind[panel.patient[first] == panel.patient[second]] = 2
    return kind


def unit_rows(h: Array) -> Array:
    """Rows of unit length; one of zeros stays as it is."""
    length = np.linalg.norm(h, axis=1, keepdims=True)
    return np.asarray(h / np.where(length > 0, length, 1))


def uniformity(cosine: Array) -> float | None:
    """``log mean exp(-2 d^2)`` over pairs, by their cosines; 0 where all are one point, -4 at right angles.

    References
    ----------
    Wang and Isola, ICML 2020, equation 3 with t = 2.
    """
    return float(np.log(np.exp(4 * (cosine - 1)).mean())) if len(cosine) else None


def effective_rank(singular: Array) -> float:
    """Exponential of the entropy of the singular values' shares; 0 where all are 0.

    References
    ----------
    Roy and Vetterli, "The effective rank", EUSIPCO 2007, equation 3.
    """
    share = singular[singular > 0] / max(singular.sum(), np.finfo(float).tiny)
    return float(np.exp(-(share * np.log(share)).sum())) if len(share) else 0.0


def geometry(h: Array, kinds: NDArray[np.int8]) -> dict[str, Any]:
    """Numbers on clean windows.

    Parameters
    ----------
    h : float64 array, shape (window, dim)
        Representations.
    kinds : int8 array, shape (pair,)
        See :func:`kinds_of_pairs`.

    Returns
    -------
    dict
        ``uniformity`` over windows of different patients; mean cosines ``tolerance`` (one label, different
        patients), ``patient_tolerance`` (one patient), ``negative_mean`` with ``negative_sd`` (all pairs) and
        ``hardest_mean`` with ``hardest_sd`` (of each window the nearest other one); ``spread``, 0 where all
        windows are one point and 1 where their mean is zero; of the centred representations
        ``effective_rank``, ``participation_ratio`` and ``first_share`` (variance along the first axis);
        ``dead_dimensions`` and ``dead_rows``, which do not vary and are zero; ``windows`` and ``dim``; counts
        of cosines ``histograms``; and for :func:`of_views` the sorted cosines ``negatives``. None where no
        pair is of a kind.
    """
    u, deviation = unit_rows(h), h.std(axis=0)
    gram = u @ u.T  # (window, window)
    cosine = gram[np.triu_indices(len(u), 1)].clip(-1, 1)  # (pair,)
    np.fill_diagonal(gram, -np.inf)
    nearest = gram.max(axis=1)
    singular = np.linalg.svd(h - h.mean(axis=0), compute_uv=False)
    singular[singular <= 1e-7 * np.abs(h).max(initial=0)] = 0  # what rounding leaves of equal rows
    power = singular**2
    by_kind = [cosine[kinds == number] for number in range(len(KINDS))]
    return {
        "uniformity": uniformity(cosine[kinds != KINDS.index("same patient")]),
        "tolerance": _mean(by_kind[1]),
        "patient_tolerance": _mean(by_kind[2]),
        "negative_mean": float(cosine.mean()),
        "negative_sd": float(cosine.std()),
        "hardest_mean": float(nearest.mean()),
        "hardest_sd": float(nearest.std()),
        "spread": float(np.sqrt(u.shape[1]) * u.std(axis=0).mean()),
        "effective_rank": effective_rank(singular),
        "participation_ratio": float(power.sum() ** 2 / (power**2).sum()) if power.any() else 0.0,
        "first_share": float(power[0] / power.sum()) if power.any() else 0.0,
        "dead_dimensions": int((deviation <= DEAD * np.median(deviation)).sum()),
        "dead_rows": int((h == 0).all(axis=1).sum()),
        "windows": len(h),
        "dim": h.shape[1],
        "histograms": {name: _counts(each) for name, each in zip(KINDS, by_kind, strict=True)},
        "negatives": np.sort(cosine),
    }


def of_views(first: Array, second: Array, negatives: Array) -> dict[str, Any]:
    """Numbers on pairs of views of a window.

    Parameters
    ----------
    first, second : float64 arrays, shape (window, dim)
    negatives : float64 array, shape (pair,), ascending
        Cosines of different windows.

    Returns
    -------
    dict
        ``alignment`` (mean squared distance), mean cosine ``positive_mean`` with ``positive_sd``,
        ``separation`` (AUROC of positive against negative cosines), ``retrieval`` (share of views whose
        nearest other view is of the same window), ``pairs``, and counts ``positives``.
    """
    one, other = unit_rows(first), unit_rows(second)
    cosine = (one * other).sum(axis=1).clip(-1, 1)
    below = np.searchsorted(negatives, cosine) + np.searchsorted(negatives, cosine, "right")
    gram = one @ other.T  # (window, window)
    beaten = (gram >= np.diag(gram)[:, None]).sum(axis=1) == 1  # by nobody but the partner itself
    return {
        "alignment": float(((one - other) ** 2).sum(axis=1).mean()),
        "positive_mean": float(cosine.mean()),
        "positive_sd": float(cosine.std()),
        "separation": float(below.mean() / 2 / len(negatives)),
        "retrieval": float(beaten.mean()),
        "pairs": len(cosine),
        "positives": _counts(cosine),
    }


def _mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None


def _counts(cosine: Array) -> list[int]:
    counts: list[int] = np.histogram(cosine, BINS)[0].tolist()
    return counts
