import pytest
import torch

from tsrep.losses.two_view_contrast import two_view_contrast


def pair(groups=3, items=5, dim=4, dtype=torch.float64, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    z = scale * torch.randn(2, groups, items, dim, generator=generator, dtype=dtype)
    return z[0].requires_grad_(), z[1].requires_grad_()


def literal(z1, z2):
    """One anchor after the other."""
    terms = []
    for group in range(len(z1)):
        rows = torch.cat([z1[group], z2[group]])
        for r in range(len(rows)):
            others = torch.stack([rows[s] @ rows[r] for s in range(len(rows)) if s != r])
            terms.append(others.logsumexp(0) - rows[r] @ rows[(r + len(rows) // 2) % len(rows)])
    return torch.stack(terms).mean()


@pytest.mark.parametrize(("groups", "items"), [(3, 5), (1, 2), (7, 1)])
@pytest.mark.parametrize("at_once", [1, 60, 2**20])
def test_value_and_gradient_are_the_literal_ones(monkeypatch, groups, items, at_once):
    monkeypatch.setattr("tsrep.losses.two_view_contrast.LOGITS_AT_ONCE", at_once)
    views = pair(groups, items)

    ours, theirs = two_view_contrast(*views), literal(*views)

    torch.testing.assert_close(ours, theirs)
    for a, b in zip(torch.autograd.grad(ours, views), torch.autograd.grad(theirs, views), strict=True):
        torch.testing.assert_close(a, b)


def test_gradcheck():
    assert torch.autograd.gradcheck(two_view_contrast, pair(2, 3))


def test_equal_rows_give_the_log_of_the_number_of_candidates():
    z = torch.ones(2, 6, 3)

    assert two_view_contrast(z, z).item() == pytest.approx(torch.tensor(11.0).log().item())


def test_order_of_items_and_views_does_not_matter():
    z1, z2 = pair()
    order = torch.randperm(5)

    loss = two_view_contrast(z1, z2)

    torch.testing.assert_close(two_view_contrast(z1[:, order], z2[:, order]), loss)
    torch.testing.assert_close(two_view_contrast(z2, z1), loss)


def test_huge_similarities_stay_finite():
    views = pair(dtype=torch.float32, scale=100.0)

    loss = two_view_contrast(*views)
    gradients = torch.autograd.grad(loss, views)

    torch.testing.assert_close(loss.double(), literal(*(z.double() for z in views)), check_dtype=False)
    assert all(g.isfinite().all() for g in gradients)


def test_half_precision_views_are_contrasted_in_float32():
    z1, z2 = (z.detach().bfloat16().requires_grad_() for z in pair(dim=64))

    with torch.autocast("cpu", torch.bfloat16):
        loss = two_view_contrast(z1, z2)
    loss.backward()

    assert loss.dtype == torch.float32
    assert z1.grad.dtype == torch.bfloat16
    torch.testing.assert_close(loss, literal(z1.float(), z2.float()), rtol=1e-5, atol=1e-6)


def test_one_view_may_be_constant_and_the_graph_may_be_used_twice():
    z1, z2 = pair()
    loss = two_view_contrast(z1, z2.detach())

    first = torch.autograd.grad(loss, z1, retain_graph=True)
    second = torch.autograd.grad(3 * loss, z1)

    torch.testing.assert_close(second[0], 3 * first[0])
    torch.testing.assert_close(first, torch.autograd.grad(literal(z1, z2), (z1,)))
