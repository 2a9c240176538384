"""Ranks over data sets against tables worked out by hand and by others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from tsrep.errors import DataError
from tsrep.evaluation.comparison import holm
from tsrep.evaluation.friedman_ranks import compare

# Demsar (2006), table 6: AUC of C4.5 with m, cf, both and neither tuned, on 14 UCI sets
DEMSAR = {
    "C4.5": [.763, .599, .954, .628, .882, .936, .661, .583, .775, 1.000, .940, .619, .972, .957],
    "C4.5+m": [.768, .591, .971, .661, .888, .931, .668, .583, .838, 1.000, .962, .666, .981, .978],
    "C4.5+cf": [.771, .590, .968, .654, .886, .916, .609, .563, .866, 1.000, .965, .614, .9751, .946],
    "C4.5+m+cf": [.798, .569, .967, .657, .898, .931, .685, .625, .875, 1.000, .962, .669, .975, .970],
}  # fmt: skip


def table(values: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {method: {f"set {i}": v for i, v in enumerate(column)} for method, column in values.items()}


def test_the_example_of_demsar():
    found = compare(table(DEMSAR))
    ranks = found.average_rank
    assert ranks["C4.5"] == pytest.approx(3.143, abs=1e-3)
    assert ranks["C4.5+m"] == pytest.approx(2.000, abs=1e-3)
    assert ranks["C4.5+cf"] == pytest.approx(2.893, abs=1e-3)
    assert ranks["C4.5+m+cf"] == pytest.approx(1.964, abs=1e-3)
    # the paper's 9.28 leaves out the correction for ties, which is why scipy's is larger
    plain = 12 * 14 / (4 * 5) * (sum(r**2 for r in ranks.values()) - 4 * 25 / 4)
    assert plain == pytest.approx(9.28, abs=0.02)
    assert found.friedman > plain
    assert found.methods == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    pair = next(p for p in found.pairs if {p.one, p.two} == {"C4.5+m", "C4.5"})
    assert (pair.wins, pair.ties, pair.losses) == (10, 2, 2)


def test_ties_share_their_rank():
    found = compare(table({"a": [0.9, 0.5], "b": [0.9, 0.7], "c": [0.1 + 0.2 + 0.6, 0.7]}))
    row = {m: found.ranks[:, i].tolist() for i, m in enumerate(found.methods)}
    # 0.1 + 0.2 + 0.6 is not 0.9 in floating point, but as an accuracy it is
    assert row == {"b": [2, 1.5], "c": [2, 1.5], "a": [2, 3]}
    assert found.average_rank["b"] == 1.75


def test_equal_methods_have_no_difference():
    found = compare(table({"a": [0.5, 0.7, 0.2], "b": [0.5, 0.7, 0.2], "c": [0.5, 0.7, 0.2]}))
    assert [pair.p_holm for pair in found.pairs] == [1, 1, 1]
    assert np.isnan(found.friedman_p)
    assert found.cliques == (("a", "b", "c"),)


def test_holm_by_hand():
    assert np.allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert np.allclose(holm([0.9, 0.8]), [1, 1])


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 5), st.integers(1, 6), st.integers(0, 10**6))
def test_ranks_add_up_and_do_not_depend_on_the_order(methods, sets, seed):
    x = np.random.default_rng(seed).integers(0, 6, (sets, methods)) / 5
    named = {f"m{j}": x[:, j].tolist() for j in range(methods)}
    found = compare(table(named))
    assert np.allclose(found.ranks.sum(axis=1), methods * (methods + 1) / 2)
    assert sorted(found.average_rank.values()) == list(found.average_rank.values())
    mirrored = compare(table(dict(reversed(named.items()))))
    assert mirrored.average_rank == pytest.approx(found.average_rank)
    assert {frozenset((p.one, p.two)): p.p for p in mirrored.pairs} == pytest.approx(
        {frozenset((p.one, p.two)): p.p for p in found.pairs}
    )


def test_cliques_are_the_longest_runs_without_a_difference():
    level = {"a": 0.9, "b": 0.9, "c": 0.7, "d": 0.4, "e": 0.4}
    wave = {"a": 0.01, "b": -0.009, "c": 0.0, "d": 0.01, "e": -0.009}
    sign = np.resize([1, -1], 20)
    found = compare(table({m: (v + wave[m] * sign - 1e-4 * (m in "be")).tolist() for m, v in level.items()}))
    assert found.cliques == (("a", "b"), ("d", "e"))
    lone = next(p for p in found.pairs if (p.one, p.two) == ("a", "c"))
    d = found.values[:, 0] - found.values[:, 2]
    assert lone.p == pytest.approx(wilcoxon(d).pvalue)
    assert lone.p_holm >= lone.p
    assert lone.difference == pytest.approx(d.mean())
    # of three sets nothing can be told
    assert compare(table({m: [v, v, v] for m, v in level.items()})).cliques == (tuple("abcde"),)


def test_refusals():
    with pytest.raises(DataError, match="at least two methods"):
        compare(table({"a": [1.0]}))
    with pytest.raises(DataError, match="no data set"):
        compare({"a": {}, "b": {}})
    with pytest.raises(DataError, match="method b has no value for data set y"):
        compare({"a": {"x": 1.0, "y": 0.5}, "b": {"x": 1.0}})
    with pytest.raises(DataError, match="method a has no value for data set x"):
        compare({"a": {"x": np.nan}, "b": {"x": 1.0}})
