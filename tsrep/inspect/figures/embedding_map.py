"""Maps of embeddings by class and by patient, and how well neighbours agree before anything is flattened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tsrep.errors import ConfigError
from tsrep.inspect.figures.style import (
    FAINT,
    MARKS,
    OTHER,
    PALETTE,
    WIDTH,
    Look,
    bare,
    house,
    new_figure,
    shorten,
)

Method = Literal["tsne", "pca", "umap"]
MOST_PATIENTS = 10
MOST_SHOWN, MOST_COMPARED = 1500, 2000  # rows


@dataclass(frozen=True, eq=False)
class Projection:
    """A map of embeddings.

    Attributes
    ----------
    xy : float64 array, shape (row, 2)
    rows : int64 array, shape (row,)
        Which rows of the embeddings are on the map.
    method : str
        What the axes are, for captions.
    """

    xy: NDArray[np.float64]
    rows: NDArray[np.int64]
    method: str


@dataclass(frozen=True)
class Agreement:
    """How often nearest neighbours agree, in the space of the embeddings itself.

    Attributes
    ----------
    same_class : float
        Share of the nearest records of *other* patients that have a class in common.
    by_chance : float
        The same share among all pairs of records of different patients.
    k : int
        Neighbours per record.
    """

    same_class: float
    by_chance: float
    k: int


def project(x: NDArray[Any], method: Method = "tsne", *, limit: int = MOST_SHOWN) -> Projection:
    """Lay embeddings out on a plane; the same input gives the same map.

    Parameters
    ----------
    x : array, shape (row, dim)
        Rows that are not finite are left out.
    method : {"tsne", "pca", "umap"}
        ``"umap"`` needs the umap-learn package. Fewer than 12 rows always use PCA.
    limit : int
        At most this many rows, drawn at random.

    Raises
    ------
    ConfigError
        When the method is unknown or its package is not installed.
    """
    if method not in get_args(Method):
        raise ConfigError(f"unknown map {method!r}; choose tsne, pca or umap")
    rows = _some_rows(x, limit)
    scores, share = principal_components(x[rows], 50)
    if method == "pca" or len(rows) < 12:
        return Projection(scores[:, :2], rows, f"first two principal components, {share:.0%} of variance")
    xy, name = (_tsne(scores), "t-SNE") if method == "tsne" else (_umap(scores), "UMAP")
    return Projection(xy, rows, f"{name} of {scores.shape[1]} principal components")


def principal_components(x: NDArray[Any], count: int) -> tuple[NDArray[np.float64], float]:
    """Scores on the leading components, signs fixed, and the share of variance of the first two.

    Parameters
    ----------
    x : array, shape (row, dim)
    count : int
        At most this many components; at least two columns come back, zero where there are none.
    """
    from sklearn.decomposition import PCA

    if len(x) < 2:
        return np.zeros((len(x), 2)), 0.0
    model = PCA(min(count, *x.shape), svd_solver="full")
    with np.errstate(invalid="ignore"):  # the share of a variance of 0
        scores = model.fit_transform(np.asarray(x, np.float64))
    share = float(np.nan_to_num(model.explained_variance_ratio_[:2]).sum())
    return np.pad(scores, ((0, 0), (0, max(0, 2 - scores.shape[1])))), share


def neighbour_agreement(
    x: NDArray[Any], label: NDArray[Any], patient: NDArray[Any], *, k: int = 10
) -> Agreement:
    """Share of the ``k`` nearest records of other patients (by cosine) with a class in common.

    Parameters
    ----------
    x : array, shape (row, dim)
    label : int array, shape (row,), or bool array, shape (row, class)
    patient : int array, shape (row,)
    """
    rows = _some_rows(x, MOST_COMPARED)
    told = label[rows].astype(np.float32)
    alike = told @ told.T > 0 if label.ndim == 2 else told[:, None] == told
    other = patient[rows][:, None] != patient[rows]
    unit = x[rows] / np.maximum(np.linalg.norm(x[rows], axis=1, keepdims=True), 1e-12)
    near = np.where(other, unit @ unit.T, -np.inf)
    k = max(0, min(k, int(other.sum(axis=1).min()) if len(rows) else 0))
    if k == 0:
        return Agreement(float("nan"), float("nan"), 0)
    nearest = np.argpartition(-near, k - 1, axis=1)[:, :k]
    same = float(np.take_along_axis(alike, nearest, axis=1).mean())
    return Agreement(same, float(alike[other].mean()), k)


def _some_rows(x: NDArray[Any], limit: int) -> NDArray[np.int64]:
    """Finite rows, of more than the limit a random subset."""
    rows = np.flatnonzero(np.isfinite(x).all(axis=1))
    if len(rows) > limit:
        rows = np.sort(np.random.default_rng(0).choice(rows, limit, replace=False))
    return rows


def _tsne(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start = scores[:, :2] / (scores[:, 0].std() or 1.0) * 1e-4  # a collapsed encoder has no spread
    perplexity = min(30.0, (len(scores) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, init=start.astype(np.float32), random_state=0, max_iter=600)
    with threadpool_limits(1):  # on a shared machine its threads wait for each other up to ten times longer
        return np.asarray(model.fit_transform(scores.astype(np.float32)), np.float64)


def _umap(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        from umap import UMAP  # type: ignore[import-not-found,unused-ignore]  # optional
    except ImportError as error:
        raise ConfigError("the umap map needs umap-learn; install it or choose tsne or pca") from error
    return np.asarray(UMAP(random_state=0, n_jobs=1).fit_transform(scores), np.float64)


@house
def figure_map(
    maps: Mapping[str, Projection],
    label: NDArray[Any],
    patient: NDArray[Any],
    classes: Sequence[str],
    colours: Mapping[str, str],
) -> Figure:
    """One row per map (such as trained and random initialisation), a column by class and one by patient.

    Parameters
    ----------
    maps : mapping of str to Projection
        Title of the row to the map.
    label : int array, shape (row,), or bool array, shape (row, class)
        A row with several classes takes the colour of the rarest one that has a colour.
    patient : int array, shape (row,)
        The ten patients with the most rows have a colour and a mark, the others are grey.
    classes : sequence of str
    colours : mapping of str to colour
    """
    figure = new_figure(WIDTH, 4.0 * len(maps) + 0.5)
    grid = figure.subplots(len(maps), 2, squeeze=False)
    for (left, right), (title, found) in zip(grid, maps.items(), strict=True):
        _by_class(left, found, label[found.rows], classes, colours)
        _by_patient(right, found, patient[found.rows])
        for axes, by in ((left, "class"), (right, "patient")):
            axes.set_title(f"{title} · by {by}")
            bare(axes)
            axes.margins(0.04)
            axes.spines[:].set(visible=True, color=FAINT)
    handles, labels = grid[-1, 0].get_legend_handles_labels()
    look: Look = {"ncols": min(6, len(labels)), "handletextpad": 0.1, "markerscale": 1.6}
    figure.legend(handles, labels, loc="outside lower left", **look)
    return figure


def main_class(label: NDArray[Any], colours: Mapping[str, str], classes: Sequence[str]) -> NDArray[np.int64]:
    """The class that gives a row its colour; -1 for rows without a coloured class.

    Parameters
    ----------
    label : int array, shape (row,), or bool array, shape (row, class)
    """
    if not classes:
        return np.full(len(label), -1, np.int64)
    coloured = np.array([colours.get(name, OTHER) != OTHER for name in classes])
    if label.ndim == 1:
        return np.where(coloured[label], label, -1).astype(np.int64)
    flags = label.astype(bool) & coloured
    rarity = np.where(flags, flags.sum(axis=0), np.iinfo(np.int64).max)
    return np.where(flags.any(axis=1), rarity.argmin(axis=1), -1).astype(np.int64)


def name_of_rest(classes: Sequence[str]) -> str:
    """What records without a coloured class are called in a key."""
    return "other classes" if len(classes) > 10 else "no class" if classes else "record"


def _by_class(
    axes: Axes, found: Projection, label: NDArray[Any], classes: Sequence[str], colours: Mapping[str, str]
) -> None:
    chosen = main_class(label, colours, classes)
    rest = chosen < 0
    if rest.any():
        name = name_of_rest(classes)
        axes.plot(*found.xy[rest].T, ls="", marker=".", ms=4, color=OTHER, mew=0, label=name)
    for i in sorted(set(chosen[~rest].tolist()), key=lambda c: -int((chosen == c).sum())):
        look: Look = {"color": colours[classes[i]], "label": shorten(classes[i], 20), "zorder": 2}
        axes.plot(*found.xy[chosen == i].T, ls="", marker="o", ms=3.4, mew=0, alpha=0.75, **look)


def _by_patient(axes: Axes, found: Projection, patient: NDArray[Any]) -> None:
    names, counts = np.unique(patient, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    top = names[order[counts[order] > 1]][:MOST_PATIENTS]
    axes.plot(*found.xy[~np.isin(patient, top)].T, ls="", marker=".", ms=4, color=OTHER, mew=0)
    for i, who in enumerate(top):
        look: Look = {"color": PALETTE[i], "marker": MARKS[i], "mec": "white", "zorder": 3}
        axes.plot(*found.xy[patient == who].T, ls="", ms=5, mew=0.4, **look)
