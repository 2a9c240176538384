"""Losses of the contrastive objectives on two views, as :mod:`tests.losses.batch_gradients` asks for them."""

import torch

from tsrep import registry
from tsrep.losses.clocs import clocs_contrast
from tsrep.losses.gather import first_row, gather_rows
from tsrep.losses.masked_patches import masked_patch_error
from tsrep.losses.mixing_up import doubled_mixture_contrast, mixture_contrast
from tsrep.losses.relation import Relation, Samples
from tsrep.losses.sepclr import Separated, separation_terms
from tsrep.losses.symile import cyclic_moves, symile
from tsrep.losses.tf_c import Domains, time_frequency_contrast
from tsrep.losses.ts_tcc import temporal_contrast
from tsrep.rng import torch_generator
from tsrep.signals import Batch

SHARE = torch.tensor([0.3, 0.8, 0.6, 0.9, 0.2, 0.5])


def clocs(z1, z2, trial, patient):
    return clocs_contrast(torch.stack([z1.mean(-1), z2.mean(-1)], dim=1), patient)


def temporal(z1, z2, trial, patient):
    return temporal_contrast(z1.mT, z2.mT)


def consistency(form):
    def loss(z1, z2, trial, patient):
        parts = [z[..., k] for k in range(4) for z in (z1, z2)]
        return torch.stack([*time_frequency_contrast(Domains(*parts), form=form).values()]).sum()

    return loss


def mixtures(doubled):
    def loss(z1, z2, trial, patient):
        first = first_row(len(z1))
        mixed, z, share = z1.mean(-1), z2.mean(-1), SHARE[first : first + len(z1)]
        if doubled:
            return doubled_mixture_contrast(mixed, z, z1.amax(-1), share)
        # the same partners on one rank and on two: the next of three samples
        partner = torch.tensor([1, 2, 0, 4, 5, 3])[: len(z1)]
        return mixture_contrast(mixed, z, partner, share)

    return loss


def separation(z1, z2, trial, patient):
    seen = Separated(z1.mean(-1), z2.mean(-1), z1.amax(-1), z2.amax(-1), patient == 1)
    return torch.stack([*separation_terms(seen).values()]).sum()


def signals(shuffled):
    def loss(z1, z2, trial, patient):
        rows = torch.stack([z1.mean(-1), z2.mean(-1), z1.amax(-1)])
        count = len(gather_rows(trial))
        moves = cyclic_moves(3, count, generator=torch_generator("moves")) if shuffled else None
        # three samples of the first half are there and two of the second
        return symile(rows, 5.0, present=torch.arange(len(z1)) + first_row(len(z1)) != 4, moves=moves)

    return loss


def patches(z1, z2, trial, patient):
    hidden = (trial[:, None] >= torch.arange(2))[..., None].expand(-1, -1, 5)  # more of later samples
    prediction, target = (z.unflatten(-1, (2, 4)).transpose(1, 2) for z in (z1, z2.detach()))
    return masked_patch_error(prediction, target, hidden)


def registered(name, settings):
    loss = registry.LOSSES.build(registry.LOSSES.entry(name).settings(**settings))

    def value(z1, z2, trial, patient):
        first = first_row(len(z1))
        place = torch.arange(len(z1)) + first
        batch = Batch(
            z1.detach(),
            label=trial,
            patient=patient,
            trial=trial,
            sample=place,
            start=place,
            target=place[:, None] / 3,
        )
        z = torch.stack([z1.mean(-1), z2.mean(-1)])
        draws = loss.draw((2, 6, 5), generator=torch_generator("draws"))
        relation = Relation(Samples.of(batch, windows=loss.reads_windows))
        return torch.stack([*loss(z, relation, draws=draws).values()]).sum()

    return value


OF = {"w-mse": {"group": 6}, "cacr": {"by": "patient"}, "nt-xent": {"pairs": {"same_patient": 0.2}}}


LOSSES = {f"loss-{name}": registered(name, OF.get(name, {})) for name in registry.LOSSES.names()} | {
    "clocs": clocs,
    "temporal": temporal,
    "time-frequency": consistency("corrected"),
    "time-frequency-2022": consistency("published-2022"),
    "mixture": mixtures(doubled=False),
    "doubled-mixture": mixtures(doubled=True),
    "masked-patches": patches,
    "separation": separation,
    "symile": signals(shuffled=False),
    "symile-shuffled": signals(shuffled=True),
}
