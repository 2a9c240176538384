"""Masked reconstruction against recorded numbers, and on a signal of low rank."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.objectives_simulated import SIMULATIONS, gains
from tsrep.encoders.patch_transformer import PatchTransformer
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.masked_patches import hidden_patches, masked_patch_error
from tsrep.objectives.masked_patches import MaskedPatches
from tsrep.rng import torch_generator
from tsrep.signals import Panel
from tsrep.testing.examples import example_batch


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def test_mask_loss_and_gradient_are_the_recorded_ones(shared_path: Callable[[str], Path]) -> None:
    arrays = np.load(shared_path("golden/baselines/patchtst_ssl.npz"))
    g = {key: torch.from_numpy(np.asarray(arrays[key])) for key in arrays.files}
    hidden = hidden_patches(g["noise"], float(g["ratio"]))
    assert torch.equal(hidden, g["mask"].bool())
    torch.testing.assert_close(g["patches"] * ~hidden[..., None], g["masked_patches"])
    prediction = g["prediction"].requires_grad_()
    loss = masked_patch_error(prediction, g["patches"], hidden)
    torch.testing.assert_close(loss, g["loss"], rtol=1e-7, atol=0)
    (grad,) = torch.autograd.grad(loss, prediction)
    torch.testing.assert_close(grad, g["grad_prediction"], rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(("share", "kept"), [(0.8, 2), (0.9, 1), (0.4, 6), (0.45, 5), (0.01, 9)])
def test_as_many_patches_stay_as_the_share_says(share: float, kept: int) -> None:
    order = torch.rand(3, 10, 2, generator=torch_generator("order"))
    assert ((~hidden_patches(order, share)).sum(1) == kept).all()


@pytest.mark.parametrize(("steps", "share"), [(50, 0.9), (100, 0.91), (30, 0.7), (20, 0.6)])
def test_a_share_that_hides_every_patch_is_refused(steps: int, share: float) -> None:
    encoder = ResNet1d(3, width=4, dim=4)
    with pytest.raises(ConfigError, match=r"which leaves none to predict them from; lower obj") as refused:
        MaskedPatches(4, 1, 3, patch=10, share=share).refuse_unfit(encoder, panel(steps))
    told = float(str(refused.value).split("objective.share to ")[1].split(",")[0])
    MaskedPatches(4, 1, 3, patch=10, share=told).refuse_unfit(encoder, panel(steps))


def test_missing_steps_are_not_counted() -> None:
    patches, prediction = torch.zeros(1, 2, 1, 4), torch.ones(1, 2, 1, 4)
    patches[0, 0, 0, 1:] = torch.nan
    patches[0, 1] = torch.nan
    everything = torch.ones(1, 2, 1, dtype=torch.bool)
    assert masked_patch_error(prediction, patches, everything) == 1
    assert masked_patch_error(prediction, patches, ~everything) == 0


class Watched(PatchTransformer):
    """Remembers what it was shown."""

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        self.seen = x, keep
        return super().forward(x, keep)


@pytest.mark.parametrize("form", ["corrected", "published"])
def test_hidden_patches_are_not_seen(form: Any) -> None:
    encoder, batch = Watched(3, width=8, patch=8, stride=8), example_batch()
    objective = MaskedPatches(encoder.dim, 8, 3, form=form, patch=16, share=0.5)
    objective(encoder, batch, generator=torch_generator(0))
    x, keep = encoder.seen
    if form == "corrected":
        assert keep is not None
        shown = keep.unflatten(-1, (4, 16))
        assert (shown.all(-1).sum(-1) == 2).all()
        assert (shown.any(-1).sum(-1) == 2).all()
    else:
        flat = (x == 0).unflatten(-1, (4, 16)).all(-1)  # (batch, channel, patch)
        assert (flat.sum(-1) == 2).all()
        assert not (flat == flat[:, :1]).all()


@pytest.mark.long
def test_trained_it_finds_the_factors_of_a_signal_of_low_rank() -> None:
    found = gains("masked-patches", seeds=3, steps=SIMULATIONS["masked-patches"].quick)
    assert min(found) > 0.03, found


def test_unfit_patches_are_refused() -> None:
    with pytest.raises(ConfigError, match="stride of 4 does not divide; give a multiple of 4"):
        MaskedPatches(8, 4, 3, patch=6)
    encoder = ResNet1d(3, width=4, dim=4)
    objective = MaskedPatches(4, 4, 3, patch=64)
    with pytest.raises(ConfigError, match="signals of 64 steps, fewer than two patches of 64"):
        objective.refuse_unfit(encoder, panel(64))
    objective.refuse_unfit(encoder, panel(128))


@pytest.mark.parametrize(
    ("steps", "stride", "patch", "message"),
    [
        (250, 1, 16, r"set window\.steps to 240, or objective\.patch to 10$"),
        (250, 4, 16, r"set window\.steps to 240$"),  # no multiple of the stride divides them
        (187, 1, 10, r"set window\.steps to 180, or objective\.patch to 11$"),
        (251, 1, 10, r"set window\.steps to 250$"),
    ],
)
def test_patches_that_leave_steps_over_are_refused(steps: int, stride: int, patch: int, message: str) -> None:
    with pytest.raises(ConfigError, match=f"patches of {patch} steps, which do not divide.*{message}"):
        MaskedPatches(4, stride, 3, patch=patch).refuse_unfit(ResNet1d(3, width=4, dim=4), panel(steps))


@pytest.mark.parametrize(("stride", "patch"), [(1, 10), (2, 10), (4, 8), (8, 8), (10, 10), (40, 40)])
def test_the_patch_is_by_default_near_ten_steps(stride: int, patch: int) -> None:
    assert MaskedPatches(4, stride, 3).patch == patch


def panel(steps: int) -> Panel:
    return Panel.from_arrays(np.zeros((2, 3, steps), np.float32), label=[0, 1], patient=[0, 1], sfreq=100)
