"""What an encoder must be shown: the contract between its weights and anybody's signals."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from tsrep.errors import ContractError, DataError
from tsrep.registry import Settings, explain
from tsrep.signals.filter_steps import FilterStep
from tsrep.signals.panel_checks import Modality
from tsrep.signals.resample import Interpolation
from tsrep.signals.standardise import How
from tsrep.signals.units import canonical
from tsrep.text import in_a_line, in_html, some

Hertz = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=1)]
Range = tuple[float, float]
MissingChannels = Literal["refuse", "derive", "zero", "mean", "mask"]
MissingValues = Literal["nan", "interpolate", "zero", "mean"]
NO_UNITS = ("a.u.", "sd")


class Window(Settings):
    """What a recording is cut into, and what becomes of one that is longer or shorter."""

    steps: Steps | None = Field(None, description="of a window; null shows whole recordings")
    seconds: Seconds | None = None
    multiple_of: Steps = 1
    least: Steps = Field(1, description="steps below which a recording counts as short, where steps is null")
    hop_seconds: Seconds | None = Field(None, description="from window to window; null means no overlap")
    longer: Literal["slide", "crop-start", "crop-centre", "refuse", "interpolate"] = "slide"
    tail: Literal["drop", "align"] = "drop"
    shorter: Literal["refuse", "pad", "repeat", "interpolate"] = "pad"


class Standardise(Settings):
    """What is subtracted and divided by; ``mean`` and ``std`` are of the training records, in ``unit``."""

    how: How = "none"
    mean: tuple[float, ...] | None = None
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    eps: Annotated[float, Field(ge=0)] = 0.0
    range: Range | None = None
    clip: Range | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        stored = self.how in ("global", "channel")
        if stored and not (self.mean and self.std and len(self.mean) == len(self.std)):
            raise ValueError(f"{self.how} needs mean and std, one of each for every scale")
        if self.how == "global" and len(self.mean or ()) != 1:
            raise ValueError("global has one mean and one std")
        if self.how.startswith("minmax") and self.range is None:
            raise ValueError(f"{self.how} needs a range, such as [-1, 1]")
        if not stored and (self.mean or self.std):
            raise ValueError(f"{self.how} has no stored mean or std; leave them null")
        for name, span in (("range", self.range), ("clip", self.clip)):
            if span is not None and span[0] >= span[1]:
                raise ValueError(f"{name} goes from {span[0]:g} to {span[1]:g}; give the smaller one first")
        return self


class Output(Settings):
    """What the encoder gives: vectors of ``dim`` for every ``stride`` steps, or one for a window."""

    dim: Steps | None = None
    stride: Steps | None = None
    time: bool = True
    causal: bool = False
    receptive_field: Steps | None = None
    accepts_missing_channels: bool = Field(
        False, description="whether a channel of NaN leaves the others as they are"
    )


class TrainedOn(Settings):
    """Signals that the encoder learnt from; not a part of the digest."""

    rate: Hertz | None = None
    band: tuple[float | None, float | None] = (None, None)
    records: Annotated[int, Field(ge=0)] | None = None
    patients: Annotated[int, Field(ge=0)] | None = None
    sources: tuple[str, ...] = ()
    ledger: str | None = None


class SignalContract(Settings):
    """What an encoder was trained to see, so that other signals can be shown to it or be refused.

    Attributes
    ----------
    channels : tuple of str, or None
        Canonical names in the order of the encoder; None for any, see ``channel_mode``.
    channel_mode : {"fixed", "named", "each"}
        ``"fixed"``: exactly these in this order. ``"named"``: any of them in any order, their names are
        handed to the encoder. ``"each"``: every channel goes through alone; ``join`` joins their features.
    reference : str, tuple of str, or None
        Of an EEG: ``"as recorded"``, ``"average"``, ``"linked mastoids"``, or channels to subtract.
    sfreq : float, Hz
    unit : str
        What the numbers mean before ``scale``: a unit of voltage, any other, ``"a.u."`` or ``"sd"``.
    scale : float
        The encoder sees ``scale`` times the standardised signal.
    filter : tuple of steps, or None
        In order; None where it is not known.
    filter_when : {"before resampling", "after resampling", "in window"}
    missing_values : {"nan", "interpolate", "zero", "mean"}
        What becomes of steps without a value; ``"nan"`` hands them to the encoder.
    missing_channels : {"refuse", "derive", "zero", "mean", "mask"}
        What happens where a channel is not recorded, unless :class:`~tsrep.signals.convert.Policies` say.
    """

    format: Literal[1] = 1
    modality: Modality = "other"
    channels: tuple[str, ...] | None
    channel_mode: Literal["fixed", "named", "each"] = "fixed"
    join: Literal["concat", "mean"] = "concat"
    reference: str | tuple[str, ...] | None = None
    sfreq: Hertz
    unit: str
    scale: Annotated[float, Field(gt=0)] = 1.0
    filter: tuple[FilterStep, ...] | None = ()
    filter_when: Literal["before resampling", "after resampling", "in window"] = "before resampling"
    window: Window = Window()
    standardise: Standardise = Standardise()
    missing_values: MissingValues = "nan"
    missing_channels: MissingChannels = "derive"
    resample: Interpolation = "polyphase"
    output: Output = Output()
    trained_on: TrainedOn = TrainedOn()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = self.channels
        if names is None and self.channel_mode == "fixed":
            raise ValueError("channel_mode fixed needs channels; name them in the order of the encoder")
        if names is not None and not (names and len(set(names)) == len(names)):
            raise ValueError(f"channels are {list(names)}; name each once, and at least one")
        scales = len(self.standardise.mean or ())
        if self.standardise.how == "channel" and (names is None or scales != len(names)):
            raise ValueError(f"standardise has {scales} scales; give one for each channel")
        if isinstance(self.reference, str) and self.reference not in REFERENCES:
            raise ValueError(f"reference is {self.reference!r}; write {', '.join(REFERENCES)} or a list")
        return self

    @field_validator("unit")
    @classmethod
    def _canonical(cls, unit: str) -> str:
        try:
            return canonical(unit) or NO_UNITS[0]
        except DataError as error:  # pydantic wants its own kind
            raise ValueError(str(error)) from error

    @property
    def _facts(self) -> dict[str, str]:
        """What to show of it, empty where it is not said."""
        return {
            "modality": self.modality,
            "channels": "any" if self.channels is None else some(self.channels),
            "rate": f"{self.sfreq:g} Hz",
            "unit": self.unit,
            "window": f"{self.window.steps} steps" if self.window.steps else "whole recordings",
            "standardised": self.standardise.how,
        }

    def __repr__(self) -> str:
        return in_a_line("SignalContract", self._facts)

    def _repr_html_(self) -> str:
        return in_html("SignalContract", self._facts)

    @property  # a copy of a model would keep a cached one
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of all fields but ``trained_on``; two contracts are equal by it."""
        said = self.model_dump(mode="json", exclude={"trained_on"})
        return hashlib.sha256(_canonical_json(said).encode()).hexdigest()

    @property
    def physical(self) -> bool:
        """Whether amplitudes mean something outside the data that the encoder was trained on."""
        return self.unit not in NO_UNITS

    @property
    def any_rate(self) -> bool:
        """Whether steps of any length are taken as they come, as an encoder of plain series takes them."""
        return self.modality == "series" and self.sfreq == 1 and not self.physical

    def to_json(self) -> str:
        """Canonical JSON with the digest: sorted keys, no spaces, shortest exact numbers."""
        return _canonical_json(self.model_dump(mode="json") | {"digest": self.digest})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A contract from :meth:`to_json`, or from a file written by hand, which needs no digest.

        Raises
        ------
        ContractError
            When the text is no contract, or its digest is of another one.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ContractError(f"the contract is no JSON ({error}); restore the file") from error
        if not isinstance(values, dict):
            raise ContractError("the contract is no JSON object; restore the file")
        said = values.pop("digest", None)
        try:
            contract = cls.model_validate_json(json.dumps(values))
        except ValidationError as error:
            raise ContractError(f"the contract cannot be used: {explain(error)}") from error
        if said is not None and said != contract.digest:
            raise ContractError(
                "the contract was changed after it was written (its digest is another one); restore it, or "
                "leave the digest out of a contract of your own"
            )
        return contract


REFERENCES = ("as recorded", "average", "linked mastoids")


def _canonical_json(values: Any) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
