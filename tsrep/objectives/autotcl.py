"""AutoTCL: a network learns which view of a sample the encoder must recognise."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field, TypeAdapter
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.objectives.autotcl_form import FORMS, Form, saturation
from tsrep.objectives.inner_optimisation import InnerOptimisation
from tsrep.objectives.objective import Objective
from tsrep.registry import ENCODERS, OBJECTIVES, Chosen
from tsrep.signals.batch import Batch

TRUNK = {"name": "dilated-conv", "hidden": 64, "dim": 16, "depth": 3}
ChosenForm = Annotated[Any, Chosen(FORMS)]
ChosenTrunk = Annotated[Any, Chosen(ENCODERS)]


@OBJECTIVES.register("autotcl", runtime=("channels", "covariates"))
class AutoTCL(Objective):
    """Contrast samples with views that an augmenter, trained in alternation, makes of them.

    Parameters
    ----------
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known in advance.
    form : {"paper", "released"}, or settings with one of these names
        What the view is and what both players minimise: :class:`tsrep.objectives.autotcl_paper.PaperForm`,
        :class:`tsrep.objectives.autotcl_released.ReleasedForm`. Each has its own settings, so
        ``form: {name: paper, entropy: 0.01}``.
    trunk : name or settings of an encoder
        Of the augmenter.
    frozen : bool
        Leave the augmenter at its random start: the control that tells whether learning it helps.
    crop : int or None
        Steps of the random stretch, the same for the whole batch, that each step trains on.

    References
    ----------
    Zheng et al., "Parametric Augmentation for Time Series Contrastive Learning", ICLR 2024.
    """

    def __init__(
        self,
        channels: int,
        covariates: int,
        form: ChosenForm = "paper",
        trunk: ChosenTrunk = TRUNK,
        frozen: bool = False,
        crop: Annotated[int, Field(gt=0)] | None = None,
    ) -> None:
        super().__init__()
        network = ENCODERS.build(TypeAdapter(ChosenTrunk).validate_python(trunk), channels=channels)
        settings = TypeAdapter(ChosenForm).validate_python(form)
        self.form: Form = FORMS.build(settings, trunk=network, channels=channels, covariates=covariates)
        self.frozen, self.crop = frozen, crop
        self.form.augmenter.requires_grad_(not frozen)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``global`` and ``local``; see :class:`Objective`."""
        x = self._cropped(batch.x, generator)
        with torch.no_grad():
            view = self.form.augmenter(x, generator=generator).view
        return self.form.encoder_terms(encoder, x, view, generator=generator)

    def inner_optimisations(self) -> tuple[InnerOptimisation, ...]:
        """The augmenter, unless it is frozen."""
        if self.frozen:
            return ()
        form = self.form
        return (
            InnerOptimisation("augmenter", form.augmenter, self._player_terms, lr=form.lr, every=form.every),
        )

    def diagnostics(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Saturation of mask and gain; see :func:`tsrep.objectives.autotcl_form.saturation`."""
        del encoder
        return saturation(self.form.augmenter(self._cropped(batch.x, generator), generator=generator))

    def _player_terms(
        self, encoder: Encoder, batch: Batch, *, generator: torch.Generator
    ) -> dict[str, Tensor]:
        return self.form.player_terms(encoder, self._cropped(batch.x, generator), generator=generator)

    def _cropped(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A stretch of the batch at a random place."""
        time = x.shape[-1]
        if self.crop is None or self.crop >= time:
            return x
        start = torch.randint(time - self.crop + 1, (), generator=generator, device=x.device)
        return x.index_select(2, start + torch.arange(self.crop, device=x.device))
