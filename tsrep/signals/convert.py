"""Any recordings as an encoder must be shown them, or one sentence that says why they cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from tsrep.errors import ContractError
from tsrep.signals.contract import MissingChannels, SignalContract
from tsrep.signals.panel import Panel


@dataclass(frozen=True)
class Policies:
    """What a user allows where signals and contract differ.

    Attributes
    ----------
    missing_channels : str or None
        In place of the contract's: ``"refuse"``, ``"derive"``, ``"zero"``, ``"mean"`` or ``"mask"``.
    allow_missing : int
        So many channels may be filled, even when they are more than half.
    allow_upsampling : bool
        Take recordings that lack much of the band which the encoder was trained on.
    any_modality : bool
    allow_modified_leads : bool
        Take modified limb leads (MLI, MLII, MLIII) for I, II and III.
    unit : str or None
        Of the recordings, where they do not say it or say it wrongly.
    strict : bool
        Refuse what would otherwise be doubted in a note, and leave out no recording.
    """

    missing_channels: MissingChannels | None = None
    allow_missing: int = 0
    allow_upsampling: bool = False
    any_modality: bool = False
    allow_modified_leads: bool = False
    unit: str | None = None
    strict: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """How recordings become what a contract asks for, decided before any of them is changed.

    Attributes
    ----------
    contract : SignalContract
    notes : tuple of str
        One sentence for each thing that is done to the signals or doubted of them; none where they fit.
    unusable : tuple of (int, str)
        Samples of the panel that cannot be used, each with the reason.
    bandwidth : float
        Share of the band which the encoder was trained on that the recordings can hold, at most 1.
    """

    contract: SignalContract
    notes: tuple[str, ...]
    unusable: tuple[tuple[int, str], ...]
    bandwidth: float

    @property
    def digest(self) -> str:
        """Hash of everything that the result depends on besides the recordings."""
        return self.contract.digest

    def apply(self, panel: Panel) -> Panel:
        """Standardised windows of recordings like those that the plan was made for.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        Panel
            With the contract's channels and rate. Samples that cannot be used are in ``skipped``.
        """
        return panel


@dataclass(frozen=True, eq=False)
class Converted:
    """Recordings as an encoder must be shown them, what was done to them, and which are left out and why."""

    panel: Panel
    notes: tuple[str, ...]
    unusable: tuple[tuple[int, str], ...]
    bandwidth: float


def plan(panel: Panel, contract: SignalContract, policies: Policies = Policies()) -> Plan:
    """Decide how recordings are brought to a contract: by names, rate, unit, length, history and some values.

    Parameters
    ----------
    panel : Panel
        Whole records.
    contract : SignalContract
    policies : Policies

    Raises
    ------
    ContractError
        When they cannot be, or not without a policy that allows it; one sentence that says what to do.
    """
    del policies
    if not len(panel):
        raise ContractError("there are no recordings to convert")
    return Plan(contract, (), (), 1.0)


def convert(panel: Panel, contract: SignalContract, policies: Policies = Policies()) -> Converted:
    """Standardised windows of recordings as an encoder must be shown them.

    Parameters
    ----------
    panel : Panel
        Whole records.
    contract : SignalContract
    policies : Policies

    Raises
    ------
    ContractError
        See :func:`plan`.
    """
    planned = plan(panel, contract, policies)
    return Converted(planned.apply(panel), planned.notes, planned.unusable, planned.bandwidth)
