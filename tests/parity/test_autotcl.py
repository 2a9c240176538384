"""Gate, MMD and both InfoNCE losses of AutoTCL against recorded numbers of the public code."""

import numpy as np
import pytest
import torch

from tests.losses.literal import global_infonce
from tsrep.encoders.pooling import pool
from tsrep.losses.infonce import local_infonce
from tsrep.losses.mmd import rbf_mmd
from tsrep.views.hard_concrete import released_gate

LOSSES = {
    "mmd": lambda z1, z2: rbf_mmd(pool(z1), pool(z2)),
    "global_infonce": lambda z1, z2: global_infonce(pool(z1), pool(z2)),
    "local_infonce_first_series": lambda z1, z2: local_infonce(z1[:1]),
}


@pytest.fixture(name="golden")
def _golden(shared_path):
    return np.load(shared_path("golden/autotcl.npz"))


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradients(golden, name):
    views = [torch.from_numpy(golden[view]).mT.requires_grad_() for view in ("z1", "z2")]
    loss = LOSSES[name](*views)
    assert loss.item() == pytest.approx(golden[f"{name}__loss"].item(), rel=1e-5)
    for view, gradient in zip(("z1", "z2"), torch.autograd.grad(loss, views, allow_unused=True), strict=True):
        if f"{name}__grad_{view}" in golden:
            expected = torch.from_numpy(golden[f"{name}__grad_{view}"]).mT
            assert (gradient - expected).norm() <= 1e-4 * expected.norm()


def test_the_local_loss_is_the_mean_of_each_series(golden):
    z = torch.from_numpy(golden["z1"]).mT
    each = torch.stack([local_infonce(one[None]) for one in z])
    np.testing.assert_allclose(each, golden["local_infonce_each_series"], rtol=1e-5)
    assert local_infonce(z).item() == pytest.approx(golden["local_infonce_each_series"].mean(), rel=1e-5)


@pytest.mark.parametrize(("noise", "name"), [(True, "gate_train"), (False, "gate_eval")])
def test_the_released_gate(golden, noise, name):
    assert golden["gate_zeta"] == 1
    uniform = torch.from_numpy(golden["gate_uniform"]) if noise else None
    gate = released_gate(
        torch.from_numpy(golden["gate_weight"]),
        uniform,
        bias=golden["gate_bias"].item(),
        stretch=-golden["gate_gamma"].item(),
    )
    np.testing.assert_allclose(gate, golden[name], atol=1e-6, rtol=0)
