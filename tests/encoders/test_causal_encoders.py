"""What the LSTM and the causal convolutional network promise beyond the conformance checks."""

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from tsrep.encoders.causal_tcn import CausalTCN
from tsrep.encoders.lstm import LSTM
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


def test_lstm_runs_its_cell_over_the_latent():
    encoder, x = LSTM(3, hidden=4, dim=5, layers=1), signals(1, 6)
    keep = torch.tensor([[True, True, False, True, True, True]])
    cell = torch.nn.LSTMCell(4, 5)
    cell.load_state_dict({name.removesuffix("_l0"): v for name, v in encoder.lstm.state_dict().items()})

    state, outputs = None, []
    for t in range(6):
        state = cell(encoder.input(x[..., t]) * keep[:, t], state)
        outputs.append(state[0])

    torch.testing.assert_close(encoder(x, keep), torch.stack(outputs, dim=-1))


@pytest.mark.parametrize("make", [lambda: CausalTCN(3, hidden=4, dim=5), lambda: LSTM(3, hidden=4, dim=5)])
def test_state_survives_and_missing_values_are_finite(make):
    encoder, other, x = make(), make(), signals()
    x[0, :, :30], x[1, 1, 50] = torch.nan, torch.nan
    other.load_state_dict(encoder.state_dict())

    assert encoder(x).isfinite().all()
    assert torch.equal(encoder(x), other(x))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lstm", {"layers": 0}),
        ("lstm", {"dim": -1}),
        ("causal-tcn", {"depth": 0}),
        ("causal-tcn", {"kernel": 0}),
    ],
)
def test_impossible_settings_are_refused(name, settings):
    with pytest.raises(ValidationError):
        ENCODERS.entry(name).settings(**settings)
