"""A series as an encoder must be shown it, or one sentence that says why it cannot be."""

from __future__ import annotations

from collections.abc import Sequence

from tsrep.errors import ContractError
from tsrep.signals.contract import SignalContract
from tsrep.signals.series import Series
from tsrep.signals.standardise import stored_scaler
from tsrep.signals.units import canonical

SAME = 1e-3


def convert_series(series: Series, contract: SignalContract) -> Series:
    """A series with the contract's channels in its order, standardised by the statistics of its training.

    Parameters
    ----------
    series : Series
        In its unit.
    contract : SignalContract
        Whose channels are the known covariates, then the others.

    Raises
    ------
    ContractError
        When a channel or covariate is missing, or step or unit differ.
    """
    wanted = contract.channels or series.inputs
    covariates = wanted[: len(wanted) - len(set(wanted) & set(series.channels))]
    channels = wanted[len(covariates) :]
    _refuse_other_covariates(series, covariates)
    if missing := [name for name in channels if name not in series.channels]:
        raise ContractError(_lacks("channel", missing, series.channels))
    rate = 1 / series.step_seconds
    if abs(rate / contract.sfreq - 1) > SAME:
        raise ContractError(
            f"a step of the series is {series.step_seconds:g} s and the encoder was trained on steps of "
            f"{1 / contract.sfreq:g} s; resample the series"
        )
    has = canonical(series.unit)
    if contract.physical and has != contract.unit:
        raise ContractError(
            f"the series is in {has or 'no known unit'} and the encoder was trained on {contract.unit}; "
            "rescale it"
        )
    return stored_scaler(contract.standardise).apply_series(series.select(channels))


def _refuse_other_covariates(series: Series, wanted: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in series.covariate_names]:
        raise ContractError(_lacks("channel or covariate", missing, series.inputs))
    if tuple(wanted) != series.covariate_names:
        raise ContractError(
            f"the series has the covariates {', '.join(series.covariate_names)} and the encoder was trained "
            f"on {', '.join(wanted) or 'none'}; set dataset.calendar alike"
        )


def _lacks(what: str, missing: Sequence[str], has: Sequence[str]) -> str:
    return (
        f"the series has no {what} {missing[0]!r}, which the encoder was trained on; it has {', '.join(has)}"
    )
