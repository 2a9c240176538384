"""Whether scores of recordings tell which of them an encoder was trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import Pooling, pool
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.metrics import Scorer
from tsrep.objectives.objective import Objective
from tsrep.rng import torch_generator
from tsrep.sampling.batches import PanelTensors
from tsrep.signals.panel import Ints, Panel
from tsrep.views.amplitude import Jitter, Scale
from tsrep.views.combined import Compose, ExceptCovariates
from tsrep.views.timing import WindowSlice

VIEWS, DRAWS = 10, 8  # of a window; of the random numbers of a loss
AROUND = 16  # windows of other people that a recording is contrasted with
FALSE = 0.01  # share of non-members that may be taken for members


@torch.no_grad()
def agreement(
    encoder: Encoder,
    objective: Objective | None,
    panel: Panel,
    pooling: Pooling,
    *,
    seed: int,
    device: torch.device,
) -> Array:
    """Mean cosine of representations of ten views, shape (window,).

    Parameters
    ----------
    encoder : Encoder
    objective : Objective or None
        Whose fixed view is taken; without one windows are cut, scaled and get noise.
    panel : Panel
        Windows.
    pooling : str
    seed : int
    device : torch.device

    References
    ----------
    Liu et al., "EncoderMI: membership inference against pre-trained encoders in contrastive learning", CCS
    2021.
    """
    own = None if objective is None else objective.own_view()
    general = ExceptCovariates(Compose((WindowSlice(0.7), Scale(0.2), Jitter(0.05))), panel.covariates)
    view, tensors = own or general, PanelTensors(panel, device)
    generator = torch_generator(seed, "membership views", device=device)
    found = []
    for index in np.array_split(np.arange(len(panel)), -(-len(panel) // 128)):
        x = tensors.batch(index).x
        rows = torch.stack(
            [_unit(pool(encoder(view(x, generator=generator)), pooling)) for _ in range(VIEWS)]
        )
        total = rows.sum(dim=0).square().sum(dim=1)  # of all cosines, those of a view with itself among them
        found.append(((total - VIEWS) / (VIEWS * (VIEWS - 1))).cpu().numpy())
    return np.concatenate(found).astype(float)


def _unit(z: Tensor) -> Tensor:
    return torch.nn.functional.normalize(z.float(), dim=1)


@torch.no_grad()
def minus_loss(
    encoder: Encoder,
    objective: Objective,
    panel: Panel,
    index: Ints,
    around: Ints,
    *,
    seed: int,
    device: torch.device,
) -> Array:
    """Minus the objective's loss of each recording among windows of other people, shape (recording,).

    A contrast needs others, so that the windows of a recording stand in one batch with always the same
    windows of people who are neither members nor compared; random numbers are the same for each recording,
    and eight draws of them are averaged.

    Parameters
    ----------
    encoder, objective : Encoder, Objective
    panel : Panel
    index : int64 array, shape (window,)
        Windows of the recordings.
    around : int64 array, shape (window,)
        Others, of whose recordings the first windows of sixteen are taken.
    seed : int
    device : torch.device
    """
    others = around[np.unique(panel.trial[around], return_index=True)[1]][:AROUND]
    trial, tensors = panel.trial[index], PanelTensors(panel, device)
    found = []
    for each in np.unique(trial):
        batch = tensors.batch(np.concatenate([index[trial == each], others]))
        losses = []
        for draw in range(DRAWS):
            generator = torch_generator(seed, "membership loss", draw, device=device)
            terms = objective(encoder, batch, generator=generator)
            losses.append(sum(float(value) for value in terms.values()))
        found.append(-np.mean(losses))
    return np.array(found)


def likelihood_ratio(scores: Array, member: Array) -> Array:
    """Scores relative to those of the other encoders that did not see the recording.

    Parameters
    ----------
    scores : float array, shape (encoder, recording)
    member : bool array, shape (encoder, recording)

    Returns
    -------
    float64 array, shape (encoder, recording)
        Standard deviations above the mean of the others; NaN where fewer than two others did not see it.

    References
    ----------
    Carlini et al., "Membership inference attacks from first principles", IEEE S&P 2022, section V (the
    offline attack).
    """
    found = np.full(scores.shape, np.nan)
    for k in range(len(scores)):
        out = ~member & (np.arange(len(scores)) != k)[:, None]
        n = out.sum(axis=0)
        mean = (scores * out).sum(axis=0) / np.maximum(n, 1)
        variance = ((scores - mean) ** 2 * out).sum(axis=0) / np.maximum(n - 1, 1)
        spread = np.sqrt(variance + np.median(variance[n > 1]) * 0.1) if (n > 1).any() else np.ones(len(n))
        found[k] = np.where(n > 1, (scores[k] - mean) / np.where(spread > 0, spread, 1), np.nan)
    return found


class Attack(Scorer):
    """AUROC of members against non-members, and the share of members found where 1 % of others are.

    Parameters
    ----------
    score : array, shape (patient,)
        The largest of a patient's recordings.
    member : bool array, shape (patient,)
    """

    def __init__(self, score: Array, member: Array) -> None:
        super().__init__(score[:, None], member[:, None], None, ("auroc", "tpr"))
        self._order = np.argsort(-score, kind="stable")
        self._member = member[self._order]
        ordered = score[self._order]
        self._last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # of equal scores

    def _by_class(self, weight: Array) -> dict[str, Array]:
        (auroc,) = [sorting(weight)[0] for sorting in self._sortings]
        w, m = weight[self._order], self._member[:, None]
        false, hits = (np.cumsum(w * each, axis=0)[self._last] / (w * each).sum(axis=0) for each in (~m, m))
        return {"auroc": auroc[None], "tpr": np.where(false <= FALSE, hits, 0).max(axis=0)[None]}

    def _least(self, name: str) -> Array:
        del name
        return np.maximum(self._rarer, 2).astype(float)


def by_patient(score: Array, trial_patient: Ints) -> Array:
    """The largest score of a patient, in the order of their numbers."""
    order = np.argsort(trial_patient, kind="stable")
    starts = np.flatnonzero(np.diff(trial_patient[order], prepend=-1))
    return np.asarray(np.maximum.reduceat(score[order], starts))
