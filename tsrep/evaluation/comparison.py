"""Several methods compared at once: which contrasts, on what predictions, and what their number costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Resampled, resample
from tsrep.evaluation.difference import Difference, paired_difference
from tsrep.evaluation.predictions import Predictions

Contrast = tuple[str, str]


def holm(p: Sequence[float], *, primary: int | None = None) -> Array:
    """P values adjusted for their number, so that 5 % is the chance of any false one among them.

    Parameters
    ----------
    p : sequence of float
        NaN where there is none; it is not counted.
    primary : int, optional
        Which one was named before anything was scored; it is not adjusted, and not counted among the others.

    Returns
    -------
    float64 array, shape (p value,)
        In the order given.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
    1979.
    """
    adjusted = np.array(p, np.float64)
    others = np.setdiff1d(np.flatnonzero(~np.isnan(adjusted)), [] if primary is None else [primary])
    order = others[np.argsort(adjusted[others], kind="stable")]
    steps = adjusted[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same patients.

    Attributes
    ----------
    one, two : str
    difference : Difference
        ``one - two``.
    adjusted_p : float
        By :func:`holm`; of the primary comparison the p value itself.
    primary : bool
        Whether it was named before scoring.
    """

    one: str
    two: str
    difference: Difference
    adjusted_p: float
    primary: bool


def compare_methods(
    methods: Mapping[str, Sequence[Predictions]],
    contrasts: Sequence[Contrast],
    *,
    primary: Contrast | None = None,
    label_draws: int | None = None,
    metric: str = "auroc",
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> list[Comparison]:
    """Compare methods with several trained encoders each, over patients and training seeds.

    Parameters
    ----------
    methods : mapping of method to sequence of Predictions
        One for each seed, or for each seed and draw of labels, those of a seed together.
    contrasts : sequence of (method, method)
        The first of each minus the second.
    primary : (method, method), optional
        The contrast named before scoring; Holm's correction is over the rest.
    label_draws : int, optional
        On how many draws of labels each encoder was scored, the same for all of them (1 where all labels are
        used); by default seed ``s`` of all methods has a draw of its own.
    metric : str
    n_bootstrap, seed : int
        See :func:`~tsrep.evaluation.bootstrap.resample`.

    Notes
    -----
    A method with one encoder beside one with several is compared as that encoder, which another training
    would have made otherwise.

    Raises
    ------
    DataError
        When a contrast names an unknown method, the primary one is none of them, or seeds, draws of labels,
        patients or targets do not go together.
    """
    if unknown := {name for contrast in contrasts for name in contrast} - set(methods):
        raise DataError(
            f"there are no predictions of {', '.join(sorted(unknown))}; give those of every method"
        )
    wanted = dict.fromkeys(name for contrast in contrasts for name in contrast)
    _refuse_unequal({name: methods[name] for name in wanted}, label_draws)
    resampled = {
        name: resample(methods[name], n_bootstrap=n_bootstrap, seed=seed, names=[metric]) for name in wanted
    }
    if label_draws is not None:
        resampled = {name: each.crossed(label_draws) for name, each in resampled.items()}
    return comparisons(resampled, contrasts, primary=primary, metric=metric)


def _refuse_unequal(methods: Mapping[str, Sequence[Predictions]], label_draws: int | None) -> None:
    """Check that all are of the same units, and every encoder on as many draws of labels."""
    first = next(iter(methods))
    for name, given in methods.items():
        if label_draws and len(given) % label_draws:
            raise DataError(
                f"{len(given)} predictions of {name} are not {label_draws} for each encoder; give those of "
                "every draw of labels"
            )
        for each in given:
            if not each.same_units(methods[first][0]):
                raise DataError(
                    f"{name} was scored on other patients, records or targets than {first}; score both on "
                    "the same part of the same data"
                )


def comparisons(
    resampled: Mapping[str, Resampled],
    contrasts: Sequence[Contrast],
    *,
    primary: Contrast | None = None,
    metric: str = "auroc",
) -> list[Comparison]:
    """Like :func:`compare_methods`, of what was resampled before."""
    if primary is not None and primary not in contrasts:
        raise DataError(
            f"{' - '.join(primary)} is none of the contrasts; name one of them as the primary one"
        )
    found = [
        paired_difference(resampled[one], resampled[two], trained=True)[metric] for one, two in contrasts
    ]
    adjusted = holm(
        [each.p for each in found], primary=None if primary is None else list(contrasts).index(primary)
    )
    return [
        Comparison(one, two, each, float(p), (one, two) == primary)
        for (one, two), each, p in zip(contrasts, found, adjusted, strict=True)
    ]
