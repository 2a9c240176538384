"""Two processes train as one does: the same batches, and contrasts that see the samples of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from tests.conftest import TINY
from tests.training.bending import bending_trainer
from tsrep.training.state import load_weights

OBJECTIVES = {
    "comet": {"name": "comet", "dropout": 0.0, "sample_weight": 0.0, "observation_weight": 0.0},
    "supervised": {"name": "supervised", "dropout": 0.0},
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_two_gloo_processes_find_the_weights_of_one(objective: str, tmp_path: Path) -> None:
    values = TINY | {
        "objective": OBJECTIVES[objective],  # without random views, which differ between processes by design
        "training": {"epochs": 1, "batch_size": 64, "checkpoint": "last", "average": "none"},
    }
    config = tmp_path / "config.yaml"
    values["evaluation"] = {"protocols": ["knn"], "labels": [1.0], "seeds": 1, "n_bootstrap": 100}
    config.write_text(yaml.safe_dump(values))
    command = ["tsrep", "fit", "--config", str(config), "--out"]
    _run("-m", *command, str(tmp_path / "one"))
    launcher = ["torch.distributed.run", "--nproc-per-node", "2", "--master-port", _free_port(), "-m"]
    _run("-m", *launcher, *command, str(tmp_path / "two"))
    one, two = (load_weights(tmp_path / name / "encoder.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(weight, two[name], rtol=1e-3, atol=2e-5, msg=name)
    assert all((tmp_path / name / "report.html").exists() for name in ("one", "two"))
    logs = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert len(logs[0]) == len(logs[1])
    final = [json.loads(log[-1])["score"] for log in logs]
    assert final[0] == pytest.approx(final[1], abs=0.02)


def _run(*arguments: str) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _free_port() -> str:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_inner_optimisations_of_two_gloo_processes_move_as_that_of_one(tmp_path: Path) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    program = ["-m", "tests.training.bending"]
    ranks = [
        subprocess.Popen(
            [sys.executable, *program, str(rank), "2", str(tmp_path / "rendezvous"), str(folder)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in ranks:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors[-3000:]
    one = bending_trainer(tmp_path / "one", noise=0.0, checkpoint="last", every=2)
    one.run()
    first, second = (torch.load(folder / f"rank{rank}.pt") for rank in range(2))
    for name, weight in one.net.state_dict().items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(weight, first[name], rtol=1e-4, atol=1e-5, msg=name)
    assert '"inner"' in (folder / "metrics.jsonl").read_text()
