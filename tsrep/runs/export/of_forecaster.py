"""Forecasters as they are exported, encoder and head together."""

from __future__ import annotations

from torch import Tensor, nn

from tsrep.objectives.forecaster import Forecaster
from tsrep.runs.export.preprocessing import divide
from tsrep.runs.export.subject import EXAMPLE, Request, Subject, about_encoder
from tsrep.runs.export.traced import noise
from tsrep.runs.references.reference import Reference


class PastAlone(nn.Module):
    """A forecaster that knows nothing in advance, as a map of the past alone."""

    def __init__(self, forecaster: Forecaster) -> None:
        super().__init__()
        self.forecaster = forecaster

    def forward(self, past: Tensor) -> Tensor:
        """Map (batch, channel, lookback) to (batch, channel, horizon)."""
        return self.forecaster(past, past.new_zeros(past.shape[0], 0, self.forecaster.horizon))


def forecaster_of(reference: Reference, request: Request) -> Subject:
    """From the past, and covariates ahead where there are some, to the future."""
    del request
    run = reference.run
    forecaster, loaded, known = run.forecaster(), run.loaded(), run.counts["covariates"]
    past = noise(EXAMPLE, run.counts["channels"], forecaster.lookback)
    inputs, module = {"past": past}, PastAlone(forecaster).eval()
    if known:
        inputs["ahead"] = noise(EXAMPLE, known, forecaster.horizon)
    data = run.provenance["data"]
    norm = getattr(run.config.objective, "norm", "none")
    return Subject(
        forecaster if known else module,
        inputs,
        ("z",),
        None,
        loaded.contract,
        tuple(data["channels"]),
        about_encoder(loaded) | {"covariates": data.get("covariates", []), "normalisation": norm},
        divide(loaded.contract, "none"),
    )
