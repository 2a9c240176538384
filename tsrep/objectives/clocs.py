"""CLOCS: real pieces of a recording as views, its segments or its leads, and patients as positives."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError
from tsrep.losses.clocs import Form, clocs_contrast
from tsrep.losses.gather import gather_rows
from tsrep.losses.loss import Loss
from tsrep.losses.nt_xent import NTXent
from tsrep.losses.relation import Relation, Same
from tsrep.losses.similarity import Temperature
from tsrep.objectives.chosen_loss import (
    ChosenLoss,
    loss_of_levels,
    needs_of_loss,
    refuse_temperature,
    total,
    view_terms,
)
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Panel

Views = Literal["segments", "leads", "segments-leads"]


@OBJECTIVES.register("clocs", runtime=("dim", "channels", "covariates"))
class Clocs(Objective):
    """Contrast the halves or the leads of a sample across samples, other samples of the patient as positives.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which every lead
        keeps beside it.
    views : {"segments", "leads", "segments-leads"}
        The two halves of a sample in time (CMSC), its channels at the same time (CMLC), or every channel of
        every half (CMSMLC). The last two encode each channel by itself, which the encoder ``lead-wise`` does.
    form : {"corrected", "published"}
        The public code trains the last pair of views alone (with more than two views, then, two of them get
        a gradient and the others none), weighs positives by how many kinds there are, and asks in one
        direction. ``"published"`` also scales each view of each channel to the range from 0 to 1.
    temperature : float
    projection : int or None
        Width of a linear map that serves the loss; null contrasts the pooled representation.
    pooling : {"max", "mean"}
        Over time.
    patient_positives : bool
        Whether other samples of the patient are positives. Without them no patient need be known.
    pairs : int or None
        So many pairs of views, drawn anew each step; null takes all. Of 24 views there are 276.
    loss : name or settings of a loss, or None
        In place of the objective's own contrast, such as ``dcl``, with all other views as candidates; a
        sample and the patient's other samples are positives in turn.

    Raises
    ------
    ConfigError
        When ``pairs`` is more than there are, ``pairs`` or ``loss`` does not go with the form, or the loss
        finds positives by itself.

    References
    ----------
    Kiyasseh et al., "CLOCS: Contrastive Learning of Cardiac Signals Across Space, Time, and Patients", ICML
    2021. Deviations: the project's encoders and standardisation, which keeps voltages; segments have all
    leads.
    """

    sampler: ClassVar[str] = "patient-wise"
    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "resnet1d", "width": 32, "dim": 128}}

    def __init__(
        self,
        dim: int,
        channels: int,
        covariates: int = 0,
        views: Views = "segments",
        form: Form = "corrected",
        temperature: Temperature = 0.1,
        projection: Positive | None = None,
        pooling: Literal["max", "mean"] = "max",
        patient_positives: bool = True,
        pairs: Annotated[int, Field(gt=0)] | None = None,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        refuse_temperature(Clocs, loss, temperature)
        if loss is not None and (form == "published" or pairs is not None):
            raise ConfigError(
                "objective.loss goes with the corrected form and all pairs of views; leave out "
                "objective.form and objective.pairs"
            )
        # The objective's own contrast takes each pair of views by itself.
        self.loss = None if loss is None else loss_of_levels(loss, NTXent(temperature), "clocs")
        self.patient_positives = patient_positives
        self.needs = _needs(patient_positives, loss)
        self.views, self.form, self.temperature = views, form, temperature
        self.covariates, self.pooling, self.pairs = covariates, pooling, pairs
        count = (1 if views == "leads" else 2) * (1 if views == "segments" else channels - covariates)
        self.all_pairs = count * (count - 1) // 2
        _refuse_pairs(pairs, self.all_pairs, form)
        self.project = nn.Identity() if projection is None else nn.Linear(dim, projection)

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Patients where they are positives, and those of the loss."""
        return _needs(settings.patient_positives, settings.loss)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``contrast``; see :class:`Objective`."""
        pieces = self.pieces(batch.x)  # (batch, view, channel, time)
        z = self.project(pool(encoder(pieces.flatten(0, 1)), self.pooling))
        z = z.view(*pieces.shape[:2], -1)  # (batch, view, projection)
        if self.loss is not None:
            return {"contrast": self._chosen_contrast(self.loss, z.transpose(0, 1), batch, generator)}
        loss = clocs_contrast(
            z,
            batch.patient if self.patient_positives else None,
            temperature=self.temperature,
            form=self.form,
            chosen=self._chosen(generator),
        )
        return {"contrast": loss}

    def _chosen_contrast(self, loss: Loss, z: Tensor, batch: Batch, generator: torch.Generator) -> Tensor:
        """The chosen loss of the own sample, and of other samples of the patient, among all other views."""
        levels = [partial(Relation.changed, view_pairs="cross")]
        if self.patient_positives:
            levels.append(partial(levels[0], positives=Same("patient"), own="candidate"))
        found = [view_terms(loss, z, batch, generator=generator, level=level) for level in levels]
        return torch.stack([*map(total, found)]).sum()

    def pieces(self, x: Tensor) -> Tensor:
        """Views of samples.

        Parameters
        ----------
        x : Tensor, shape (batch, covariate + channel, time)
            Of an odd number of steps the last is left out where samples are halved.

        Returns
        -------
        Tensor, shape (batch, view, covariate + channel, time)
            With leads apart of one channel each; views of one channel stand together.
        """
        pieces = x[:, None]
        if self.views != "segments":
            known, leads = x[:, None, : self.covariates], x[:, self.covariates :, None]
            pieces = torch.cat([known.expand(-1, leads.shape[1], -1, -1), leads], dim=2)
        if self.views != "leads":
            half = x.shape[2] // 2
            pieces = torch.stack([pieces[..., :half], pieces[..., half : 2 * half]], dim=2).flatten(1, 2)
        return _to_unit_range(pieces) if self.form == "published" else pieces

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: a single lead, halves shorter than a stride, leads that cannot be apart."""
        leads = len(train.channels) - self.covariates
        if self.views == "leads" and leads < 2:
            raise ConfigError(
                "objective clocs contrasts the leads of a recording, but there is one channel only; "
                "set objective.views to segments"
            )
        steps = train.length if self.views == "leads" else train.length // 2
        if steps < encoder.stride:
            raise ConfigError(
                f"half a sample has {steps} steps, fewer than one step of the encoder, which has "
                f"{encoder.stride}; raise window.seconds or set objective.views to leads"
            )
        if self.views != "segments":
            self._refuse_joined_leads(encoder, steps)
        if self.loss is not None:
            self.loss.refuse_unfit(train)

    def _refuse_joined_leads(self, encoder: Encoder, steps: int) -> None:
        try:
            with torch.no_grad():
                encoder(torch.zeros(1, 1 + self.covariates, steps))
        except (RuntimeError, ConfigError) as error:
            raise ConfigError(
                f"objective clocs with views {self.views} encodes each channel by itself, and the encoder "
                "takes all of them together; set encoder.name to lead-wise"
            ) from error

    def _chosen(self, generator: torch.Generator) -> Tensor | None:
        if self.pairs is None:
            return None
        drawn = torch.randperm(self.all_pairs, generator=generator, device=generator.device)[: self.pairs]
        return gather_rows(drawn[None])[0]  # those of the first rank: every rank computes the whole loss


def _needs(patient_positives: bool, loss: Any) -> frozenset[str]:
    return frozenset({"patient"} if patient_positives else ()) | needs_of_loss(loss)


def _refuse_pairs(pairs: int | None, most: int, form: Form) -> None:
    if pairs is not None and form == "published":
        raise ConfigError("objective.pairs has no effect on the published form; leave it out")
    if pairs is not None and pairs > most:
        raise ConfigError(
            f"objective.pairs is {pairs}, but the number of pairs of views is {most}; give at most that"
        )


def _to_unit_range(x: Tensor) -> Tensor:
    """Each channel of each view from 0 to 1, missing values left missing; constant ones become 0."""
    low = x.nan_to_num(torch.inf).amin(-1, keepdim=True)
    high = x.nan_to_num(-torch.inf).amax(-1, keepdim=True)
    return (x - low) / (high - low).clamp(min=torch.finfo(x.dtype).tiny)
