"""Embedding a panel: order, batches, modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.evaluation.embedding_of_ranks import SAMPLES, embedded, small_encoder
from tsrep.errors import DataError
from tsrep.evaluation.embedding import embed
from tsrep.signals.panel import Panel
from tsrep.training.distributed import ALONE


def panel(n: int = 23) -> Panel:
    x = np.random.default_rng(0).normal(size=(n, 3, 40)).astype(np.float32)
    return Panel.from_arrays(x, label=np.arange(n) % 2, patient=np.arange(n), sfreq=100).windows(20, 10)


def maximum(z: Tensor) -> Tensor:
    return z.amax(dim=2)


class Noisy(nn.Module):
    """A module that is only deterministic in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 5, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(5)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.drop(self.conv(x)))


def test_batches_and_order_do_not_change_features():
    torch.manual_seed(0)
    p, encoder = panel(), Noisy()
    whole = embed(encoder, p, pool=maximum, batch_size=1000)
    assert whole.shape == (len(p), 5)
    assert whole.dtype == np.float32
    for batch_size in (1, 7, 68):
        assert np.allclose(embed(encoder, p, pool=maximum, batch_size=batch_size), whole, atol=1e-6)
    some = np.array([5, 2, 40])
    assert np.allclose(embed(encoder, p.select(some), pool=maximum), whole[some], atol=1e-6)


def test_encoder_is_left_as_it_was():
    encoder = Noisy().train()
    encoder.norm.eval()  # a part that was frozen on purpose
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    embed(encoder, panel(), pool=maximum)
    assert (encoder.training, encoder.drop.training, encoder.norm.training) == (True, True, False)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    with pytest.raises(RuntimeError):
        embed(encoder, panel(), pool=lambda z: z @ z)
    assert encoder.training
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_any_callable_is_an_encoder():
    p = panel(4)
    assert np.allclose(embed(lambda x: 2 * x, p, pool=maximum), 2 * p.x.max(axis=2))


def test_bfloat16_is_close():
    torch.manual_seed(0)
    p, encoder = panel(), Noisy()
    exact, rough = (embed(encoder, p, pool=maximum, amp=amp) for amp in (False, True))
    assert rough.dtype == np.float32
    assert 0 < np.abs(exact - rough).max() < 0.05


def test_refuses_unpooled_features_and_an_empty_panel():
    with pytest.raises(DataError, match="one row for each"):
        embed(lambda x: x, panel(), pool=lambda z: z)
    with pytest.raises(DataError, match="no samples"):
        embed(lambda x: x, panel().select(np.zeros(0, int)), pool=maximum)


@pytest.mark.parametrize("samples", SAMPLES)
def test_two_processes_embed_what_one_does(two_ranks: list[dict[str, Any]], samples: str) -> None:
    first, second = (rank["embedding"][samples] for rank in two_ranks)
    alone = embedded(ALONE, SAMPLES[samples], small_encoder())
    assert [first["count"], second["count"]] == {"many": [16, 15], "one": [1, 0]}[samples]
    torch.testing.assert_close(first["features"], alone["features"], rtol=1e-5, atol=1e-6)


def test_an_encoder_that_cannot_be_sent_is_used_by_the_first_process(two_ranks: list[dict[str, Any]]) -> None:
    first, second = (rank["embedding"]["not sent"] for rank in two_ranks)
    assert [len(first["features"]), second["count"]] == [31, 0]


def test_an_error_in_one_process_is_told_by_the_first(two_ranks: list[dict[str, Any]]) -> None:
    assert two_ranks[0]["embedding"]["failing"]["error"] == "no memory on rank 1"
