"""What the recurrent and the causal convolutional network promise beyond the conformance checks."""

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from tsrep.encoders.causal_tcn import CausalTCN
from tsrep.encoders.recurrent import GRU, LSTM
from tsrep.registry import ENCODERS


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(0)


def signals(batch=2, time=60):
    return torch.randn(batch, 3, time, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("depth", "kernel", "field"), [(1, 3, 5), (2, 3, 13), (3, 2, 15), (2, 1, 1)])
def test_receptive_field_is_exact(depth, kernel, field):
    encoder, x = CausalTCN(3, hidden=16, dim=8, depth=depth, kernel=kernel), signals(8).requires_grad_()

    encoder(x)[..., 40].sum().backward()

    reached = x.grad.abs().sum((0, 1)).nonzero()[:, 0]
    assert encoder.receptive_field == field == 40 - int(reached.min()) + 1
    assert int(reached.max()) == 40


def test_default_receptive_field_fits_the_forecasting_window():
    assert CausalTCN(3).receptive_field == 187


def test_network_is_the_sum_it_stands_for():
    encoder, x = CausalTCN(3, hidden=4, dim=5, depth=2, kernel=3), signals(1, 9)

    def conv(layer, z, dilation):
        out = layer.bias[:, None].repeat(1, z.shape[1])
        for t in range(z.shape[1]):
            for j in range(3):
                if t - j * dilation >= 0:
                    out[:, t] += layer.weight[:, :, 2 - j] @ z[:, t - j * dilation]
        return out

    with torch.no_grad():
        z = encoder.input(x[0].T).T
        for block, dilation in zip(encoder.blocks, (1, 2), strict=True):
            inner = conv(block.conv2, F.relu(conv(block.conv1, z, dilation)), dilation)
            z = F.relu(F.relu(inner) + z)

        torch.testing.assert_close(encoder(x)[0], encoder.output(z.T).T)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_recurrent_encoders_run_their_cell_over_the_latent(kind):
    encoder, x = {"lstm": LSTM, "gru": GRU}[kind](3, hidden=4, dim=5, layers=1), signals(1, 6)
    keep = torch.tensor([[True, True, False, True, True, True]])
    cell = {"lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}[kind](4, 5)
    weights = encoder.cells.state_dict()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in weights.items()})

    state, outputs = None, []
    for t in range(6):
        state = cell(encoder.input(x[..., t]) * keep[:, t], state)
        outputs.append(state[0] if kind == "lstm" else state)

    torch.testing.assert_close(encoder(x, keep), torch.stack(outputs, dim=-1))


def test_stored_lstm_weights_keep_their_names_and_start():
    encoder = LSTM(3, hidden=4, dim=5, layers=1)
    torch.manual_seed(0)
    start = [*torch.nn.Linear(3, 4).parameters(), *torch.nn.LSTM(4, 5).parameters()]

    names = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}
    assert set(encoder.state_dict()) == {"input.weight", "input.bias"} | {f"cells.{name}" for name in names}
    assert all(torch.equal(p, first) for p, first in zip(encoder.parameters(), start, strict=True))


@pytest.mark.parametrize("kind", [CausalTCN, LSTM, GRU])
def test_state_survives_and_missing_values_are_finite(kind):
    encoder, other, x = kind(3, hidden=4, dim=5), kind(3, hidden=4, dim=5), signals()
    x[0, :, :30], x[1, 1, 50] = torch.nan, torch.nan
    other.load_state_dict(encoder.state_dict())

    assert encoder(x).isfinite().all()
    assert torch.equal(encoder(x), other(x))


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_cells_can_be_differentiated_in_evaluation(kind):
    """cuDNN refuses to go backward through cells in evaluation mode; without dropout the modes are one."""
    encoder = kind(3, hidden=4, dim=5, layers=2)
    cells = encoder.cells
    z = encoder(signals())
    torch.nn.ModuleList([encoder]).eval()
    assert cells.training
    assert not encoder.training
    assert cells.dropout == 0
    assert torch.equal(encoder(signals()), z)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lstm", {"layers": 0}),
        ("lstm", {"dim": -1}),
        ("gru", {"hidden": 0}),
        ("causal-tcn", {"depth": 0}),
        ("causal-tcn", {"kernel": 0}),
    ],
)
def test_impossible_settings_are_refused(name, settings):
    with pytest.raises(ValidationError):
        ENCODERS.entry(name).settings(**settings)
