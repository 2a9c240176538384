"""``random:NAME``: a registered encoder with random weights, for any recordings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS, explain
from tsrep.rng import initial_weights
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import PREFIXED, REFERENCES, ReferenceKind
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import Converted, Policies, convert

NAMED = re.compile(r"random:(?P<name>[^@]+)(@(?P<seed>\d+))?")
SECONDS = 10.0  # of a window; shorter recordings are one window
ANY = SignalContract(
    channels=None, channel_mode="each", sfreq=1.0, unit="a.u.", standardise={"how": "record"}
)


@REFERENCES.register("random")
class RandomReference(ReferenceKind):
    """An encoder of the registry by its name, with its default settings and the weights of a seed.

    It is built for the channels of the recordings, which it is shown as they are, each channel of a recording
    standardised, in windows of ten seconds.
    """

    form, rank = "random:NAME or random:NAME@SEED", PREFIXED

    def matches(self, text: str) -> bool:
        """See :meth:`ReferenceKind.matches`."""
        return text.startswith("random:")

    def open(self, text: str) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`."""
        found = NAMED.fullmatch(text)
        if found is None:
            raise ConfigError(f"{text} names no encoder with a seed; write {self.form}")
        try:
            settings = ENCODERS.entry(found["name"]).settings()
        except ValidationError as error:
            raise ConfigError(f"{text}: {explain(error)}") from error
        encoder = RandomEncoder(settings, int(found["seed"] or 0))
        return LoadedEncoder(
            encoder,
            ANY,
            text,
            hashlib.sha256(f"{settings!r} {encoder.seed}".encode()).hexdigest(),
            name=f"random {found['name']}",
            provenance={"parameters_from": f"random, seed {encoder.seed}"},
            ledger=Ledger(),  # it has seen nothing
            draw=encoder.of_seed,
            shows=_shown,
        )


class RandomEncoder(Encoder):
    """A registered encoder with random weights, built for the channels that it is told.

    Parameters
    ----------
    settings : Settings
        Of the encoder, with its registered ``name``.
    seed : int
    """

    def __init__(self, settings: BaseModel, seed: int) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        self.see(("channel",))

    def see(self, names: Sequence[str]) -> None:
        """See :meth:`Encoder.see`; the encoder is built anew, with the same weights for the same channels."""
        self.names = tuple(names)
        with initial_weights(self.seed, "encoder"):
            self.inner: Encoder = ENCODERS.build(self.settings, channels=len(self.names)).eval()
        self.dim, self.stride = self.inner.dim, self.inner.stride
        self.receptive_field, self.causal = self.inner.receptive_field, self.inner.causal

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        return self.inner(x, keep)

    def of_seed(self, seed: int) -> RandomEncoder:
        """Another one for the same channels."""
        made = RandomEncoder(self.settings, seed)
        made.see(self.names)
        return made

    def layer_groups(self) -> list[tuple[str, list[str]]]:
        """Those of the encoder inside."""
        return [(group, [f"inner.{name}" for name in names]) for group, names in self.inner.layer_groups()]


def _shown(records: Panel, policies: Policies) -> Converted:
    """Recordings as they are, each channel of each standardised."""
    contract: dict[str, Any] = {
        "modality": records.modality,
        "channels": records.channels,
        "sfreq": records.sfreq,
        "unit": records.unit or "a.u.",
        "filter": [],
        "window": {"steps": min(records.length, round(SECONDS * records.sfreq))},
        "standardise": {"how": "record"},
    }
    return convert(records, SignalContract(**contract), policies)
