"""What holds for every registered view, on signals of any shape."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tsrep.registry import VIEWS
from tsrep.rng import torch_generator

PLAIN = [name for name in VIEWS.names() if not VIEWS.entry(name).runtime]
BLANKING = {"lead-dropout", "cut-out", "compose", "random-choice"}


@pytest.mark.parametrize("name", PLAIN)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 50)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 999),
)
@settings(max_examples=15, deadline=None)
def test_shape_dtype_and_finite_values(
    name: str, shape: tuple[int, int, int], dtype: torch.dtype, seed: int
) -> None:
    x = torch.randn(shape, generator=torch_generator("signals", seed), dtype=dtype)
    altered = VIEWS.build({"name": name})(x, generator=torch_generator(seed))
    assert altered.shape == x.shape
    assert altered.dtype == dtype
    assert not altered.isinf().any()
    assert name == "time-shift" or altered.isfinite().all()


@pytest.mark.parametrize("name", PLAIN)
def test_samples_draw_their_own_parameters(name: str) -> None:
    x = torch.randn(1, 3, 64, generator=torch_generator("signals")).expand(24, -1, -1)
    altered = VIEWS.build({"name": name})(x, generator=torch_generator(4)).nan_to_num(9)
    assert len({row.numpy().tobytes() for row in altered}) >= 4


@pytest.mark.parametrize("name", sorted(set(PLAIN) - BLANKING))
def test_a_missing_channel_stays_missing_and_alone(name: str) -> None:
    x = torch.randn(6, 3, 40, generator=torch_generator("signals"))
    broken = x.clone()
    broken[:, 1] = torch.nan
    view = VIEWS.build({"name": name})
    whole, altered = (view(v, generator=torch_generator(5)) for v in (x, broken))
    assert altered[:, 1].isnan().all()
    torch.testing.assert_close(altered[:, ::2], whole[:, ::2], equal_nan=True)


@pytest.mark.parametrize("name", PLAIN)
def test_time_is_not_a_loop(name: str) -> None:
    x = torch.randn(4, 2, 20_000, generator=torch_generator("signals"))
    assert VIEWS.build({"name": name})(x, generator=torch_generator(6)).shape == x.shape


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"name": "jitter", "std": -1}, "greater than or equal to 0"),
        ({"name": "lead-dropout", "probability": 1.5}, "less than or equal to 1"),
        ({"name": "window-slice", "least": 0}, "greater than 0"),
        ({"name": "window-warp", "factor": 0.5}, "greater than or equal to 1"),
        ({"name": "time-warp", "knots": 1}, "greater than or equal to 2"),
        ({"name": "permutation", "segments": 0}, "greater than or equal to 1"),
        ({"name": "frequency-dropout", "bands": -1}, "greater than or equal to 0"),
        ({"name": "random-choice", "views": []}, "at least 1 item"),
    ],
)
def test_bad_settings_are_refused_with_their_reason(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        VIEWS.entry(str(settings["name"])).settings.model_validate(settings)
