"""The recipes of ``configs/encoders`` on stand-ins with random weights of the published shapes."""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tsrep.encoders.adapters.adapter import Adapter
from tsrep.encoders.adapters.check import check_foreign, example_signals
from tsrep.encoders.adapters.description import described
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError

pytestmark = pytest.mark.long

RECIPES = Path(__file__).parents[2] / "configs" / "encoders"
TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
# weights in millions, dim and steps of a window of the authors and of the benchmark
PUBLISHED = {
    "ecgfounder": (30.7, 1024, 20, 5),
    "merl": (3.85, 512, 313, 79),
    "ecg-jepa": (None, 768, 1, 1),
    "ecg-fm": (None, 768, 156, 156),
    "ecg-cpc": (None, 512, 1200, 300),
    "mantis-8m": (None, 256, 1, 1),
}


def _checkpoints(folder: Path) -> None:
    """Random weights, as the authors' files hold them."""
    torch.manual_seed(0)
    founder = importlib.import_module("net1d").Net1D(
        12, 64, 1, [64, 160, 160, 400, 400, 1024, 1024], 150, [2, 2, 2, 3, 3, 4, 4], 16, 2, 16
    )
    torch.save({"state_dict": founder.state_dict()}, folder / "12_lead_ECGFounder.pth")
    merl = importlib.import_module("resnet1d").ResNet18(1).state_dict()
    torch.save({k: v for k, v in merl.items() if "linear" not in k}, folder / "res18_best_encoder.pth")
    jepa = importlib.import_module("ecg_jepa").ecg_jepa(768, 16, 8, pos_type="sincos")
    torch.save({"encoder": jepa.encoder.state_dict()}, folder / "multiblock_epoch100.pth")
    fm = importlib.import_module("fairseq_signals.models").ECGTransformer()
    torch.save({"model": fm.state_dict()}, folder / "mimic_iv_ecg_physionet_pretrained.pt")
    (folder / "ecg_cpc").mkdir()
    cpc = importlib.import_module("clinical_ts.models.ecg_foundation_models.ecg_cpc.basic_io").Network()
    torch.save(cpc.state_dict(), folder / "ecg_cpc" / "model.pt")
    save_file(
        importlib.import_module("mantis.architecture").Mantis8M(device="cpu").state_dict(),
        folder / "model.safetensors",
    )


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Adapter]]:
    folder, before = tmp_path_factory.mktemp("foreign"), set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent / "standins"))
        patch.chdir(folder)
        _checkpoints(folder)
        yield lambda name, **given: runpy.run_path(str(RECIPES / f"{name}.py"))["load"](**given)
    for name in set(sys.modules) - before:
        if "standins" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_recipe_passes_the_checks(load: Callable[..., Adapter], name: str) -> None:
    millions, dim, steps, _ = PUBLISHED[name]
    found = check_foreign(lambda: load(name), name)
    encoder = load(name)
    assert found[0] == f"a window of {encoder.window_steps} steps gives {dim} features at {steps} steps"
    if millions is not None:
        weights = sum(p.numel() for p in encoder.parameters()) / 1e6
        assert abs(weights - millions) < 0.2, weights


@pytest.mark.parametrize("name", PUBLISHED)
def test_variant_of_the_benchmark(load: Callable[..., Adapter], name: str) -> None:
    _, dim, _, steps = PUBLISHED[name]
    encoder = load(name, variant="benchmark").eval()
    with torch.no_grad():
        assert encoder(example_signals(encoder, 1)).shape == (1, dim, steps)
    assert encoder.description.name.endswith("(benchmark)")


def test_random_initialisation_is_of_the_same_architecture(load: Callable[..., Adapter]) -> None:
    for name in ("merl", "ecg-cpc"):
        encoder = load(name)
        one, again, other = encoder.untrained(3), encoder.untrained(3), encoder.untrained(4)
        shapes = {key: value.shape for key, value in encoder.state_dict().items()}
        assert {key: value.shape for key, value in one.state_dict().items()} == shapes
        for key, weight in one.named_parameters():
            assert torch.equal(weight, again.get_parameter(key))
        trained = encoder.get_parameter("network.conv1.weight" if name == "merl" else "network.decay")
        key = next(k for k, v in encoder.named_parameters() if v is trained)
        assert not torch.equal(one.get_parameter(key), trained)
        assert not torch.equal(one.get_parameter(key), other.get_parameter(key))
        assert one.description.random


def test_every_recipe_says_whose_it_is_and_what_it_has_seen() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} == {path.stem for path in RECIPES.glob("*.py")}
    for name in PUBLISHED:
        for variant in ("authors", "benchmark"):
            told = described(RECIPES / f"{name}.py", variant)
            assert told.licence
            assert told.citation
            assert told.sources
            assert not told.random
            assert len((RECIPES / f"{name}.py").read_text().splitlines()) < 40
    order = described(RECIPES / "merl.py", "authors").contract.channels
    assert order == (*TWELVE[:4], "aVF", "aVL", *TWELVE[6:])
    assert described(RECIPES / "merl.py", "benchmark").contract.channels == TWELVE


def test_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no variant 'author'; did you mean 'authors'\?"):
        described(RECIPES / "merl.py", "author")


def test_channels_of_mantis_stand_side_by_side(load: Callable[..., Adapter]) -> None:
    encoder = load("mantis-8m").eval()
    encoder.see(("x", "y", "z"))
    x = torch.randn(2, 3, 512, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        z = encoder(x)
        alone = [encoder(x[:, [k]]) for k in range(3)]
    assert z.shape == (2, 768, 1) == (2, encoder.dim, 1)
    torch.testing.assert_close(z, torch.cat(alone, 1))
    assert pool(z, "mean").shape == (2, 768)


def test_renamed_weights_are_refused(load: Callable[..., Adapter], tmp_path: Path) -> None:
    renamed = {f"module.{k}": v for k, v in torch.load("res18_best_encoder.pth", weights_only=True).items()}
    torch.save(renamed, tmp_path / "renamed.pth")
    with pytest.raises(ConfigError, match="do not fit the network of MERL"):
        load("merl", checkpoint=str(tmp_path / "renamed.pth"))


def test_gradients_reach_the_weights(load: Callable[..., Adapter]) -> None:
    encoder = load("merl", variant="benchmark")
    encoder(example_signals(encoder, 2)).square().mean().backward()
    grads: list[Any] = [p.grad for p in encoder.parameters()]
    assert all(isinstance(each, torch.Tensor) and bool(each.isfinite().all()) for each in grads)
    assert isinstance(encoder.network.linear, nn.Identity)
