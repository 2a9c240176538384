"""What is tried on a foreign encoder, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tsrep.encoders.adapters.adapter import Adapter, adapted, pretrained
from tsrep.encoders.adapters.check import check_foreign, fresh_weights
from tsrep.encoders.adapters.description import Description
from tsrep.encoders.adapters.reading import Read, called, input_of, output_of
from tsrep.errors import ConfigError, ContractError
from tsrep.signals.contract import Output, SignalContract


def describe(**fields: Any) -> Description:
    """Two leads, 64 steps, eight features at stride 4."""
    output = {"dim": 8, "stride": 4, "time": True, "causal": False} | fields.pop("output", {})
    contract = {
        "modality": "ecg",
        "channels": ("I", "II"),
        "sfreq": 100.0,
        "unit": "mV",
        "window": {"steps": 64},
        "missing_values": "interpolate",
        "output": output,
    }
    told = {"name": "toy", "parameters_from": "a file", **fields.pop("description", {})}
    return Description(contract=SignalContract(**contract | fields), **told)


class Toy(nn.Module):
    """A strided convolution with a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv1d(2, 8, 4, 4), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).mean(-1))


def conv(network: nn.Module, x: Tensor, names: object) -> Tensor:
    """Its features, (batch, dim, time')."""
    found: Tensor = network.conv(x)
    return found


WEIGHTS = Toy().state_dict()


def load(read: Read = conv, make: Callable[[], nn.Module] = Toy, **fields: Any) -> Adapter:
    return pretrained(make, WEIGHTS, describe(**fields), read=read, head=["head"])


def test_sound_encoder_passes() -> None:
    found = check_foreign(load)
    assert found[0] == "a window of 64 steps gives 8 features at 16 steps"
    assert found[-1] == "2 of 2 tensors are the same in two loads"


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda n, x, _: n.conv(x).permute(2, 0, 1), "the first axis must be the batch"),
        (lambda n, x, _: {"features": n.conv(x)}, "gives a dict; let it read one tensor"),
        (lambda n, x, _: n.conv(x).mT, "gives 16 features a step, and its contract says 8"),
        (lambda n, x, _: n.conv(x)[..., ::4], "gives 4 steps for 64, and its contract says a stride of 4"),
        (lambda n, x, _: n.conv(x) - n.conv(x).mean(0), "put it into eval mode"),
        (lambda n, x, _: n.conv(x) + torch.rand(8, 1), "gives other features at each pass"),
        (lambda n, x, _: n.conv(x / x.std(-1, keepdim=True)), "no finite number for signals that are zero"),
        (lambda n, x, _: n.conv(torch.ones_like(x)), "gives the same features for all signals"),
    ],
)
def test_faulty_encoder_is_refused(read: Read, told: str) -> None:
    with pytest.raises((ContractError, ConfigError), match=told) as caught:
        check_foreign(lambda: load(read))
    assert str(caught.value).count("\n") == 0


def test_weights_that_come_from_no_file_are_found() -> None:
    def lenient() -> Adapter:
        network = Toy()
        network.load_state_dict({f"module.{k}": v for k, v in WEIGHTS.items()}, strict=False)
        return Adapter(network, describe(), read=conv)

    tensors, share, total = fresh_weights(lenient)
    assert (tensors, total) == (4, 4)
    assert share == 1
    with pytest.raises(
        ContractError, match=r"4 of 4 tensors \(100 % of the weights\) differ between two loads"
    ):
        check_foreign(lenient)
    assert fresh_weights(load) == (0, 0.0, 2)


def test_random_weights_may_be_meant() -> None:
    def fresh() -> Adapter:
        return pretrained(Toy, None, describe(description={"parameters_from": "random, as made"}), read=conv)

    assert check_foreign(fresh)[-1] == "the weights are random, as made, as it says"


def test_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    check_foreign(load)
    load().untrained(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_missing_values_are_tried_where_they_are_promised() -> None:
    check_foreign(load)
    with pytest.raises(ContractError, match="signals with missing values, which its contract says it takes"):
        check_foreign(lambda: load(missing_values="nan"))


def test_features_are_found_inside_the_network() -> None:
    x = torch.randn(3, 2, 64)
    network = Toy()
    torch.testing.assert_close(output_of("conv")(network, x, ()), network.conv(x))
    torch.testing.assert_close(input_of("head")(network, x, ()), network.conv(x).mean(-1))
    torch.testing.assert_close(called(network, x, ()), network(x))
    with pytest.raises(ConfigError, match=r"Toy has no part 'cnv'; it has conv, head"):
        output_of("cnv")(network, x, ())
    network.unused = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match="does not run its part 'unused'"):
        output_of("unused")(network, x, ())


def test_vector_is_one_step() -> None:
    encoder = load(input_of("head"), output={"stride": None, "time": False})
    assert encoder(torch.randn(3, 2, 64)).shape == (3, 8, 1)
    assert encoder.stride == 64


@pytest.mark.parametrize("join", ["concat", "mean"])
def test_each_channel_alone(join: str) -> None:
    def make() -> nn.Module:
        return nn.Conv1d(1, 8, 4, 4)

    encoder = pretrained(
        make, None, describe(channel_mode="each", channels=None, join=join, description={"name": "each"})
    )
    encoder.see(("a", "b", "c"))
    x = torch.randn(2, 3, 64)
    alone = [encoder.network(x[:, [k]]) for k in range(3)]
    expected = torch.cat(alone, 1) if join == "concat" else torch.stack(alone).mean(0)
    torch.testing.assert_close(encoder(x), expected)
    assert encoder(x).shape[1] == encoder.dim


def test_hidden_steps_are_refused() -> None:
    encoder, x = load(), torch.randn(2, 2, 64)
    keep = torch.ones(2, 64, dtype=torch.bool)
    torch.testing.assert_close(encoder(x, keep), encoder(x))
    keep[0, 3] = False
    with pytest.raises(ConfigError, match="toy cannot leave out steps"):
        encoder(x, keep)


def test_layers_without_initialiser_are_redrawn_at_their_scale() -> None:
    class Raw(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixing = nn.Parameter(5 + 0.1 * torch.randn(8, 2))
            self.position = nn.Parameter(torch.arange(8.0), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.mixing @ x

    encoder = Adapter(Raw(), describe(output={"stride": 1}))
    one = encoder.untrained(0)
    assert not torch.equal(one.network.mixing, encoder.network.mixing)
    assert abs(float(one.network.mixing.detach().mean()) - 5) < 0.2
    assert torch.equal(one.network.position, encoder.network.position)
    assert torch.equal(one.network.mixing, encoder.untrained(0).network.mixing)
    assert one.description.parameters_from == "random, seed 0"
    assert not torch.equal(encoder.another().network.mixing, encoder.network.mixing)


def test_contract_must_say_how_wide_the_representation_is() -> None:
    told = describe()
    bare = told.contract.model_copy(update={"output": Output()})
    with pytest.raises(ConfigError, match=r"the contract of toy lacks output\.dim"):
        Adapter(Toy(), told.model_copy(update={"contract": bare}))


class Strict(nn.Module):
    """One that takes windows of 64 steps only, and says how it starts."""

    contract = describe().contract.model_dump() | {"window": {"steps": 60}}

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.full((8, 2), start))

    def untrained(self, seed: int) -> nn.Module:
        return Strict(float(seed))

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2] == 64, "64 steps are wanted"
        return (self.mixing @ x)[..., ::4]


def test_complaint_of_the_network_is_told_in_a_sentence() -> None:
    told = r"Strict cannot encode signals of shape \(1, 2, 60\) \(AssertionError: 64 steps are wanted"
    with pytest.raises(ConfigError, match=told):
        check_foreign(lambda: adapted(Strict(), "load"))


def test_module_may_say_how_it_starts() -> None:
    encoder = adapted(Strict(), "load")
    assert float(encoder.untrained(5).network.get_parameter("mixing")[0, 0].detach()) == 5.0
