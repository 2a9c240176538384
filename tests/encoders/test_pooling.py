import pytest
import torch

from tsrep.encoders.pooling import POOLS, pool
from tsrep.errors import ConfigError


def test_each_pool_on_known_numbers():
    z = torch.tensor([[[1.0, 5.0, 3.0], [-1.0, -2.0, -6.0]]])

    assert pool(z, "max").tolist() == [[5, -1]]
    assert pool(z, "mean").tolist() == [[3, -3]]
    assert pool(z, "last").tolist() == [[3, -6]]
    assert pool(z, "max-mean").tolist() == [[5, -1, 3, -3]]


@pytest.mark.parametrize("how", ["max", "mean", "max-mean"])
def test_order_of_steps_does_not_matter(how):
    z = torch.randn(2, 4, 9)

    torch.testing.assert_close(pool(z, how), pool(z[..., torch.randperm(9)], how))


@pytest.mark.parametrize("how", POOLS)
def test_one_step_is_itself(how):
    z = torch.randn(2, 4, 1)

    assert torch.equal(pool(z, how)[:, :4], z[..., 0])


def test_unknown_pool_names_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown pooling 'maxx'; did you mean 'max'\?"):
        pool(torch.zeros(1, 1, 1), "maxx")
