"""Numbers of the gallery: what each example holds, and that covariates and neighbours change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.inspect.views.of_run import ViewSample, gallery_of, learned_gallery, registered_views
from tsrep.registry import VIEWS
from tsrep.rng import torch_generator
from tsrep.views.amplitude import Jitter, Scale
from tsrep.views.autotcl_augmenter import PaperAugmenter, ReleasedAugmenter
from tsrep.views.combined import ExceptCovariates

NAMES = ("hour", "a", "b")


def signal(key: int = 0) -> np.ndarray:
    return np.random.default_rng(key).normal(size=(3, 40)).astype(np.float32)


def test_examples_leave_covariates_out_and_keep_the_order() -> None:
    x = signal()
    views = {"scale": ExceptCovariates(Scale(0.5), 1), "jitter": ExceptCovariates(Jitter(0.1), 1)}
    examples = gallery_of(views, ViewSample(x, NAMES, 1, (1 / 20, "s")))
    assert [e.name for e in examples] == ["scale", "jitter"]
    for e in examples:
        assert e.channels == ("a", "b")
        assert e.axis == "s"
        assert e.time[-1] == pytest.approx(39 / 20)
        assert e.mask is None
        np.testing.assert_array_equal(e.original, x[1:])
    ratio = examples[0].view / examples[0].original
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-5)


def test_a_view_draws_the_same_whatever_stands_beside_it() -> None:
    x = ViewSample(signal(), NAMES, step=(1.0, "hours"))
    (alone,) = gallery_of({"jitter": Jitter()}, x)
    among = gallery_of(registered_views(), x)
    (found,) = (e for e in among if e.name == "jitter")
    np.testing.assert_array_equal(alone.view, found.view)
    assert found.axis == "hours"
    (other,) = gallery_of({"jitter": Jitter()}, x, seed=1)
    assert not np.array_equal(alone.view, other.view)


def test_every_registered_view_has_its_row() -> None:
    x = signal()
    x[1, 5:9] = np.nan
    untouched = x.copy()
    examples = gallery_of(registered_views(), ViewSample(x, NAMES, 1))
    assert [e.name for e in examples] == [n for n in VIEWS.names() if not VIEWS.entry(n).runtime]
    assert all(e.view.shape == (2, 40) for e in examples)
    np.testing.assert_array_equal(x, untouched)


def test_learned_view_comes_with_its_mask_and_gain() -> None:
    torch.manual_seed(0)
    augmenter = PaperAugmenter(DilatedConv(3, hidden=4, dim=6, depth=2), 3, covariates=1)
    samples = {"first": ViewSample(signal(0), NAMES, 1), "second": ViewSample(signal(1), NAMES, 1)}
    examples = learned_gallery(augmenter, samples)
    assert [e.name for e in examples] == ["first", "second"]
    for e in examples:
        assert e.mask is not None
        assert e.gain is not None
        assert e.mask.shape == e.gain.shape == (1, 40)
        np.testing.assert_allclose(e.view, e.original * e.mask * e.gain, rtol=1e-5, atol=1e-6)
    made = augmenter(
        torch.from_numpy(signal(1))[None], generator=torch_generator(0, "view gallery", "second")
    )
    np.testing.assert_allclose(examples[1].view, made.view[0, 1:].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_released_view_shows_the_maps_of_the_channels_that_are_shown() -> None:
    torch.manual_seed(0)
    trunk = DilatedConv(3, hidden=4, dim=6, depth=2)
    augmenter = ReleasedAugmenter(trunk, 3, bias=0.1, stretch=0.2, hard=False)
    (e,) = learned_gallery(augmenter, {"one": ViewSample(signal(), NAMES, 1)})
    assert e.mask is not None
    assert e.gain is not None
    np.testing.assert_allclose(e.view, e.original * e.mask * e.gain, rtol=1e-5, atol=1e-6)
