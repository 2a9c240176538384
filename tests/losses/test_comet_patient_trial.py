import itertools

import pytest
import torch

from tsrep.losses.comet_patient_trial import patient_trial_contrast

IDS = torch.tensor([0, 0, 1, 2, 2, 2])
GROUPS = torch.tensor([0, 0, 0, 1, 1, 1])


def pair(batch=6, dim=3, time=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2, batch, dim, time, generator=generator, dtype=dtype)
    return z[0].requires_grad_(), z[1].requires_grad_()


def cosine(a, b, features):
    if features == "pooled":
        return torch.cosine_similarity(a.amax(-1), b.amax(-1), dim=0)
    return torch.cosine_similarity(a, b, dim=-1).mean()


def literal(z1, z2, ids, groups, *, negatives, diagonal, anchors, features, temperature):
    """One pair after the other."""
    directions = []
    for first, second in [(z1, z2), (z2, z1)]:
        terms = []
        for i, j in itertools.product(range(len(ids)), repeat=2):
            right = ids[i] == ids[j] and (i != j or diagonal == "positive")
            if not right or (anchors == "earlier" and j < i):
                continue
            candidates = [
                k
                for k in range(len(ids))
                if (k != i or diagonal != "drop")
                and (
                    ids[k] == ids[i]
                    or negatives == "all"
                    or (negatives == "same-group") == bool(groups[k] == groups[i])
                )
            ]
            logits = torch.stack([cosine(first[i], second[k], features) for k in candidates]) / temperature
            terms.append(logits.logsumexp(0) - logits[candidates.index(j)])
        directions.append(torch.stack(terms).mean())
    return (directions[0] + directions[1]) / 2


@pytest.mark.parametrize("negatives", ["all", "same-group", "other-groups"])
@pytest.mark.parametrize("diagonal", ["keep", "positive", "drop"])
@pytest.mark.parametrize("anchors", ["earlier", "both"])
@pytest.mark.parametrize("features", ["pooled", "time-course"])
def test_value_and_gradient_are_the_literal_ones(negatives, diagonal, anchors, features):
    views = pair()
    options = {"negatives": negatives, "diagonal": diagonal, "anchors": anchors, "features": features}

    ours = patient_trial_contrast(*views, IDS, groups=GROUPS, temperature=0.2, **options)
    theirs = literal(*views, IDS, GROUPS, temperature=0.2, **options)

    torch.testing.assert_close(ours, theirs)
    for a, b in zip(torch.autograd.grad(ours, views), torch.autograd.grad(theirs, views), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("features", ["pooled", "time-course"])
def test_gradcheck(features):
    views = pair(batch=4, dim=2, time=3)

    assert torch.autograd.gradcheck(
        lambda z1, z2: patient_trial_contrast(z1, z2, IDS[:4], features=features, temperature=1.0), views
    )


@pytest.mark.parametrize("features", ["pooled", "time-course"])
@pytest.mark.parametrize("ids", [torch.arange(6), torch.tensor([3])])
def test_without_positives_zero_with_zero_gradient(ids, features):
    z1, z2 = pair(batch=len(ids))

    loss = patient_trial_contrast(z1, z2, ids, features=features)
    loss.backward()

    assert loss.item() == 0
    assert torch.equal(z1.grad, torch.zeros_like(z1))
    assert torch.equal(z2.grad, torch.zeros_like(z2))


def test_perfect_clusters_reach_the_log_of_the_positives():
    """Equal positives and orthogonal negatives: only the other positives remain in the denominator."""
    ids = torch.arange(3).repeat_interleave(4)
    z = torch.eye(3)[ids][:, :, None].repeat(1, 1, 5)

    kept = patient_trial_contrast(z, z, ids, temperature=0.02, diagonal="keep")
    dropped = patient_trial_contrast(z, z, ids, temperature=0.02, diagonal="drop")

    assert kept.item() == pytest.approx(torch.tensor(4.0).log().item(), rel=1e-5)
    assert dropped.item() == pytest.approx(torch.tensor(3.0).log().item(), rel=1e-5)


@pytest.mark.parametrize("diagonal", ["keep", "positive", "drop"])
def test_order_of_the_batch_does_not_matter(diagonal):
    z1, z2 = pair()
    order = torch.tensor([4, 1, 0, 5, 3, 2])

    torch.testing.assert_close(
        patient_trial_contrast(z1[order], z2[order], IDS[order], diagonal=diagonal),
        patient_trial_contrast(z1, z2, IDS, diagonal=diagonal),
    )


def test_pooled_features_ignore_where_in_the_window_things_happen():
    z1, z2 = pair()
    shifted = torch.stack([row.roll(i, -1) for i, row in enumerate(z1)])

    def loss(z, features):
        return patient_trial_contrast(z, z2, IDS, features=features)

    torch.testing.assert_close(loss(shifted, "pooled"), loss(z1, "pooled"))
    assert not torch.isclose(loss(shifted, "time-course"), loss(z1, "time-course"))


def test_ids_beyond_the_integers_of_float32_stay_apart():
    z1, z2 = pair(batch=2)

    assert patient_trial_contrast(z1, z2, torch.tensor([2**24, 2**24 + 1])).item() == 0


def test_dead_dimensions_stay_finite():
    z1, z2 = pair(dtype=torch.float32)
    z1 = (z1 * torch.tensor([0.0, 1.0, 1.0])[:, None]).detach().requires_grad_()

    patient_trial_contrast(z1, z2, IDS, features="time-course").backward()

    assert z1.grad.isfinite().all()


@pytest.mark.parametrize("features", ["pooled", "time-course"])
def test_half_precision_views_are_contrasted_in_float32(features):
    z1, z2 = (z.detach().bfloat16().requires_grad_() for z in pair(dim=32))

    with torch.autocast("cpu", torch.bfloat16):
        loss = patient_trial_contrast(z1, z2, IDS, features=features)
    loss.backward()

    assert loss.dtype == torch.float32
    exact = patient_trial_contrast(z1.double(), z2.double(), IDS, features=features)
    torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=1e-6)
