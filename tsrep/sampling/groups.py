"""Random orders that keep the members of a group together, without a loop over groups."""

from __future__ import annotations

import numpy as np

from tsrep.signals.panel import Ints


def codes(ids: Ints) -> Ints:
    """Ids renumbered 0, 1, 2, ... ; shape (sample,)."""
    return np.unique(ids, return_inverse=True)[1].astype(np.int64)


def shuffled_groups(group: Ints, rng: np.random.Generator) -> Ints:
    """Permutation in which groups are contiguous; groups and the members inside are in random order.

    Parameters
    ----------
    group : int64 array, shape (sample,)
        Group of each sample, numbered from 0.
    """
    members = rng.permutation(len(group))
    place = rng.permutation(int(group.max(initial=-1)) + 1)
    return members[np.argsort(place[group[members]], kind="stable")]


def random_position(group: Ints, rng: np.random.Generator) -> Ints:
    """A random running number of each sample inside its group, from 0; shape (sample,)."""
    order = shuffled_groups(group, rng)
    ordered = group[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]] if len(group) else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(group)), 0))
    position = np.empty(len(group), np.int64)
    position[order] = np.arange(len(group)) - first
    return position


def pairs(left: Ints, right: Ints) -> Ints:
    """Number, from 0, of each distinct pair of two non-negative numberings; shape (sample,)."""
    return codes(left * (int(right.max(initial=0)) + 1) + right)
