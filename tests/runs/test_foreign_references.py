"""References to a user's own code, to vectors from elsewhere, and to random initialisations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, ContractError, DataError, RunError
from tsrep.runs.references.reference import resolve
from tsrep.runs.weights import weights_digest
from tsrep.signals import Panel
from tsrep.signals.convert import Policies

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
    assert loaded.contract.trained_on.sources == ("PTB-XL",)
    assert loaded.provenance["data"]["source"] == "PTB-XL"
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
        ("bare", "what toy.py:bare returns .Linear. does not say what it must be shown"),
        ("NUMBER", "toy.py:NUMBER is no function"),
        ("fresh", r"2 of 2 tensors \(100 % of the weights\) differ between two loads"),
        ("turned", "turned.. gives shape .* for 1 window; the first axis must be the batch"),
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


def recordings(names: tuple[str, ...] = ("a", "b", "c")) -> Panel:
    """Recordings of two leads, a patient each."""
    n = len(names)
    x = np.random.default_rng(0).normal(size=(n, 2, 300)).astype(np.float32)
    panel = Panel.from_arrays(
        x, label=np.arange(n) % 2, patient=np.arange(n), sfreq=100.0, channels=("I", "II")
    )
    return replace(panel, record_names=names, modality="ecg", unit="mV")


def save(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"features:{path}"


def test_vectors_of_records_in_any_order(tmp_path: Path) -> None:
    x = np.arange(12.0).reshape(4, 3)
    loaded = resolve(save(tmp_path / "v.npz", record=["c", "x", "a", "b"], x=x)).open()
    shown = loaded.shown(recordings(), Policies())
    assert (len(shown.panel), shown.unusable) == (3, ())
    np.testing.assert_array_equal(loaded.vectors(shown.panel), x[[2, 3, 0]])
    assert (loaded.name, loaded.has_random_initialisation) == ("v", False)
    with pytest.raises(RunError, match="holds vectors without the encoder"):
        loaded.encoder(torch.zeros(1, 2, 300))


def test_vectors_of_windows_follow_time_and_share_their_record(tmp_path: Path) -> None:
    x, start = np.arange(10.0).reshape(5, 2), [2.0, 0.0, 1.0, 0.0, 0.0]
    loaded = resolve(
        save(tmp_path / "v.npz", record=["b", "b", "b", "c", "z"], x=x, start_seconds=start)
    ).open()
    shown = loaded.shown(recordings(), Policies())
    assert shown.unusable == ((0, "v.npz has no vector for it"),)
    assert shown.panel.trial.tolist() == [1, 1, 1, 2]
    np.testing.assert_array_equal(loaded.vectors(shown.panel), x[[1, 2, 0, 3]])


def test_order_of_rows_does_not_change_the_digest_of_sorted_vectors(tmp_path: Path) -> None:
    one = resolve(save(tmp_path / "v.npz", record=["a", "b"], x=np.eye(2), start_seconds=[0.0, 0.0])).open()
    two = resolve(
        save(tmp_path / "w.npz", record=["b", "a"], x=np.eye(2)[::-1], start_seconds=[0.0, 0.0])
    ).open()
    assert one.weights == two.weights


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": np.eye(2)}, "has no array record; it has x"),
        ({"record": ["a"], "x": np.eye(2)}, r"has record of shape \(1,\) and x of shape \(2, 2\)"),
        ({"record": ["a", "b"], "x": np.eye(2, dtype=int)}, "floating-point numbers"),
    ],
)
def test_broken_vectors_are_refused(tmp_path: Path, arrays: dict[str, Any], told: str) -> None:
    with pytest.raises(RunError, match=told):
        resolve(save(tmp_path / "v.npz", **arrays)).open()


def test_vectors_that_do_not_fit_the_data_are_refused(tmp_path: Path) -> None:
    other = resolve(save(tmp_path / "v.npz", record=["00001"], x=np.eye(1))).open()
    with pytest.raises(DataError, match="its first is called 00001, theirs a, so name them alike"):
        other.shown(recordings(), Policies())
    bad = np.array([[1.0], [np.nan], [np.inf]])
    loaded = resolve(save(tmp_path / "w.npz", record=["a", "b", "c"], x=bad)).open()
    with pytest.raises(DataError, match=r"no finite number for 2 of 3 records \(first: b\)"):
        loaded.vectors(loaded.shown(recordings(), Policies()).panel)
    with pytest.raises(RunError, match=r"gone.npz cannot be read"):
        resolve("features:gone.npz").open()


def test_random_encoder_is_built_for_the_recordings() -> None:
    loaded = resolve("random:resnet1d@3").open()
    shown = loaded.shown(recordings(), Policies())
    first = loaded.vectors(shown.panel)
    assert first.shape[0] == 3
    np.testing.assert_array_equal(first, resolve("random:resnet1d@3").open().vectors(shown.panel))
    assert not np.array_equal(first, resolve("random:resnet1d").open().vectors(shown.panel))
    method, control = loaded.candidate(shown.panel), loaded.control(3, 2)
    x = torch.from_numpy(shown.panel.take(np.arange(2)))
    encoders: list[Encoder] = [method.model(0)[0], control.model(0)[0], control.model(1)[0]]
    one, same, other = (encoder.eval()(x) for encoder in encoders)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    grouped = [name for _, names in encoders[0].layer_groups() for name in names]
    assert sorted(grouped) == sorted(name for name, _ in encoders[0].named_parameters())


def test_random_encoder_of_an_unknown_name() -> None:
    with pytest.raises(ConfigError, match="unknown encoder 'resnet'; did you mean"):
        resolve("random:resnet").open()
    with pytest.raises(ConfigError, match="write random:NAME or random:NAME@SEED"):
        resolve("random:resnet1d@x").open()


def test_a_window_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    equal, names = np.ones((2, 3)), ["a", "a"]
    with pytest.raises(RunError, match=r"has a window of record a twice; save each once, .* start_seconds"):
        resolve(save(tmp_path / "v.npz", record=names, x=equal)).open()
    with pytest.raises(RunError, match="has a window of record a twice"):
        resolve(save(tmp_path / "v.npz", record=names, x=np.eye(2), start_seconds=[0.0, 0.0])).open()
    resolve(save(tmp_path / "v.npz", record=names, x=equal, start=[0, 250])).open()
    resolve(save(tmp_path / "v.npz", record=["a", "b"], x=equal)).open()
    with pytest.raises(RunError, match=r"2 names and times of shape \(3,\)"):
        resolve(save(tmp_path / "v.npz", record=["a", "b"], x=equal, start=[0, 1, 2])).open()


def test_complaints_of_a_contract_do_not_print_all_of_it(toy: Path) -> None:
    toy.write_text(TOY.replace('("I", "II")', '("I", "I")'))
    with pytest.raises(ConfigError) as caught:
        resolve("toy.py:fresh").open()
    assert str(caught.value) == (
        "toy.py:fresh: contract: channels are ['I', 'I']; name each once, and at least one"
    )
