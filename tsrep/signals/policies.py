"""What a user allows where signals and a contract differ."""

from __future__ import annotations

from dataclasses import dataclass

from tsrep.signals.contract import MissingChannels
from tsrep.signals.units import canonical


@dataclass(frozen=True)
class Policies:
    """What a user allows where signals and a contract differ.

    Attributes
    ----------
    missing_channels : str or None
        In place of the contract's: ``"refuse"``, ``"derive"``, ``"zero"``, ``"mean"`` or ``"mask"``.
    allow_missing : int
        So many channels may be filled with zeros, even when they are more than half.
    allow_upsampling : bool
        Take recordings that lack much of the band which the encoder was trained on.
    any_modality : bool
    allow_modified_leads : bool
        Take modified limb leads (MLI, MLII, MLIII) for I, II and III.
    unit : str or None
        Of the recordings, where they do not say it or say it wrongly.
    strict : bool
        Refuse what would otherwise be told as doubtful, and leave out no recording.

    Raises
    ------
    DataError
        When the unit could be two.
    """

    missing_channels: MissingChannels | None = None
    allow_missing: int = 0
    allow_upsampling: bool = False
    any_modality: bool = False
    allow_modified_leads: bool = False
    unit: str | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        canonical(self.unit or "")
