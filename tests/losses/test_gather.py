import pytest
import torch

from tests.losses.batch_gradients import LOSSES, data, gradient, network
from tsrep.losses.gather import first_row, gather_rows, world_size


@pytest.mark.parametrize("name", LOSSES)
def test_two_ranks_learn_what_one_process_learns(two_ranks, name):
    loss, expected = gradient(network(), name, data(), slice(None))

    found = [rank["losses"][name] for rank in two_ranks]
    for _, averaged in found:
        # relative to the whole gradient: that of a bias is zero up to rounding where a loss ignores shifts
        assert (averaged - expected).norm() <= 1e-5 * expected.norm() + 1e-6
    torch.testing.assert_close((found[0][0] + found[1][0]) / 2, loss)


def test_alone_the_rows_are_returned_as_they_are():
    rows = torch.randn(3, 2)

    assert gather_rows(rows) is rows
    assert (world_size(), first_row(3)) == (1, 0)
