"""COMET: contrast of observations, samples, trials and patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.losses.comet_patient_trial import Negatives, patient_trial_contrast
from tsrep.losses.similarity import Temperature
from tsrep.losses.ts2vec_hierarchical import hierarchical_contrast
from tsrep.objectives.objective import Objective
from tsrep.objectives.positives import Pair, refuse_no_pair
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.dropout import dropout_mask, dropped
from tsrep.views.timestamp_masks import TIMESTAMP_MASKS

CLEAN = "clean"
TRIAL_NEGATIVES: dict[str, Negatives] = {
    "other-patients": "other-groups",
    "same-patient": "same-group",
    "all": "all",
}


@dataclass(frozen=True)
class Draws:
    """The randomness of one step.

    Attributes
    ----------
    keep : dict of Tensors, shape (2, batch, time), bool
        Time steps that each of two views shows to the encoder, by source of views.
    dropout : dict of Tensors, shape (2, batch, time', dim), bool
        Elements of the representation that each view keeps, by level, or by source where levels share it.
    """

    keep: dict[str, Tensor]
    dropout: dict[str, Tensor]


@OBJECTIVES.register("comet-masked")
class CometMasked(Objective):
    """Four weighted contrasts of masked views: of observations, samples, trials and patients.

    The defaults are the method as it is meant; the deviations of the published code are options.

    Parameters
    ----------
    patient_weight, trial_weight, sample_weight, observation_weight : float
        A level of weight zero costs nothing. By default patient and trial lead: the other two
        separate windows by whatever differs, noise included, and alone they take a probe below that of the
        random initialisation.
    apply_weights_to_identity : bool
        Published: False, that is, patient and trial enter with weight 1 unless their weight is zero.
    temperature : float
        Of the trial and patient contrasts.
    dropout : float
        Share of the elements of a representation that a view loses.
    mask : {"continuous", "binomial"}
        How time steps are hidden from the encoder in the sample and observation levels.
    share_masks : bool
        One pair of masked views for all levels that are masked: three encoder passes instead of five, with
        the same expected gradient.
    identity_views : {"clean", "masked"}
        Whether trial and patient see unmasked samples (published). Their positives are different windows, so
        they need no augmentation to be a task, and an encoder trained on masked input alone would never meet
        what it is given when it is used.
    diagonal : {"drop", "keep", "positive"}
        A sample's own other view in the trial and patient contrasts; see
        :func:`tsrep.losses.comet_patient_trial.patient_trial_contrast`. Clean views of one sample differ in
        dropout alone and are nearly equal. As a negative (published: "keep") that pair is the hardest of all
        and pushes a sample from itself; as a positive it teaches nothing that the sample level does not teach
        better. Take "positive" with masked views.
    anchors : {"both", "earlier"}
        Published: "earlier", half of the same pairs, chosen by the order of the batch.
    trial_negatives : {"other-patients", "same-patient", "all"}
        With "all" (published) the trial level pushes apart just the pairs that the patient level pulls
        together. The figure of the paper draws "same-patient": trials nested in their patient, which needs
        several trials of a patient in a batch. By default the two levels agree and labels that belong to
        patients are not torn apart.
    identity_features : {"pooled", "time-course"}
        Published: "time-course", a cosine step by step, which means something only where windows start at
        one phase of the heartbeat. The maximum over time does not care, and is what a probe reads.

    References
    ----------
    Wang et al., "Contrast Everything: A Hierarchical Contrastive Framework for Medical Time-Series",
    NeurIPS 2023.
    """

    needs: frozenset[str] = frozenset({"trial", "patient"})
    sampler: ClassVar[str] = "patient-wise"

    def __init__(
        self,
        patient_weight: NonNegativeFloat = 0.4,
        trial_weight: NonNegativeFloat = 0.4,
        sample_weight: NonNegativeFloat = 0.1,
        observation_weight: NonNegativeFloat = 0.1,
        apply_weights_to_identity: bool = True,
        temperature: Temperature = 0.1,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        mask: Literal["continuous", "binomial"] = "continuous",
        share_masks: bool = False,
        identity_views: Literal["clean", "masked"] = "clean",
        diagonal: Literal["drop", "keep", "positive"] = "drop",
        anchors: Literal["both", "earlier"] = "both",
        trial_negatives: Literal["other-patients", "same-patient", "all"] = "other-patients",
        identity_features: Literal["pooled", "time-course"] = "pooled",
    ) -> None:
        super().__init__()
        weights = {
            "patient": patient_weight,
            "trial": trial_weight,
            "sample": sample_weight,
            "observation": observation_weight,
        }
        self.weights = {level: weight for level, weight in weights.items() if weight > 0}
        if not self.weights:
            raise ConfigError(
                "objective comet-masked has four levels of weight zero; give one of them a weight"
            )
        if not apply_weights_to_identity:
            self.weights |= dict.fromkeys({"patient", "trial"} & self.weights.keys(), 1.0)
        ids = {
            "patient": {"patient"},
            "trial": {"trial", "patient"},
        }  # trials have patients' negatives
        self.needs = frozenset().union(*(ids.get(level, set()) for level in self.weights))
        self.contrasts_patients = "patient" in self.weights
        self.dropout, self.mask = dropout, mask
        clean = {"patient", "trial"} if identity_views == "clean" else set()
        self.sources = {
            level: CLEAN if level in clean else "masked" if share_masks else level for level in self.weights
        }
        # Views of one source share their dropout, but those of clean samples would then be one and the same.
        self.dropout_keys = {level: level if s == CLEAN else s for level, s in self.sources.items()}
        self.trial_negatives = TRIAL_NEGATIVES[trial_negatives]
        self._patient_trial = partial(
            patient_trial_contrast,
            temperature=temperature,
            diagonal=diagonal,
            anchors=anchors,
            features=identity_features,
        )

    @property
    def repeats(self) -> frozenset[str]:
        """None for all levels alike; :meth:`refuse_unfit` asks for those of each."""
        return frozenset()

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: no positives of a level, or no negatives of trials in their patient."""
        for level, pair in self._pairs():
            refuse_no_pair(pair, train, objective="comet-masked", level=level)

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`; trials alone may have negatives in their own patient."""
        if "patient" in self.weights or self.trial_negatives == "other-groups":
            super().refuse_batches(encoder, train, batches)
        for level, pair in self._pairs():
            refuse_no_pair(pair, train, batches, objective="comet-masked", level=level)

    def _pairs(self) -> Iterator[tuple[str, Pair]]:
        """What a batch must have for each level."""
        if "patient" in self.weights:
            yield "patient", "samples of a patient"
        if "trial" in self.weights:
            yield "trial", "samples of a trial"
            if self.trial_negatives == "same-group":
                yield "trial", "trials of a patient"

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """One term for each level that has a weight; see :class:`Objective`."""
        return self.terms(encoder, batch, self.draw(encoder, batch, generator=generator))

    def draw(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> Draws:
        """Masks and dropout of one step for every level that has a weight."""
        size, time = len(batch), batch.x.shape[-1]
        # One draw for both views and all samples: masks (2, batch, time), dropout (2, batch, time', dim).
        mask, shape = TIMESTAMP_MASKS[self.mask], (2, size, time // encoder.stride, encoder.dim)
        masked = [source for source in dict.fromkeys(self.sources.values()) if source != CLEAN]
        keep = {s: mask(2 * size, time, generator=generator).view(2, size, time) for s in masked}
        keys = dict.fromkeys(self.dropout_keys.values()) if self.dropout else {}
        return Draws(keep, {key: dropout_mask(shape, self.dropout, generator=generator) for key in keys})

    def terms(self, encoder: Encoder, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        """Weighted loss of each level for given draws."""
        encoded, terms = self._encode(encoder, batch, draws), {}
        for level, weight in self.weights.items():
            z1, z2 = encoded[self.sources[level]]
            if self.dropout:
                keep1, keep2 = draws.dropout[self.dropout_keys[level]]
                z1, z2 = dropped(z1, keep1, self.dropout), dropped(z2, keep2, self.dropout)
            terms[level] = weight * self._loss(level, z1.mT, z2.mT, batch)
        return terms

    def _encode(self, encoder: Encoder, batch: Batch, draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        """Two representations ``(batch, time', dim)`` by source of views, in one encoder pass for all."""
        keep = [mask for masks in draws.keep.values() for mask in masks]
        # Clean samples are encoded once: their two views differ in dropout alone.
        clean = CLEAN in self.sources.values()
        if clean:
            keep.append(torch.ones_like(batch.x[:, 0], dtype=torch.bool))
        z = encoder(batch.x.repeat(len(keep), 1, 1), torch.cat(keep)).mT  # (block * batch, time', dim)
        blocks = z.chunk(len(keep))
        encoded = {source: (blocks[2 * i], blocks[2 * i + 1]) for i, source in enumerate(draws.keep)}
        return encoded | ({CLEAN: (blocks[-1], blocks[-1])} if clean else {})

    def _loss(self, level: str, z1: Tensor, z2: Tensor, batch: Batch) -> Tensor:
        """Loss of a level on two views, shape (batch, dim, time') each."""
        if level == "observation":
            return hierarchical_contrast(z1, z2, observation=1.0)
        if level == "sample":
            return hierarchical_contrast(z1, z2, sample=1.0)
        if level == "patient":
            return self._patient_trial(z1, z2, batch.patient)
        return self._patient_trial(z1, z2, batch.trial, batch.patient, negatives=self.trial_negatives)
