"""Maps are deterministic and neighbour shares are what counting says."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.errors import ConfigError
from tsrep.inspect.figures.embedding_map import neighbour_agreement, principal_components, project

RNG = np.random.default_rng(0)
GROUP = np.repeat([0, 1, 2], 20)
X = (np.eye(3)[GROUP] @ RNG.normal(size=(3, 8)) * 6 + RNG.normal(size=(60, 8))).astype(np.float32)


def test_components_are_orthogonal_and_keep_distances() -> None:
    scores, share = principal_components(X, 50)
    gram = scores.T @ scores
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(scores[0] - scores[9]), np.linalg.norm(X[0] - X[9]), rtol=1e-5)
    assert 0.8 < share <= 1


def test_a_line_has_all_its_variance_in_one_direction() -> None:
    scores, share = principal_components(np.outer(np.arange(5.0), [3.0, 4.0]), 50)
    np.testing.assert_allclose(scores[:, 0], 5 * (np.arange(5) - 2.0))
    np.testing.assert_allclose(scores[:, 1], 0, atol=1e-9)
    assert share == pytest.approx(1)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_the_same_input_gives_the_same_map(method: str) -> None:
    one, two = (project(X, method) for _ in range(2))  # type: ignore[arg-type]  # parametrised
    np.testing.assert_array_equal(one.xy, two.xy)
    assert one.xy.shape == (60, 2)


def test_groups_stay_together_on_the_map() -> None:
    xy = project(X).xy
    centre = np.stack([xy[g == GROUP].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(xy[:, None] - centre, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, GROUP)


def test_rows_are_limited_and_broken_ones_left_out() -> None:
    x = X.copy()
    x[3] = np.nan
    assert 3 not in project(x, "pca").rows
    limited = project(x, "pca", limit=10)
    assert len(limited.rows) == 10
    assert np.all(np.diff(limited.rows) > 0)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_very_few_rows_still_make_a_map(rows: int) -> None:
    assert np.isfinite(project(X[:rows]).xy).all()


def test_an_unknown_map_is_refused() -> None:
    with pytest.raises(ConfigError, match="tsne, pca or umap"):
        project(X, "spiral")  # type: ignore[arg-type]  # the point of the test


def test_neighbours_of_the_same_patient_do_not_count() -> None:
    patient = np.arange(60) // 2
    label = np.arange(60) % 2  # pairs of a patient differ in label, so only others could agree
    twins = np.repeat(RNG.normal(size=(30, 8)), 2, axis=0)
    found = neighbour_agreement(twins, label, patient, k=2)
    assert found.same_class == pytest.approx(0.5)
    assert found.by_chance == pytest.approx(0.5)


def test_separated_classes_agree_and_multilabel_counts_shared_ones() -> None:
    flags = np.eye(3, dtype=bool)[GROUP]
    single = neighbour_agreement(X, GROUP, np.arange(60))
    multi = neighbour_agreement(X, flags, np.arange(60))
    assert single.same_class == multi.same_class == 1.0
    assert single.by_chance == pytest.approx(19 / 59)


def test_one_patient_has_no_neighbours_of_others() -> None:
    found = neighbour_agreement(X, GROUP, np.zeros(60, int))
    assert found.k == 0
    assert np.isnan(found.same_class)
