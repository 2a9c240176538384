"""Conformance of rules that divide a panel or a series."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from tsrep.signals import Panel, Series
from tsrep.splits.split import PARTS
from tsrep.testing.assertions import global_randomness_untouched, require


def check_split(rule: Callable[[Any], Any], data: Panel | Series) -> None:
    """Check what a rule promises: parts without a common patient, or in the order of time; always the same.

    Parameters
    ----------
    rule : callable
        From a panel to a Split, or from a series to a TimeSplit.
    data : Panel or Series
        That the rule can divide.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    split = rule(data)  # imports what it needs, and packages may draw names of files then
    with global_randomness_untouched("the rule"):
        again = rule(data)
    require(bool(split.how), "the split does not say how it was made")
    require(split.digest == again.digest, "the rule gives another split when it is asked again")
    if isinstance(data, Series):
        _check_spans(split, data)
    else:
        _check_patients(split, data)


def _check_patients(split: Any, panel: Panel) -> None:
    parts = {name: getattr(split, name) for name in PARTS}
    for name in ("train", "validation"):
        require(len(parts[name]) > 0, f"the {name} part is empty")
    for name, index in parts.items():
        require(bool((np.diff(index) > 0).all()), f"the {name} part is not sorted, or names a sample twice")
        inside = not len(index) or 0 <= index[0] <= index[-1] < len(panel)
        require(bool(inside), f"the {name} part names samples that the panel does not have")
    for one, other in combinations(PARTS, 2):
        shared = np.intersect1d(panel.patient[parts[one]], panel.patient[parts[other]])
        require(not len(shared), f"patient {shared[:1]} is in the {one} and the {other} part")
        if panel.group is not None:
            both = np.intersect1d(panel.group[parts[one]], panel.group[parts[other]])
            require(not len(both), f"group {both[:1]} is in the {one} and the {other} part")


def _check_spans(split: Any, series: Series) -> None:
    spans = [getattr(split, name) for name in PARTS]
    for name, (start, stop) in zip(PARTS, spans, strict=True):
        require(0 <= start < stop <= len(series), f"the {name} part is empty or leaves the series")
    for (_, stop), (start, _) in pairwise(spans):
        require(stop <= start, "a part begins before the one in front of it ends")
