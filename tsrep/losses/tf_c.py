"""TF-C's losses: views within a domain, and the distance between the domains of a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from tsrep.losses.gather import first_row, gather_rows
from tsrep.losses.nt_xent import ntxent
from tsrep.losses.similarity import cosines

Form = Literal["corrected", "published-2022", "published-2023"]


@dataclass(frozen=True)
class Domains:
    """What a batch looks like in both domains.

    Attributes
    ----------
    h_time, h_time_view, h_frequency, h_frequency_view : Tensors, shape (batch, dim)
        Representations of samples and of their views.
    z_time, z_time_view, z_frequency, z_frequency_view : Tensors, shape (batch, projection)
        Their projections into one space.
    """

    h_time: Tensor
    h_time_view: Tensor
    h_frequency: Tensor
    h_frequency_view: Tensor
    z_time: Tensor
    z_time_view: Tensor
    z_frequency: Tensor
    z_frequency_view: Tensor


def time_frequency_contrast(
    seen: Domains,
    *,
    form: Form = "corrected",
    share: float = 0.2,
    margin: float = 1.0,
    temperature: float = 0.2,
    contrast: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> dict[str, Tensor]:
    """Weighted terms ``time``, ``frequency`` and ``consistency``.

    The first two contrast a sample with its view within a domain. The third asks that the domains of the
    sample itself be nearer, by a margin, than pairs with an altered side.

    Parameters
    ----------
    seen : Domains
    form : {"corrected", "published-2022", "published-2023"}
        Of the public code, that of 2022 lacks the hinge, so that it is best where altered pairs repel each
        other without end, and that of 2023 keeps the distance of the sample's domains alone; both add the
        mean probability of the positive to every contrast.
    share : float
        Of the two contrasts within domains; the consistency has the rest, in the form of 2023 all of it.
    margin : float
    temperature : float
    contrast : callable, optional
        Of two views, in place of the form's own at that temperature.

    Returns
    -------
    dict of Tensors, scalars

    References
    ----------
    Zhang et al., "Self-Supervised Contrastive Pre-Training for Time Series via Time-Frequency Consistency",
    NeurIPS 2022, equations 1 to 4. The hinge is a reading of the margin in equation 3.
    """
    of_form = ntxent if form == "corrected" else poly_ntxent
    distance = contrast or partial(of_form, temperature=temperature)

    own = distance(seen.z_time, seen.z_frequency)
    within = {
        "time": share * distance(seen.h_time, seen.h_time_view),
        "frequency": share * distance(seen.h_frequency, seen.h_frequency_view),
    }
    if form == "published-2023":
        return within | {"consistency": own}
    altered = (
        distance(seen.z_time, seen.z_frequency_view),
        distance(seen.z_time_view, seen.z_frequency),
        distance(seen.z_time_view, seen.z_frequency_view),
    )
    # The hinge bends, so it must see the means over all ranks.
    own, *altered_means = gather_rows(torch.stack([own, *altered])[None]).mean(0)
    gaps = margin + own - torch.stack(altered_means)  # (3,)
    return within | {"consistency": (1 - share) * (gaps.relu() if form == "corrected" else gaps).sum()}


def poly_ntxent(z1: Tensor, z2: Tensor, *, temperature: float = 0.2) -> Tensor:
    """NT-Xent plus one minus a multiple of the mean probability of the positive, as in the public code.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim)
    temperature : float

    References
    ----------
    Leng et al., "PolyLoss", ICLR 2022, equation 5, which the code follows with a coefficient that depends on
    the batch: ``batch / (2 batch - 1)``.
    """
    local = torch.cat([z1, z2])  # (2 batch, dim)
    others = torch.cat([gather_rows(z1), gather_rows(z2)])
    size, count, first = len(z1), len(others) // 2, first_row(len(z1))
    logits = cosines(local, others) / temperature
    place = torch.arange(size, device=z1.device) + first
    own, positive = torch.cat([place, place + count]), torch.cat([place + count, place])
    columns = torch.arange(2 * count, device=z1.device)
    found = logits.masked_fill(own[:, None] == columns, -torch.inf).log_softmax(dim=1)
    surprise = -found.gather(1, positive[:, None])
    return surprise.mean() + 1 - count / (2 * count - 1) * (-surprise).exp().mean()
