"""TS2Vec compares what it should: the overlap of two crops, by the published loss."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.losses.ts2vec_hierarchical import ts2vec_contrast
from tsrep.objectives.ts2vec import TS2Vec
from tsrep.rng import torch_generator
from tsrep.signals import Batch


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


class Recorder(Encoder):
    """Returns its input and remembers what it was given."""

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.dim, self.stride, self.receptive_field, self.causal = channels, stride, 1, True
        self.seen: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        self.seen.append((x, keep))
        return x[..., : x.shape[2] // self.stride * self.stride : self.stride]


def _batch(x: Tensor) -> Batch:
    n = torch.arange(len(x))
    return Batch(x=x, label=n % 2, patient=n, trial=n, sample=n, start=n)


@pytest.fixture
def batch() -> Batch:
    return _batch(torch.randn(6, 3, 50, generator=torch_generator("signals")))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_terms_add_up_to_the_published_loss_of_the_overlap(batch: Batch, alpha: float) -> None:
    encoder = Recorder(3)
    terms = TS2Vec(alpha=alpha, dropout=0.0)(encoder, batch, generator=torch_generator(0))
    (first, _), (second, _) = encoder.seen
    # The shared steps are the longest end of the first crop that begins the second.
    shared = max(
        n
        for n in range(1, min(first.shape[2], second.shape[2]) + 1)
        if torch.equal(first[..., -n:], second[..., :n])
    )
    expected = ts2vec_contrast(first[..., -shared:], second[..., :shared], alpha=alpha)
    torch.testing.assert_close(sum(terms.values()), expected)
    assert set(terms) == {name for name, w in (("observation", 1 - alpha), ("sample", alpha)) if w}


def test_masks_are_independent_and_of_the_given_rate() -> None:
    encoder = Recorder(1)
    TS2Vec(masked_steps=0.3)(encoder, _batch(torch.randn(100, 1, 200)), generator=torch_generator(8))
    kept = [keep for _, keep in encoder.seen if keep is not None]
    for keep in kept:
        assert keep.float().mean().item() == pytest.approx(0.7, abs=0.03)
    shared = min(keep.shape[1] for keep in kept)
    agree = (kept[0][:, -shared:] == kept[1][:, -shared:]).float().mean().item()
    assert agree == pytest.approx(0.7**2 + 0.3**2, abs=0.05)


def test_identical_views_far_apart_cost_nothing() -> None:
    # With mask and dropout off, steps and samples nearly orthogonal and long, the contrasts vanish.
    x = 30 * torch.eye(64).reshape(8, 8, 64).transpose(1, 2).reshape(8, 64, 8)
    terms = TS2Vec(masked_steps=0.0, dropout=0.0, alpha=0.0)(
        Recorder(64), _batch(x), generator=torch_generator(3)
    )
    assert terms["observation"].item() < 1e-4


def test_strided_encoders_compare_aligned_steps() -> None:
    x = torch.randn(4, 5, 1, generator=torch_generator(1)).expand(4, 5, 64) * torch.linspace(1, 9, 64)
    for seed in range(5):
        encoder = Recorder(5, stride=4)
        objective = TS2Vec(alpha=0.5, masked_steps=0.0, dropout=0.0)
        terms = objective(encoder, _batch(x), generator=torch_generator(seed))
        first, second = (seen[::, :, ::4] for seen, _ in encoder.seen)
        shared = max(
            n
            for n in range(1, min(first.shape[2], second.shape[2]) + 1)
            if torch.equal(first[..., -n:], second[..., :n])
        )
        expected = ts2vec_contrast(first[..., -shared:], second[..., :shared])
        torch.testing.assert_close(sum(terms.values()), expected)


def test_permuting_the_batch_changes_nothing_without_noise() -> None:
    # All samples see the same windows here, so only the losses' symmetry is at work.
    x = torch.randn(6, 3, 2, generator=torch_generator(2))
    encoder = DilatedConv(3, hidden=4, dim=5, depth=2)
    objective = TS2Vec(masked_steps=0.0, dropout=0.0)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    one, other = (objective(encoder, _batch(v), generator=torch_generator(0)) for v in (x, x[order]))
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_ranks_crop_to_equal_lengths(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    of_first_rank = torch.tensor([[0.3, 0.6, 0.2, 0.9]])
    monkeypatch.setattr(
        "tsrep.objectives.ts2vec.gather_rows", lambda local: torch.cat([of_first_rank, local])
    )
    lengths = set()
    for rank in range(3):
        encoder = Recorder(3)
        TS2Vec()(encoder, batch, generator=torch_generator("step", rank))
        lengths.add(tuple(x.shape[2] for x, _ in encoder.seen))
    assert len(lengths) == 1


def test_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    encoder = DilatedConv(2, hidden=8, dim=16, depth=3)
    objective = TS2Vec(masked_steps=0.2)
    batch = _batch(torch.randn(8, 2, 24, generator=torch_generator(5)))

    def loss(key: int) -> Tensor:
        return torch.stack([*objective(encoder, batch, generator=torch_generator(key)).values()]).sum()

    def held_out() -> float:
        with torch.no_grad():
            return sum(loss(key).item() for key in range(1000, 1010)) / 10

    before = held_out()
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=1e-2)
    for step in range(60):
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()
    assert held_out() < 0.75 * before
