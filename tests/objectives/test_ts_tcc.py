"""TS-TCC: who asks whom, the context network, the views, and futures that the past has seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.objectives_simulated import SIMULATIONS, gains
from tsrep.encoders.causal_tcn import CausalTCN
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.nt_xent import ntxent
from tsrep.losses.ts_tcc import temporal_contrast
from tsrep.objectives.ts_tcc import TsTcc
from tsrep.objectives.ts_tcc_context import Context
from tsrep.objectives.ts_tcc_views import FirstChannelPermutation, StepScale, copied_first_channel
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals import Panel
from tsrep.testing import check_objective


def stored(shared_path: Any, name: str) -> dict[str, Tensor]:
    return {k: torch.from_numpy(v) for k, v in np.load(shared_path(f"golden/baselines/{name}.npz")).items()}


def predictions(golden: dict[str, Tensor], context: Tensor) -> Tensor:
    maps = [(golden[f"w.Wk.{k}.weight"], golden[f"w.Wk.{k}.bias"]) for k in range(int(golden["steps"]))]
    return torch.stack([context @ weight.T + bias for weight, bias in maps], dim=1)


def reference_context(golden: dict[str, Tensor]) -> Context:
    made = Context(8, 12, 4, 4, 64, 0.1, positions=False).eval()
    prefix = "w.seq_transformer."
    names = {"c_token": "token", "patch_to_embedding": "embed", "transformer.layers.": "blocks."}
    parts = {
        ".0.fn.norm": ".norm1", ".0.fn.fn.to_qkv": ".qkv", ".0.fn.fn.to_out.0": ".out",
        ".1.fn.norm": ".norm2", ".1.fn.fn.net.0": ".up", ".1.fn.fn.net.3": ".down",
    }  # fmt: skip
    weights = {}
    for key, value in golden.items():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            for old, new in (names | parts).items():
                name = name.replace(old, new)
            weights[name] = value.flatten() if name == "token" else value
    made.load_state_dict(weights)
    return made


def test_the_context_is_that_of_the_public_code(shared_path: Any) -> None:
    golden = stored(shared_path, "tstcc_temporal")
    context = reference_context(golden)
    z, t = golden["f1"].mT, int(golden["t"])
    cut = torch.full((len(z),), t)
    found = context(z, cut, generator=torch_generator(0))
    torch.testing.assert_close(found, golden["context_vector"], rtol=1e-5, atol=5e-6)
    changed = z.clone()
    changed[:, t + 1 :] = 7.0
    torch.testing.assert_close(context(changed, cut, generator=torch_generator(0)), found)
    turned = torch.cat([z[:, : t + 1].flip(1), z[:, t + 1 :]], dim=1)
    torch.testing.assert_close(
        context(turned, cut, generator=torch_generator(0)), found, rtol=1e-4, atol=1e-5
    )
    made = TsTcc(8, 3, form="published", hidden=12).eval()
    made.head.load_state_dict(
        {k.removeprefix("w.projection_head."): v for k, v in golden.items() if "projection_head" in k}
    )
    torch.testing.assert_close(
        made.head(golden["context_vector"]), golden["context_projected"], rtol=1e-5, atol=5e-6
    )


@pytest.mark.parametrize(("form", "asking"), [("published", "target"), ("corrected", "context")])
def test_value_and_gradients_of_both_forms(shared_path: Any, form: str, asking: Any) -> None:
    golden = stored(shared_path, "tstcc_temporal")
    context, t, lags = reference_context(golden), int(golden["t"]), int(golden["steps"])
    f1, f2 = (golden[name].clone().requires_grad_() for name in ("f1", "f2"))
    cut = torch.full((len(f1),), t)
    both = []
    for past, future in ((f1, f2), (f2, f1)):
        predicted = predictions(golden, context(past.mT, cut, generator=torch_generator(0)))
        both.append(temporal_contrast(predicted, future[..., t + 1 : t + 1 + lags].mT, asking=asking))
    assert both[0].item() == pytest.approx(golden[f"{form}_1to2"].item(), rel=2e-6)
    if form == "published":
        assert both[1].item() == pytest.approx(golden["published_2to1"].item(), rel=2e-6)
    prefix = "" if form == "published" else "corrected_"
    candidates = [torch.autograd.grad(loss, (f1, f2), retain_graph=True) for loss in (both[0], sum(both))]
    expected = [golden[f"{prefix}grad_f{i}"] for i in (1, 2)]
    errors = [
        max((g - e).abs().max().item() for g, e in zip(found, expected, strict=True)) for found in candidates
    ]
    assert min(errors) < 5e-6, errors


def test_each_past_is_attended_to_on_its_own() -> None:
    context = Context(8, 12, 4, 4, 64, 0.1, positions=True).eval()
    z, cut = torch.randn(3, 20, 8, generator=torch_generator("past")), torch.tensor([4, 11, 0])
    found = context(z, cut, generator=torch_generator(0))
    alone = [context(z[i : i + 1], cut[i : i + 1], generator=torch_generator(0)) for i in range(3)]
    torch.testing.assert_close(found, torch.cat(alone))


def test_the_contextual_contrast_is_ntxent(shared_path: Any) -> None:
    golden = stored(shared_path, "ntxent_tau02")
    z = [golden[name].requires_grad_() for name in ("zi", "zj")]
    loss = ntxent(*z, temperature=0.2)
    assert loss.item() == pytest.approx(golden["loss"].item(), rel=1e-9)
    for name, gradient in zip(("zi", "zj"), torch.autograd.grad(loss, z), strict=True):
        torch.testing.assert_close(gradient, golden[f"grad_{name}"], rtol=1e-8, atol=1e-12)


def test_views_of_the_public_code(shared_path: Any) -> None:
    golden = stored(shared_path, "tstcc_views")
    x, index = golden["x"], golden["time_index"]
    permuted = torch.take_along_dim(x, index[:, None], 2)
    torch.testing.assert_close(permuted, golden["permuted_corrected"])
    copied = copied_first_channel(x, permuted, golden["segments"])
    torch.testing.assert_close(copied, golden["permuted_published"])
    torch.testing.assert_close(x * golden["step_factor"][:, None], golden["scaled_published"])
    torch.testing.assert_close(x * golden["channel_factor"][..., None], golden["scaled_corrected"])


def test_the_laws_of_the_published_views() -> None:
    ones = torch.ones(400, 2, 30)
    scaled = StepScale()(ones, generator=torch_generator("scale"))
    assert torch.equal(scaled[:, 0], scaled[:, 1])
    assert scaled.mean().item() == pytest.approx(2, abs=0.05)
    assert scaled.std().item() == pytest.approx(1.1, abs=0.05)
    x = torch.arange(30.0) + 100 * torch.arange(2.0)[:, None]
    moved = FirstChannelPermutation(4)(x.expand(600, -1, -1), generator=torch_generator("order"))
    breaks = (moved[:, 0].diff(dim=1) != 1).sum(1)
    assert set(breaks.tolist()) == {0, 1, 2}
    assert torch.equal(moved[:, 0].sort(dim=1).values, x[0].expand(600, -1))
    cut = breaks > 0
    assert torch.equal(moved[cut, 0], moved[cut, 1])
    # one segment in a third of all samples, and those put back in their order
    assert 0.27 < (moved[:, 1] == x[1]).all(1).float().mean() < 0.4
    assert ((moved[:, 1] == moved[:, 0]).all(1) & ~cut).any()


def test_gradient_order_of_samples_and_collapse() -> None:
    generator = torch_generator("rows")
    rows = [torch.randn(4, 3, 2, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)]
    for asking in ("context", "target"):
        loss = temporal_contrast(*rows, asking=asking)  # type: ignore[arg-type]  # mypy sees a plain text
        order = torch.randperm(4, generator=generator)
        torch.testing.assert_close(temporal_contrast(*(r[order] for r in rows), asking=asking), loss)  # type: ignore[arg-type]
        assert torch.autograd.gradcheck(lambda p, t, a=asking: temporal_contrast(p, t, asking=a), rows)
    same = torch.ones(7, 3, 2)
    assert temporal_contrast(same, same).item() == pytest.approx(math.log(7), rel=1e-6)
    torch.testing.assert_close(
        temporal_contrast(*rows, asking="target"), temporal_contrast(*reversed(rows), asking="context")
    )


@pytest.mark.parametrize("cuts", ["batch", "sample"])
def test_targets_follow_the_past_that_predicts_them(cuts: Any) -> None:
    objective = TsTcc(4, 2, lags=3, cuts=cuts, hidden=8, depth=1, dropout=0.0)
    seen: dict[str, Tensor] = {}
    objective.context.register_forward_pre_hook(lambda _, args: seen.update(cut=args[1]))
    past, future = torch.randn(6, 4, 10), torch.arange(10.0).expand(6, 4, 10)
    recorded: list[Tensor] = []
    original = temporal_contrast

    def record(predicted: Tensor, target: Tensor, *, asking: Any) -> Tensor:
        recorded.append(target)
        return original(predicted, target, asking=asking)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsrep.objectives.ts_tcc.temporal_contrast", record)
        objective._one_way(past, future, torch_generator("cut"))
    last = seen["cut"]
    assert torch.equal(recorded[0][..., 0], (last[:, None] + torch.arange(1, 4)).float())
    assert (len(last.unique()) == 1) == (cuts == "batch")


@pytest.mark.long
def test_trained_it_reads_a_level_that_lasts() -> None:
    found = gains("ts-tcc", seeds=2, steps=SIMULATIONS["ts-tcc"].quick)
    assert min(found) > 0.08, found


def test_what_cannot_be_learned_from_is_refused() -> None:
    x = np.zeros((4, 2, 80), np.float32)
    panel = Panel.from_arrays(x, label=np.arange(4) % 2, patient=np.arange(4), sfreq=10)
    objective = TsTcc(6, 2, lags=10)
    with pytest.raises(ConfigError, match="sees the whole sample, so the past would hold the future"):
        objective.refuse_unfit(DilatedConv(2, hidden=4, dim=6, depth=4), panel)
    with pytest.raises(ConfigError, match=r"sees 61 steps .*predicts \(10 times 1\), so the past would hold"):
        objective.refuse_unfit(DilatedConv(2, hidden=4, dim=6, depth=3), panel)
    with pytest.raises(ConfigError, match="a sample has 20 steps of the encoder"):
        TsTcc(6, 2, lags=20).refuse_unfit(ResNet1d(2, width=4, dim=6), panel)
    with pytest.raises(ConfigError, match=r"objective\.heads is 3"):
        TsTcc(6, 2, hidden=8, heads=3)
    with pytest.raises(ConfigError, match="no effect on the published form"):
        TsTcc(6, 2, form="published", weak="jitter")
    objective.refuse_unfit(ResNet1d(2, width=4, dim=6), panel)
    objective.refuse_unfit(CausalTCN(2), panel)


@pytest.mark.parametrize("settings", [{"form": "published"}, {"cuts": "sample", "positions": "sinusoid"}])
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "ts-tcc", "depth": 1} | settings, **run))
