"""Models under braindecode's conventions as encoders, and encoders under braindecode's conventions."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tsrep.encoders.adapters.adapter import Adapter
from tsrep.encoders.adapters.as_braindecode import AsBraindecode
from tsrep.encoders.adapters.braindecode import braindecode_model, from_braindecode
from tsrep.encoders.adapters.check import check_foreign
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.errors import ConfigError
from tsrep.signals.contract import SignalContract

NAMES = [
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz"),
    *("C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1", "O2"),
]
RANDOM = "random, as braindecode makes it"


class Model(nn.Module):
    """The conventions of braindecode: facts as attributes, ``final_layer``, ``get_config``."""

    def __init__(self, n_outputs: int = 2, n_chans: int = 3, n_times: int = 40, sfreq: float = 100) -> None:
        super().__init__()
        self.n_outputs, self.n_chans, self.n_times, self.sfreq = n_outputs, n_chans, n_times, sfreq
        self.chs_info = [{"ch_name": f"E{k}"} for k in range(n_chans)]
        self.conv = nn.Conv2d(1, 6, (n_chans, 8), stride=(1, 8))
        self.final_layer = nn.Sequential(nn.Flatten(), nn.Linear(6 * (n_times // 8), n_outputs))

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("n_outputs", "n_chans", "n_times", "sfreq")}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Model:
        return cls(**config)

    def forward(self, input: Tensor) -> Tensor:
        return self.final_layer(self.conv(input[:, None]))


class Tokens(Model):
    """One that gives its features, channel by channel, and is told the names of channels."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.patch, self.final_layer = nn.Linear(8, 5), nn.Linear(5, self.n_outputs)

    def forward(
        self, x: Tensor, return_features: bool = False, *, ch_names: list[str] | None = None
    ) -> Tensor | dict[str, Any]:
        assert ch_names == ["E0", "E1", "E2"]
        z = self.patch(x.unfold(-1, 8, 8)).flatten(1, 2)  # (batch, channel * patch, dim)
        return {"features": z, "cls_token": None} if return_features else self.final_layer(z.mean(1))


class Labram(Tokens):
    """Of a name whose arrangement is known."""


def test_input_of_the_final_layer_is_the_representation() -> None:
    model = Model()
    encoder = from_braindecode(model, unit="µV", parameters_from=RANDOM)
    x = torch.randn(2, 3, 40)
    torch.testing.assert_close(encoder(x), model.conv(x[:, None])[:, :, 0])
    assert (encoder.dim, encoder.stride) == (6, 8)
    assert encoder.contract.channels == ("E0", "E1", "E2")
    assert (encoder.contract.sfreq, encoder.contract.unit, encoder.contract.window.steps) == (100, "µV", 40)
    check_foreign(lambda: from_braindecode(Model(), unit="µV", parameters_from=RANDOM))


def test_tokens_of_channels_are_averaged() -> None:
    model = Labram()
    encoder = from_braindecode(model, unit="V")
    x = torch.randn(2, 3, 40)
    by_hand = torch.stack([model.patch(x[:, k].unfold(-1, 8, 8)) for k in range(3)]).mean(0).mT
    torch.testing.assert_close(encoder(x), by_hand)
    assert encoder(x).shape == (2, 5, 5)
    assert encoder.contract.channel_mode == "named"


def test_unknown_arrangement_wants_to_be_told() -> None:
    with pytest.raises(ConfigError, match=r"Tokens gives features of shape \(2, 15, 5\).*say features_axis"):
        from_braindecode(Tokens(), unit="µV")
    told = from_braindecode(Tokens(), unit="µV", features_axis=2)
    assert told(torch.randn(2, 3, 40)).shape == (2, 5, 15)


def test_facts_that_are_missing_are_asked_for() -> None:
    model = Model()
    model.chs_info = None
    with pytest.raises(
        ConfigError, match="does not name its channels; give channels, or make it with chs_info"
    ):
        from_braindecode(model, unit="µV")
    model.sfreq = None
    with pytest.raises(ConfigError, match="does not say its sfreq"):
        from_braindecode(model, unit="µV", channels=("a", "b", "c"))


def test_random_initialisation_is_made_from_its_settings() -> None:
    encoder = from_braindecode(Model(n_times=80), unit="µV", channels=("a", "b", "c"))
    one = encoder.untrained(1)
    assert torch.equal(one.network.conv.weight, encoder.untrained(1).network.conv.weight)
    assert not torch.equal(one.network.conv.weight, encoder.network.conv.weight)
    assert one.channel_names == ("a", "b", "c")


def test_encoder_is_called_as_models_of_braindecode_are() -> None:
    contract = SignalContract(
        modality="eeg",
        channels=tuple(NAMES),
        sfreq=128.0,
        unit="µV",
        window={"steps": 256},
        output={"dim": 8, "stride": 1, "time": True, "causal": False},
    )
    encoder = DilatedConv(19, hidden=4, dim=8, depth=2)
    model, x = AsBraindecode(encoder, contract, n_outputs=3), torch.randn(2, 19, 256)
    features = model(x, return_features=True)
    assert features["cls_token"] is None
    torch.testing.assert_close(features["features"], encoder(x))
    torch.testing.assert_close(model(x), model.final_layer(encoder(x).mean(-1)))
    assert (model.n_chans, model.n_times, model.sfreq, model.input_window_seconds) == (19, 256, 128.0, 2.0)
    assert [each["ch_name"] for each in model.chs_info] == NAMES
    model.reset_head(5)
    assert model.n_outputs == 5
    assert model(x).shape == (2, 5)
    back = from_braindecode(model, unit="µV", features_axis=1)
    torch.testing.assert_close(back(x), encoder(x))


def _torchaudio() -> dict[str, ModuleType]:
    """A torchaudio whose functions exist and cannot be called, as its builds follow torch's late."""

    def refuse(*_: Any, **__: Any) -> None:
        raise NotImplementedError

    made = {
        name: ModuleType(name) for name in ("torchaudio", "torchaudio.functional", "torchaudio.transforms")
    }
    for name, module in made.items():
        module.__spec__ = ModuleSpec(name, None)
    for name in ("fftconvolve", "filtfilt", "lfilter"):
        setattr(made["torchaudio.functional"], name, refuse)
    for name in ("Resample", "Spectrogram"):
        setattr(made["torchaudio.transforms"], name, type(name, (), {"__init__": refuse}))
    made["torchaudio"].functional = made["torchaudio.functional"]
    made["torchaudio"].transforms = made["torchaudio.transforms"]
    return made


@pytest.fixture(scope="module")
def installed() -> Iterator[Callable[..., nn.Module]]:
    """What makes a model of the installed braindecode."""
    if importlib.util.find_spec("braindecode") is None:
        pytest.skip("needs the package braindecode, which is not installed here")
    with pytest.MonkeyPatch.context() as patch:
        for name, module in _torchaudio().items():
            patch.setitem(sys.modules, name, module)
        yield braindecode_model


def _located() -> list[dict[str, Any]]:
    import mne

    at = mne.channels.make_standard_montage("standard_1005").get_positions()["ch_pos"]
    return [{"ch_name": name, "loc": np.r_[at[name], np.zeros(9)], "kind": "eeg"} for name in NAMES]


@pytest.mark.parametrize(
    ("name", "located", "shape"),
    [
        ("EEGNet", False, (16, 31)),
        ("ShallowFBCSPNet", False, (40, 61)),
        ("Deep4Net", False, (200, 7)),
        ("Labram", True, (200, 5)),
        ("CBraMod", False, (200, 5)),
        ("SignalJEPA", True, (64, 7)),
        ("BIOT", False, (256, 1)),
        ("EEGPT", True, (2048, 31)),
        ("BENDR", False, (512, 1)),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_installed_models(
    installed: Callable[..., nn.Module], name: str, located: bool, shape: tuple[int, int]
) -> None:
    channels = NAMES if name != "BENDR" else [f"E{k}" for k in range(20)]

    def load() -> Adapter:
        more = {"chs_info": _located()} if located else {}
        model = installed(name, n_outputs=2, n_chans=len(channels), n_times=1000, sfreq=200, **more)
        return from_braindecode(model, unit="µV", channels=channels, parameters_from=RANDOM)

    check_foreign(load)
    encoder = load()
    assert encoder(torch.randn(2, len(channels), 1000)).shape == (2, *shape)
    assert encoder.untrained(0).dim == encoder.dim
