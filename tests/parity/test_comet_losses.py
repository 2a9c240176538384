"""The four losses of COMET against recorded numbers of the public code."""

import numpy as np
import pytest
import torch

from tsrep.losses.comet_patient_trial import patient_trial_contrast
from tsrep.losses.ts2vec_hierarchical import hierarchical_contrast, observation_contrast, sample_contrast

PUBLISHED = {"temperature": 0.1, "diagonal": "keep", "anchors": "earlier", "features": "time-course"}


def _identity(key):
    return lambda z1, z2, golden: patient_trial_contrast(z1, z2, torch.from_numpy(golden[key]), **PUBLISHED)


def _identity_of(ids):
    return lambda z1, z2, golden: patient_trial_contrast(z1, z2, ids, **PUBLISHED)


LOSSES = {
    "observation": lambda z1, z2, golden: hierarchical_contrast(z1, z2, observation=1.0),
    "sample": lambda z1, z2, golden: hierarchical_contrast(z1, z2, sample=1.0),
    "observation_single_scale": lambda z1, z2, golden: observation_contrast(z1, z2),
    "sample_single_scale": lambda z1, z2, golden: sample_contrast(z1, z2),
    "trial": _identity("trial_id"),
    "patient": _identity("patient_id"),
    "all_distinct_ids": _identity_of(torch.arange(12)),
    "one_patient": _identity_of(torch.zeros(12, dtype=torch.int64)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradients(shared_path, name):
    golden = np.load(shared_path("golden/comet_losses.npz"))
    z1, z2 = (torch.from_numpy(golden[view]).mT.requires_grad_() for view in ("z1", "z2"))

    loss = LOSSES[name](z1, z2, golden)
    gradients = torch.autograd.grad(loss, (z1, z2))

    assert loss.item() == pytest.approx(golden[f"{name}__loss"].item(), rel=1e-5)
    for view, gradient in zip(("z1", "z2"), gradients, strict=True):
        expected = torch.from_numpy(golden[f"{name}__grad_{view}"]).mT
        assert (gradient - expected).norm() <= 1e-4 * expected.norm()
