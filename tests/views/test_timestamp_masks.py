import pytest
import torch

from tsrep.rng import torch_generator
from tsrep.views.timestamp_masks import TIMESTAMP_MASKS, binomial_mask, continuous_mask


def test_continuous_hides_whole_segments():
    mask = continuous_mask(400, 100, generator=torch_generator(0), segments=1, fraction=0.13)

    assert (~mask).sum(1).eq(13).all()
    edges = mask.int().diff(dim=1).ne(0).sum(1)
    assert edges.max() <= 2
    starts = (~mask).int().argmax(1)
    assert starts.min() == 0
    assert starts.max() == 87


def test_continuous_share_is_that_of_overlapping_segments():
    mask = continuous_mask(4000, 300, generator=torch_generator(0))

    middle = mask[:, 100:200].float().mean().item()
    assert middle == pytest.approx((1 - 30 / 271) ** 5, abs=0.01)
    assert (~mask).sum(1).max() <= 150


def test_segments_shorter_than_a_step_hide_nothing():
    assert continuous_mask(8, 9, generator=torch_generator(0)).all()


def test_binomial_share():
    mask = binomial_mask(200, 300, generator=torch_generator(0), probability=0.3)

    assert mask.float().mean().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("name", TIMESTAMP_MASKS)
def test_masks_are_a_function_of_the_generator_alone(name):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, second = (TIMESTAMP_MASKS[name](4, 60, generator=torch_generator(5)) for _ in range(2))

    assert first.shape == (4, 60)
    assert first.dtype == torch.bool
    assert torch.equal(first, second)
    assert not torch.equal(first, TIMESTAMP_MASKS[name](4, 60, generator=torch_generator(6)))
    assert torch.equal(before, torch.random.get_rng_state())
