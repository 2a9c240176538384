"""References to a user's own code, to vectors from elsewhere, and to random initialisations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tsrep.errors import ConfigError, ContractError, RunError
from tsrep.runs.references.reference import resolve
from tsrep.runs.weights import weights_digest

TOY = """
import torch
from torch import nn

CONTRACT = {
    "modality": "ecg", "channels": ("I", "II"), "sfreq": 100.0, "unit": "mV", "window": {"steps": 64},
    "missing_values": "interpolate",
    "output": {"dim": 8, "stride": 4, "time": True, "causal": False},
}


def load(variant="plain"):
    network = nn.Conv1d(2, 8, 4, 4)
    network.load_state_dict(torch.load("toy.pt", weights_only=True))
    network.contract, network.licence = CONTRACT, "MIT"
    network.name, network.sources = f"toy ({variant})", ("PTB-XL",)
    return network


def fresh():
    network = nn.Conv1d(2, 8, 4, 4)
    network.contract = CONTRACT
    return network


def missing():
    import net1d_that_is_not_there


def broken():
    return open("12_lead.pth")


def turned():
    class Turned(nn.Conv1d):
        def forward(self, x):
            return super().forward(x).permute(2, 0, 1)

    network = Turned(2, 8, 4, 4)
    network.contract = CONTRACT
    return network


def bare():
    return nn.Linear(1, 1)


NUMBER = 3
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path / "cache"))
    torch.save(torch.nn.Conv1d(2, 8, 4, 4).state_dict(), "toy.pt")
    path = tmp_path / "toy.py"
    path.write_text(TOY)
    return path


def test_function_of_a_file(toy: Path) -> None:
    loaded = resolve("toy.py:load").open()
    assert (loaded.name, loaded.licence, loaded.pool) == ("toy (plain)", "MIT", "mean")
    assert loaded.provenance["sources"] == ["PTB-XL"]
    assert loaded.encoder(torch.zeros(3, 2, 64)).shape == (3, 8, 16)
    assert not loaded.encoder.training
    assert loaded.weights == weights_digest(loaded.encoder.state_dict())
    assert resolve(f"{toy}:load@other").open().name == "toy (other)"
    assert loaded.has_random_initialisation
    one, again, other = (weights_digest(loaded.untrained(k).state_dict()) for k in (0, 0, 1))
    assert one == again != other


def test_function_of_a_module(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(toy.parent))
    toy.rename(toy.with_name("my_encoders.py"))
    assert resolve("my_encoders:load").open().reference == "my_encoders:load"


def test_checks_are_made_once_for_the_same_weights(toy: Path) -> None:
    resolve("toy.py:load").open()
    verdicts = list((toy.parent / "cache" / "foreign").iterdir())
    assert len(verdicts) == 1
    before = verdicts[0].stat().st_mtime_ns
    resolve("toy.py:load").open()
    assert verdicts[0].stat().st_mtime_ns == before
    assert resolve("toy.py:load").kind.check("toy.py:load")[-1] == "2 of 2 tensors are the same in two loads"


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("missing", "toy.py:missing needs the module net1d_that_is_not_there; install it"),
        ("broken", "toy.py:broken failed: FileNotFoundError: .*12_lead.pth"),
        ("bare", "toy.py:bare returns a Linear that does not say what it must be shown"),
        ("NUMBER", "toy.py:NUMBER is no function"),
        ("fresh", r"2 of 2 tensors \(100 % of the weights\) differ between two loads"),
        ("turned", "turned.. gives shape .* for 1 windows; the first axis must be the batch"),
    ],
)
def test_faults_are_told_in_a_sentence(toy: Path, function: str, told: str) -> None:
    with pytest.raises((ConfigError, ContractError), match=told) as caught:
        resolve(f"{toy.name}:{function}").open()
    assert "\n" not in str(caught.value)
    assert not (toy.parent / "cache").exists()


def test_missing_file_and_unknown_text(toy: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.py does not exist; give the path"):
        resolve("gone.py:load").open()
    with pytest.raises(RunError, match="`neither` is no run folder"):
        resolve("neither")


def test_imports_of_the_file_leave_the_path_alone(toy: Path) -> None:
    import sys

    before = list(sys.path)
    resolve("toy.py:load").open()
    assert sys.path == before
