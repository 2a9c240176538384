"""The refusal of samples that patches do not divide: the steps left over would be no part of the task."""

from __future__ import annotations

from tsrep.errors import ConfigError


def refuse_rest(name: str, length: int, patch: int, setting: str, *, step: int, fewest: int) -> None:
    """Check that patches cover a sample to its end.

    Parameters
    ----------
    name : str
        Of the objective.
    length, patch : int
        Of a sample and of a patch, in steps.
    setting : str
        What sets the patch.
    step : int
        Patches are a multiple of it.
    fewest : int
        Patches of a sample.

    Raises
    ------
    ConfigError
        When steps are left over; with the longest sample that patches divide, and the patch nearest in length
        that divides the sample.
    """
    if not (rest := length % patch):
        return
    fitting = [other for other in range(step, length // fewest + 1, step) if length % other == 0]
    nearest = min(fitting, key=lambda other: abs(other - patch), default=0)
    # a patch of another order of magnitude is another task
    other = f", or {setting} to {nearest}" if patch <= 2 * nearest <= 4 * patch else ""
    raise ConfigError(
        f"objective {name} has patches of {patch} steps, which do not divide samples of {length}; set "
        f"window.steps to {length - rest}{other}"
    )
