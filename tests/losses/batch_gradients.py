"""Gradients of batch-wise losses, on the whole batch or on the part of one rank."""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from tests.losses import contrasts
from tsrep.losses.comet_patient_trial import patient_trial_contrast
from tsrep.losses.gather import first_row, gather_rows
from tsrep.losses.ts2vec_hierarchical import hierarchical_contrast

TRIAL = torch.tensor([0, 0, 1, 1, 2, 2])
PATIENT = torch.tensor([0, 0, 1, 1, 0, 0])


def local_anchor_loss(z1, z2):
    """A contrast over this rank's own anchors only, against the rows of all ranks."""
    own = torch.arange(len(z1)) + first_row(len(z1))
    return nn.functional.cross_entropy(z1.mean(-1) @ gather_rows(z2.mean(-1)).mT, own)


LOSSES = {
    "sample": lambda z1, z2, trial, patient: hierarchical_contrast(z1, z2, sample=1.0),
    "trial": lambda z1, z2, trial, patient: patient_trial_contrast(
        z1, z2, trial, groups=patient, negatives="other-groups"
    ),
    "patient": lambda z1, z2, trial, patient: patient_trial_contrast(z1, z2, patient, features="time-course"),
    "local": lambda z1, z2, trial, patient: local_anchor_loss(z1, z2),
}

LOSSES |= contrasts.LOSSES


def data():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 6, 3, 8, generator=generator)


def network():
    torch.manual_seed(0)
    return nn.Conv1d(3, 5, 3, padding=1)


def gradient(net, name, x, rows):
    """Loss and flat gradient for some rows of the batch."""
    net.zero_grad()
    z1, z2 = net(torch.cat([x[0, rows], x[1, rows]])).chunk(2)
    loss = LOSSES[name](z1, z2, TRIAL[rows], PATIENT[rows])
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in net.parameters()])


def of_rank(rank, ranks):
    """Loss and averaged gradient of each loss on this rank's part of the batch."""
    net, size = DistributedDataParallel(network()), 6 // ranks
    rows = slice(rank * size, (rank + 1) * size)
    return {name: gradient(net, name, data(), rows) for name in LOSSES}
