"""Two processes train as one does: the same batches, and contrasts that see the samples of both."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from tests.conftest import TINY
from tests.training.bending import THAWING, TOGETHER, bending_trainer, supervised_trainer
from tsrep.cli.app import app
from tsrep.training.checkpoint import load_weights
from tsrep.training.loop import Trainer


@pytest.mark.long
@pytest.mark.usefixtures("plain_reports")
def test_the_command_in_two_processes_finds_the_weights_of_one(tmp_path: Path) -> None:
    settings = {
        "dataset": TINY["dataset"] | {"patients": 30},
        "objective": {
            "name": "comet-masked",
            "dropout": 0.0,
            "sample_weight": 0.0,
            "observation_weight": 0.0,
        },
        "training": {"epochs": 1, "batch_size": 64, "keep": "probe", "average": "none"},
        "evaluation": {"protocols": ["knn"], "labels": [1.0], "seeds": 1, "n_bootstrap": 100},
    }  # without random views, which differ between processes by design
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(TINY | settings))
    # What `torchrun` tells the processes that it starts.
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
    quiet = {"OMP_NUM_THREADS": "1", "NO_COLOR": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = ["fit", "--config", str(config), "--out"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tsrep", *command, str(tmp_path / "two")],
            env=os.environ | quiet | world | {"RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    alone = CliRunner().invoke(app, [*command, str(tmp_path / "one")])
    assert alone.exit_code == 0, alone.output
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors[-3000:]
    one, two = (load_weights(tmp_path / name / "encoder.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(weight, two[name], rtol=1e-3, atol=2e-5, msg=name)
    assert all((tmp_path / name / "report.html").exists() for name in ("one", "two"))
    scores = [json.loads((tmp_path / name / "scores.json").read_text())["scores"] for name in ("one", "two")]
    assert [s["method"] for s in scores[0]] == [s["method"] for s in scores[1]]
    for mine, theirs in zip(*scores, strict=True):
        assert theirs["metrics"]["auroc"]["value"] == pytest.approx(
            mine["metrics"]["auroc"]["value"], abs=0.02
        )
    logs = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert len(logs[0]) == len(logs[1])
    final = [json.loads(log[-1])["score"] for log in logs]
    assert final[0] == pytest.approx(final[1], abs=0.02)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_inner_optimisations_of_two_processes_move_as_that_of_one(
    two_ranks: list[dict[str, Any]], tmp_path: Path
) -> None:
    _assert_one_process_agrees(two_ranks, "bending", bending_trainer(tmp_path, **TOGETHER))
    assert '"inner"' in (two_ranks[0]["folder"] / "bending" / "metrics.jsonl").read_text()


def test_labels_teach_two_processes_what_they_teach_one(
    two_ranks: list[dict[str, Any]], tmp_path: Path
) -> None:
    _assert_one_process_agrees(two_ranks, "supervised", supervised_trainer(tmp_path))


def test_two_processes_thaw_the_same_layers(two_ranks: list[dict[str, Any]], tmp_path: Path) -> None:
    _assert_one_process_agrees(two_ranks, "thawing", supervised_trainer(tmp_path, **THAWING))


def _assert_one_process_agrees(two_ranks: list[dict[str, Any]], name: str, alone: Trainer) -> None:
    alone.run()
    first, second = (rank[name] for rank in two_ranks)
    for key, weight in alone.net.state_dict().items():
        assert torch.equal(first[key], second[key]), key
        torch.testing.assert_close(weight, first[key], rtol=1e-4, atol=1e-5, msg=key)
