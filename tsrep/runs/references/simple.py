"""``simple:NAME``: vectors that need no training, as controls of encoders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import NoReturn

import numpy as np
from torch import Tensor

from tsrep.encoders.encoder import UNBOUNDED, Encoder
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.arrays import Array
from tsrep.registry import nearest
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import PREFIXED, REFERENCES, ReferenceKind
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import Converted, Policies
from tsrep.signals.hand_features import amplitude_and_spectrum
from tsrep.signals.panel import Panel
from tsrep.signals.plan import times
from tsrep.signals.units import canonical, factor, is_voltage

PREFIX = "simple:"
ANY = SignalContract(channels=None, channel_mode="each", sfreq=1.0, unit="a.u.")


def age_and_sex(panel: Panel) -> Array:
    """Age in years, and three flags: age not known, female, male; shape (sample, 4).

    Raises
    ------
    DataError
        When neither is known of the recordings.
    """
    of_trial = np.searchsorted(panel.trials, panel.trial)
    if not {"age", "sex"} <= panel.meta.keys():
        raise DataError(
            f"{panel.source or 'the recordings'} come without age and sex; leave this control out"
        )
    age, sex = panel.meta["age"][of_trial].astype(float), panel.meta["sex"][of_trial]
    unknown = np.isnan(age)
    return np.stack([np.where(unknown, 0, age), unknown, sex == "F", sex == "M"], axis=1).astype(float)


SIMPLE: Mapping[str, Callable[[Panel], Array]] = {
    "amplitude-and-spectrum": amplitude_and_spectrum,
    "age-and-sex": age_and_sex,
}


@REFERENCES.register("simple")
class SimpleReference(ReferenceKind):
    """A formula for whole recordings: ``amplitude-and-spectrum`` or ``age-and-sex``."""

    form, rank = "simple:NAME", PREFIXED

    def matches(self, text: str) -> bool:
        """See :meth:`ReferenceKind.matches`."""
        return text.startswith(PREFIX)

    def open(self, text: str) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`."""
        name = text.removeprefix(PREFIX)
        if name not in SIMPLE:
            raise ConfigError(f"{text} names no simple control; {nearest(name, list(SIMPLE))}")
        return LoadedEncoder(
            _NoEncoder(text),
            ANY,
            text,
            hashlib.sha256(text.encode()).hexdigest(),
            name=name.replace("-", " "),
            ledger=Ledger(),
            stored=SIMPLE[name],
            shows=_as_they_are,
        )

    def check(self, text: str) -> tuple[str, ...]:
        """See :meth:`ReferenceKind.check`; there is nothing to try."""
        return (f"{self.open(text).name}: a formula, for any recordings",)


class _NoEncoder(Encoder):
    """In place of an encoder, where a formula gives the vectors."""

    def __init__(self, reference: str) -> None:
        super().__init__()
        self.reference = reference
        self.dim, self.stride, self.receptive_field, self.causal = 1, 1, UNBOUNDED, False

    def forward(self, x: Tensor, keep: Tensor | None = None) -> NoReturn:
        del x, keep
        raise RunError(
            f"{self.reference} gives vectors of whole recordings by a formula; use it to evaluate, compare "
            "and validate"
        )


def _as_they_are(records: Panel, policies: Policies) -> Converted:
    """Whole recordings, those of a voltage in mV, so that those of two data sets can be compared."""
    unit = records.unit if policies.unit is None else policies.unit
    if not is_voltage(canonical(unit)):
        return Converted(records)
    return Converted(times(records, factor(unit, "mV")), ("signals are taken in mV",))
