"""Views of views: order, choice, settings, and covariates that stay."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.registry import VIEWS
from tsrep.rng import torch_generator
from tsrep.views.amplitude import Jitter, Scale, Shift
from tsrep.views.combined import Compose, ExceptCovariates, RandomChoice
from tsrep.views.masking import CutOut, LeadDropout
from tsrep.views.timing import TimeShift


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 3, 40, generator=torch_generator("signals"))


def test_compose_applies_in_order() -> None:
    both = Compose((CutOut(1.0), Jitter(0.1)))
    assert (both(torch.ones(5, 1, 30), generator=torch_generator(7)) != 0).all()


def test_compose_of_nothing_is_the_identity(x: Tensor) -> None:
    assert Compose(())(x, generator=torch_generator(0)) is x


@pytest.mark.parametrize("name", VIEWS.names())
def test_a_choice_among_one_is_that_one(name: str, x: Tensor) -> None:
    view = VIEWS.build({"name": name})
    chosen = RandomChoice((name,))(x, generator=torch_generator(1))
    torch.testing.assert_close(chosen, view(x, generator=torch_generator(1)), rtol=0, atol=0, equal_nan=True)


def test_each_sample_gets_one_of_the_views_with_equal_chances() -> None:
    ones = torch.ones(6000, 2, 3)
    views = (lambda x, *, generator: x + 1, lambda x, *, generator: 5 * x, lambda x, *, generator: -x)
    altered = RandomChoice(views)(ones, generator=torch_generator(2))
    values = altered[:, 0, 0]
    assert torch.equal(altered, values[:, None, None].expand_as(altered))
    for value in (2, 5, -1):
        assert (values == value).float().mean().item() == pytest.approx(1 / 3, abs=0.02)


def test_choice_is_the_same_whatever_the_values(x: Tensor) -> None:
    views = ("scale", "permutation", "frequency-dropout")
    one, other = (RandomChoice(views)(v, generator=torch_generator(3)) for v in (x, 2 * x))
    torch.testing.assert_close(2 * one, other)


def test_choice_among_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        RandomChoice(())


def test_what_is_no_view_is_refused() -> None:
    with pytest.raises(ConfigError, match="3 is no view"):
        Compose((3,))


def test_views_by_name_by_settings_and_as_they_are() -> None:
    settings = VIEWS.entry("random-choice").settings(views=["jitter", {"name": "scale", "std": 0.7}])
    assert VIEWS.build(settings) == RandomChoice((Jitter(), Scale(0.7)))
    assert RandomChoice(({"name": "compose", "views": ("shift",)},)) == RandomChoice((Compose((Shift(),)),))


def test_settings_go_to_plain_values_and_back() -> None:
    settings = VIEWS.entry("compose").settings(
        views=["jitter", {"name": "random-choice", "views": ["scale"]}]
    )
    plain = settings.model_dump(mode="json")
    assert plain["views"][1]["views"] == [{"name": "scale", "std": 0.2}]
    assert VIEWS.entry("compose").settings(**plain) == settings


def test_except_covariates_leaves_covariates_as_they_are(x: Tensor) -> None:
    x[0, 0, 3] = torch.nan
    for name in VIEWS.names():
        altered = ExceptCovariates(VIEWS.build({"name": name}), 2)(x, generator=torch_generator(4))
        assert altered.shape == x.shape
        assert torch.equal(altered[:, :2].nan_to_num(9), x[:, :2].nan_to_num(9))
    both = ExceptCovariates(Compose((Jitter(), TimeShift())), 1)(x, generator=torch_generator(5))
    rest = Compose((Jitter(), TimeShift()))(x[:, 1:], generator=torch_generator(5))
    torch.testing.assert_close(both[:, 1:], rest, rtol=0, atol=0, equal_nan=True)


def test_except_no_covariates_is_the_view(x: Tensor) -> None:
    same = ExceptCovariates(LeadDropout(0.5), 0)(x, generator=torch_generator(6))
    assert torch.equal(same, LeadDropout(0.5)(x, generator=torch_generator(6)))


def test_lead_dropout_never_counts_a_covariate_as_the_lead_that_stays() -> None:
    x = torch.ones(200, 3, 4)
    left = ExceptCovariates(LeadDropout(1.0), 1)(x, generator=torch_generator(7))[:, 1:]
    assert (left.any(-1).sum(1) == 1).all()
