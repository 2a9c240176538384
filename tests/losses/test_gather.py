import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tsrep.losses.gather import first_row, gather_rows, world_size

PROGRAM = Path(__file__).with_name("rank_program.py")


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    """Loss and averaged gradient of each loss, as each of two gloo processes sees them."""
    folder = tmp_path_factory.mktemp("ranks")
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root, "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(rank), "2", str(folder / "meet"), str(folder / f"{rank}.pt")],
            env=environment,
        )
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=100) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("rank_program", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["sample", "trial", "patient", "local"])
def test_two_ranks_learn_what_one_process_learns(two_ranks, program, name):
    loss, expected = program.gradient(program.network(), name, program.data(), slice(None))

    for rank in two_ranks:
        torch.testing.assert_close(rank[name][1], expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close((two_ranks[0][name][0] + two_ranks[1][name][0]) / 2, loss)


def test_alone_the_rows_are_returned_as_they_are():
    rows = torch.randn(3, 2)

    assert gather_rows(rows) is rows
    assert (world_size(), first_row(3)) == (1, 0)
