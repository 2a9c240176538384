"""The dilated-convolution encoder against recorded numbers of the public code."""

import numpy as np
import pytest
import torch

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.sliding import sliding_last_step

RENAMED = {"input_fc": "input", "feature_extractor.net": "blocks", ".conv.": ".", "projector": "skip"}


def _our_name(name):
    for theirs, ours in RENAMED.items():
        name = name.replace(theirs, ours)
    return name.removeprefix("weights/")


@pytest.fixture(scope="module")
def golden(shared_path):
    return np.load(shared_path("golden/dilated_conv_encoder.npz"))


@pytest.fixture(scope="module")
def encoder(golden):
    encoder = DilatedConv(channels=4, hidden=8, dim=16, depth=5)
    weights = {_our_name(n): torch.from_numpy(golden[n]) for n in golden if n.startswith("weights/")}
    encoder.load_state_dict(weights)
    return encoder


def _tensor(golden, name):
    return torch.from_numpy(golden[name]).mT


@pytest.mark.parametrize("grad", [True, False])
def test_representation(golden, encoder, grad):
    with torch.set_grad_enabled(grad):
        z = encoder(_tensor(golden, "x"))

    torch.testing.assert_close(z, _tensor(golden, "representation"), rtol=1e-5, atol=1e-6)


def test_representation_with_the_last_step_masked(golden, encoder):
    keep = torch.ones(3, 50, dtype=torch.bool)
    keep[:, -1] = False

    z = encoder(_tensor(golden, "x"), keep)

    torch.testing.assert_close(z, _tensor(golden, "representation_mask_last"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("at_once", [7, 512])
def test_sliding_last_step(golden, encoder, at_once):
    z = sliding_last_step(encoder, _tensor(golden, "stream"), int(golden["stream_context"]), at_once=at_once)

    torch.testing.assert_close(z, _tensor(golden, "stream_last_step_representation"), rtol=1e-5, atol=1e-6)
