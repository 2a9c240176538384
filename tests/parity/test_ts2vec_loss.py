"""The hierarchical loss of TS2Vec against recorded numbers of its public code."""

import numpy as np
import pytest
import torch

from tsrep.losses.ts2vec_hierarchical import ts2vec_contrast


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_value_and_gradient(shared_path, alpha):
    golden = np.load(shared_path("golden/ts2vec_loss.npz"))
    z1 = torch.from_numpy(golden["z1"]).mT.requires_grad_()
    z2 = torch.from_numpy(golden["z2"]).mT

    loss = ts2vec_contrast(z1, z2, alpha=alpha)
    (gradient,) = torch.autograd.grad(loss, z1)

    assert loss.item() == pytest.approx(golden[f"alpha_{alpha}__loss"].item(), rel=1e-5)
    expected = torch.from_numpy(golden[f"alpha_{alpha}__grad_z1"]).mT
    assert (gradient - expected).norm() <= 1e-4 * expected.norm()


def test_gradients_of_both_views_over_few_steps(shared_path):
    golden = np.load(shared_path("golden/losses/ts2vec.npz"))
    z = [torch.from_numpy(golden[name]).requires_grad_() for name in ("z1", "z2")]

    loss = ts2vec_contrast(*z, alpha=0.5)

    assert loss.item() == pytest.approx(golden["loss"].item(), rel=1e-6)
    for gradient, name in zip(torch.autograd.grad(loss, z), ("grad_z1", "grad_z2"), strict=True):
        torch.testing.assert_close(gradient, torch.from_numpy(golden[name]), rtol=1e-5, atol=1e-7)
