"""A space: names, conditions, shares, presets, and what is refused in one sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tsrep.errors import ConfigError
from tsrep.studies.define.ranges import Scalar
from tsrep.studies.define.space import Parameter, Space

TREE = """
encoder:
  choose:
    patches: {name: patch-transformer, depth: {int: [1, 3]}, width: {one_of: [32, 64]}}
    gru: {name: gru, depth: {int: [1, 3]}, width: {one_of: [16, 64]}}
objective:
  name: forecast
  weight: {float: [0.01, 0.5], log: true, when: {objective.contrast: [moco, simclr]}}
  contrast:
    choose:
      none: null
      moco: {name: moco, queue: {int: [64, 256]}, temperature: {float: [0.1, 1.0]}}
      simclr: {name: simclr, temperature: {float: [0.1, 1.0]}}
"""


def space(text: str = TREE, factors: str = "{}") -> Space:
    return Space(yaml.safe_load(text), yaml.safe_load(factors))


def drawing(seed: int) -> Any:
    generator = np.random.default_rng(seed)

    def suggest(parameter: Parameter) -> Scalar:
        found = parameter.range
        if found.choices:
            return found.choices[generator.integers(len(found.choices))]
        value = generator.uniform(max(found.low, 1e-9), found.high)
        return round(value) if found.kind == "int" else float(value)

    return suggest


def test_names_are_paths_and_equal_ranges_of_branches_are_one_parameter() -> None:
    names = set(space().parameters)
    assert names == {
        "encoder", "encoder.depth", "encoder.width", "encoder.width@gru",
        "objective.contrast", "objective.contrast.queue", "objective.contrast.temperature",
        "objective.weight",
    }  # fmt: skip


@given(st.integers(0, 10_000))
def test_a_point_has_what_counts_and_its_configuration_the_values(seed: int) -> None:
    found = space()
    point = found.draw(drawing(seed))
    values = found.values(point)
    contrast, encoder = point["objective.contrast"], point["encoder"]
    assert ("objective.contrast.queue" in point) == (contrast == "moco")
    assert ("objective.weight" in point) == (contrast != "none") == ("weight" in values["objective"])
    assert ("encoder.width@gru" in point) == (encoder == "gru")
    assert (
        values["encoder"]["width"] == point["encoder.width" if encoder == "patches" else "encoder.width@gru"]
    )
    assert values["encoder"]["depth"] == point["encoder.depth"]
    if contrast == "none":
        assert values["objective"]["contrast"] is None
    else:
        assert values["objective"]["contrast"]["name"] == contrast
        assert values["objective"]["contrast"]["temperature"] == point["objective.contrast.temperature"]


def test_parameters_come_after_those_they_wait_for() -> None:
    text = "{a: {float: [0, 1], when: {b: 2}}, b: {one_of: [1, 2], when: {c: yes}}, c: {one_of: [yes, no]}}"
    text = text.replace("yes", "'yes'").replace("no]", "'no']")
    assert list(space(text).parameters) == ["c", "b", "a"]
    assert space(text).draw(lambda p: {"c": "no", "b": 2, "a": 0.5}[p.name]) == {"c": "no"}


def test_one_of_several_conditions_is_enough() -> None:
    found = space("{a: {one_of: [1, 2]}, b: {one_of: [1, 2]}, c: {int: [1, 9], when: [{a: 1}, {b: 1}]}}")
    active = {
        (a, b): "c" in found.draw(lambda p, a=a, b=b: {"a": a, "b": b, "c": 3}[p.name])
        for a in (1, 2)
        for b in (1, 2)
    }
    assert active == {(1, 1): True, (1, 2): True, (2, 1): True, (2, 2): False}


def test_a_factor_lies_over_several_parts_and_may_have_ranges() -> None:
    found = space(
        "{objective: {name: forecast, weight: 0.3}}",
        "{strategy: {joint: {}, frozen: "
        "{objective: {weight: 0.0, frozen: true}, pretrain: {epochs: {int: [1, 3]}}}}}",
    )
    assert found.values({"strategy": "joint"}) == {"objective": {"name": "forecast", "weight": 0.3}}
    frozen = found.values({"strategy": "frozen", "pretrain.epochs": 2})
    assert frozen == {
        "objective": {"name": "forecast", "weight": 0.0, "frozen": True},
        "pretrain": {"epochs": 2},
    }
    assert not found.active(found.parameters["pretrain.epochs"], {"strategy": "joint"})


SHARES = """
objective:
  patient_weight: {choose: {without: 0.0, with: {share: levels}}}
  trial_weight: {share: levels}
  sample_weight: {share: levels}
"""


@given(st.integers(0, 10_000))
def test_shares_that_count_are_positive_and_sum_to_one(seed: int) -> None:
    found = space(SHARES)
    weights = found.values(found.draw(drawing(seed)))["objective"].values()
    assert math.isclose(sum(weights), 1, abs_tol=1e-5)


def test_shares_are_uniform_on_the_simplex() -> None:
    """Each of three has mean 1/3 and variance 1/18, the flat Dirichlet distribution's."""
    found = space("{a: {share: g}, b: {share: g}, c: {share: g}}")
    drawn = np.array([list(found.values(found.draw(drawing(seed))).values()) for seed in range(4000)])
    np.testing.assert_allclose(drawn.mean(axis=0), 1 / 3, atol=0.012)
    np.testing.assert_allclose(drawn.var(axis=0), 1 / 18, atol=0.004)


def test_a_preset_of_shares_comes_out_as_given() -> None:
    found = space(SHARES)
    given = {
        "objective.patient_weight": "with",
        "objective.patient_weight@with": 0.5,
        "objective.trial_weight": 0.3,
        "objective.sample_weight": 0.2,
    }
    values = found.values(found.preset("p", given))["objective"]
    assert values == pytest.approx(
        {"patient_weight": 0.5, "trial_weight": 0.3, "sample_weight": 0.2}, abs=1e-6
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{a: {float: [1, 0]}}", "a reaches from 1 to 0"),
        ("{a: {float: [0, 1], log: true}}", "a logarithmic range is positive"),
        ("{a: {int: [0, 1.5]}}", "whole numbers"),
        ("{a: {float: [0]}}", "two numbers"),
        ("{a: {float: [0, 1], lgo: true}}", "did you mean 'log'"),
        ("{a: {float: [0, 1], int: [0, 1]}}", "float and int in one range"),
        ("{a: {one_of: []}}", "write a list of values"),
        ("{a: {one_of: [1, 1]}}", "lists 1 twice"),
        ("{a: {one_of: [{x: 1}]}}", "use choose"),
        ("{a: {choose: []}}", "no branches"),
        ("{a: {share: 3}}", "name a group"),
        ("{a: [{int: [0, 1]}, 2]}", "a list with a range in it"),
        ("{a: {float: [0, 1], when: 3}}", "write when"),
        ("{a: {float: [0, 1], when: {b: 1}}}", "a waits for b, which is not searched"),
        ("{a: {float: [0, 1], when: {b: 3}}, b: {one_of: [1, 2]}}", "to be 3, which it never is"),
        ("{a: {float: [0, 1], when: {b: 0.5}}, b: {float: [0, 1]}}", "which is continuous"),
        (
            "{a: {one_of: [1, 2], when: {b: 1}}, b: {one_of: [1, 2], when: {a: 1}}}",
            "wait for each other",
        ),
        (
            "{a: {one_of: [1, 2]}, b: {one_of: [1, 2], when: {a: 1}}, c: {int: [0, 1], when: {a: 2, b: 1}}}",
            "c has a condition that can never hold",
        ),
        ("{a: {choose: {x: {b: {int: [0, 1], when: {a: y}}}, y: 2}}}", "can never hold"),
        ("{dataset: {one_of: [etth1, etth2]}}", "scores would not be comparable"),
        ("{objective: {horizon: {int: [1, 9]}}}", "scores would not be comparable"),
        ("{split: {seed: {int: [0, 9]}}}", "scores would not be comparable"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        space(text)
    assert "\n" not in str(caught.value)


def test_a_factor_may_not_be_called_like_a_part_of_a_configuration() -> None:
    with pytest.raises(ConfigError, match="rename it"):
        space("{}", "{encoder: {a: {}, b: {}}}")
    with pytest.raises(ConfigError, match="has no options"):
        space("{}", "{strategy: {}}")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"encoder.dept": 2}, "did you mean 'encoder.depth'"),
        ({"encoder": "lstm"}, "outside its range"),
        ({"encoder": "gru", "encoder.width": 32}, "does not count"),
        ({"objective.contrast.queue": 64}, "objective.contrast"),
    ],
)
def test_a_preset_that_does_not_fit_is_one_sentence(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        space().preset("mine", values)


@pytest.mark.parametrize(
    ("key", "meant"), [("flaot", "float"), ("one-of", "one_of"), ("Int", "int"), ("oneof", "one_of")]
)
def test_a_misspelt_kind_of_range_is_named(key: str, meant: str) -> None:
    with pytest.raises(
        ConfigError, match=f"training.lr has an unknown range '{key}'; did you mean '{meant}'"
    ):
        space(f"training: {{lr: {{{key}: [1, 2]}}}}")
