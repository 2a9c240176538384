"""NT-Xent: two views of each sample against all other samples (SimCLR)."""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.losses.contrast import PLAIN, Contrast, Pairs
from tsrep.losses.kernel import Similarity
from tsrep.losses.similarity import Learnable, Temperature
from tsrep.registry import LOSSES


@LOSSES.register("nt-xent")
class NTXent(Contrast):
    """Each view finds the sample's other views among all views of all samples.

    The mean over all views i of ``-log(exp(s_ij / tau) / sum_{k != i} exp(s_ik / tau))``, s the cosine and j
    another view of the sample.

    Parameters
    ----------
    temperature : float or "learned"
    similarity : {"cosine", "dot"}
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Chen et al., "A Simple Framework for Contrastive Learning", ICML 2020, equation 1.
    """

    def __init__(
        self, temperature: Learnable = 0.1, similarity: Similarity = "cosine", pairs: Pairs = PLAIN
    ) -> None:
        super().__init__(temperature, similarity, pairs)


def ntxent(z1: Tensor, z2: Tensor, *, temperature: Temperature = 0.1) -> Tensor:
    """NT-Xent of two views, for losses that are made of several; see :class:`NTXent`.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim)
    temperature : float
    """
    return NTXent(temperature)(torch.stack([z1, z2]))["contrast"]
