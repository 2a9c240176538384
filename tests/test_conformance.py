"""Every registered part passes the checks that ship for plug-ins; and the checks do catch faults."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tsrep.datasets.dataset import About, Dataset
from tsrep.encoders.causal_tcn import CausalTCN
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.s4d import S4D
from tsrep.forecasting.heads.head import Head
from tsrep.objectives.inner_optimisation import InnerOptimisation
from tsrep.objectives.objective import Objective
from tsrep.registry import DATASETS, ENCODERS, HEADS, LOSSES, OBJECTIVES, PROTOCOLS, SAMPLERS, SPLITS, VIEWS
from tsrep.sampling.sampler import Sampler
from tsrep.signals import Batch, Panel
from tsrep.splits.split import Split
from tsrep.testing import (
    check_dataset,
    check_encoder,
    check_head,
    check_loss,
    check_objective,
    check_protocol,
    check_sampler,
    check_split,
    check_view,
)
from tsrep.testing.objectives import USUAL, MakeEncoder


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


# encoders that are wide unless told
NARROW: dict[str, dict[str, Any]] = {
    "conv-s4d": {"width": 64},
    "dilated-conv-ar": {"hidden": 16, "dim": 32},
}


@pytest.mark.parametrize("name", ENCODERS.names())
def test_encoder(name: str) -> None:
    settings = {"name": name, **NARROW.get(name, {})}
    check_encoder(lambda channels: ENCODERS.build(settings, channels=channels))


@pytest.mark.parametrize("name", LOSSES.names())
def test_loss(name: str) -> None:
    check_loss(lambda: LOSSES.build({"name": name}))


# samples have 64 steps, and encoders see all three channels
SMALL: dict[str, dict[str, Any]] = {
    "forecast": {"lookback": 48, "horizon": 16, "mixing": "mixed"},
    "sepclr": {"controls": ["class 0"]},
}

# methods that want an encoder of a certain kind
FIT: dict[str, tuple[MakeEncoder, ...]] = {
    "cpc": (
        lambda channels: CausalTCN(channels, hidden=8, dim=12, depth=2),
        lambda channels: S4D(channels, width=8, depth=2),
    ),
}


def settings_of(name: str) -> Any:
    return OBJECTIVES.entry(name).settings(**SMALL.get(name, {}))


def learns_from_labels(name: str) -> bool:
    """Of the others it is checked that labels change nothing, so one kind of labels will do."""
    return "label" in OBJECTIVES.entry(name).cls.needs_of(settings_of(name))


@pytest.mark.parametrize(
    ("name", "multilabel"),
    [
        (name, multilabel)
        for name in OBJECTIVES.names()
        for multilabel in ([False, True] if learns_from_labels(name) else [False])
    ],
)
def test_objective(name: str, multilabel: bool) -> None:
    settings = settings_of(name)
    check_objective(
        lambda **run: OBJECTIVES.build(settings, **run),
        multilabel=multilabel,
        encoders=FIT.get(name, USUAL),
    )


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_sampler(name: str) -> None:
    check_sampler(lambda **run: SAMPLERS.build({"name": name}, **run))


@pytest.mark.parametrize("name", VIEWS.names())
def test_view(name: str) -> None:
    view = VIEWS.build(VIEWS.entry(name).settings(), channels=3, covariates=0)
    check_view(view, channels=3 if VIEWS.entry(name).runtime else None)


HEAD_STEPS = {"per-variate": 1}  # each variate is one step of its own part of the representation
SMALL_HEADS: dict[str, dict[str, Any]] = {"decoder": {"width": 8, "heads": 2, "depth": 1}}


@pytest.mark.parametrize("name", HEADS.names())
def test_head(name: str) -> None:
    settings = HEADS.entry(name).settings(**SMALL_HEADS.get(name, {}))
    check_head(lambda **run: HEADS.build(settings, **run), steps=HEAD_STEPS.get(name, 8))


# those that need no files; the others are checked in tests/datasets on folders in their layout
SMALL_SETS: dict[str, dict[str, Any]] = {
    "ptb-xl-sim": {"patients": 60, "records_per_patient": 1.0},
    "seasonal-sim": {"steps": 400, "periods": [12]},
}
MADE = [name for name in DATASETS.names() if DATASETS.entry(name).cls.about.synthetic]


@pytest.mark.parametrize("name", MADE)
def test_dataset(name: str) -> None:
    settings = DATASETS.entry(name).settings(**SMALL_SETS.get(name, {}))
    check_dataset(lambda: DATASETS.build(settings))


def divided_panel() -> Panel:
    """40 patients of one class each, with folds."""
    patient = np.repeat(np.arange(40), 3)
    x = np.random.default_rng(0).normal(size=(120, 1, 8)).astype(np.float32)
    return Panel.from_arrays(x, label=patient % 2, patient=patient, sfreq=1, fold=patient // 2 % 10 + 1)


OF_SPLITS: dict[str, dict[str, Any]] = {"patients": {"validation": [3, 4], "test": [5]}}


@pytest.mark.parametrize("name", SPLITS.names())
def test_split(name: str) -> None:
    rule = SPLITS.build(SPLITS.entry(name).settings(**OF_SPLITS.get(name, {})))
    data: Any = divided_panel()
    if name == "train-test":
        data = replace(data, fold=(data.patient >= 30) + 1)
    if getattr(rule, "task", "panel") == "series":
        months = {"ett-months": 20 * 30 * 24}
        data = DATASETS.build({"name": "seasonal-sim", "steps": months.get(name, 400), "periods": [24]}).load(
            None
        )
    check_split(rule, data)


def test_there_is_something_to_check() -> None:
    assert {"ptb-xl-sim", "seasonal-sim"} <= set(MADE)
    assert {"flatten", "decoder"} <= set(HEADS.names())
    assert {"stratified", "chronological", "train-test"} <= set(SPLITS.names())
    assert {"dilated-conv", "resnet1d"} <= set(ENCODERS.names())
    assert {"ts2vec", "simclr", "supervised"} <= set(OBJECTIVES.names())
    assert {"random", "trial-wise", "patient-wise"} <= set(SAMPLERS.names())
    assert {"jitter", "permutation", "time-warp", "random-choice", "compose"} <= set(VIEWS.names())


class FaultyEncoder(DilatedConv):
    """A small encoder with one fault at a time."""

    fault: ClassVar[str] = ""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, hidden=4, dim=6, depth=2)
        self.spare = nn.Linear(1, 1) if self.fault == "unused" else nn.Identity()
        self.hidden_state = torch.rand(1).item() if self.fault == "state" else 0.0
        if self.fault == "field":
            self.receptive_field = 3
        self.causal = self.fault == "causal"

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        match self.fault:
            case "dropout":
                return nn.functional.dropout(super().forward(x, keep), 0.5)
            case "mates":
                z = super().forward(x, keep)
                return z - z.mean(0)
            case "keep":
                return super().forward(x, None)
            case "missing":
                return super().forward(x.nan_to_num(), keep)
            case "length":
                return super().forward(x, keep)[..., 1:]
        return super().forward(x, keep) + self.hidden_state


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("dropout", "global random generator"),
        ("mates", "batch mates"),
        ("keep", "not kept"),
        ("missing", "missing value"),
        ("length", "give shape"),
        ("unused", "no gradient"),
        ("state", "state_dict"),
        ("field", "receptive_field"),
        ("causal", "causal"),
    ],
)
def test_encoder_faults_are_caught(fault: str, message: str) -> None:
    faulty = type("Faulty", (FaultyEncoder,), {"fault": fault})
    with pytest.raises(AssertionError, match=message):
        check_encoder(faulty)


class FaultyObjective(Objective):
    """Makes representations small, with one fault at a time."""

    fault: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.counter: Tensor
        self.register_buffer("counter", torch.zeros(()))
        self.calls = 0

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        size = encoder(batch.x).float().square().mean()
        match self.fault:
            case "global":
                size = size * torch.rand(())
            case "vector":
                return {"size": size[None]}
            case "label":
                size = size * batch.label[0]
            case "evaluation":
                self.counter += 1
            case "memory":
                self.calls += 1
                size = size * self.calls
            case "not finite":
                size = size / (batch.trial.unique(return_counts=True)[1].max() > 1)
            case "detached":
                encoder(batch.x).detach()
                return {"size": size.detach() * next(iter(encoder.parameters())).float().sum()}
        return {"size": size}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("global", "global random generator"),
        ("vector", "not that of a scalar"),
        ("label", "depend on label"),
        ("evaluation", "changes 'counter'"),
        ("memory", "equal generators"),
        ("not finite", "gives inf"),
        ("detached", "no gradient"),
    ],
)
def test_objective_faults_are_caught(fault: str, message: str) -> None:
    faulty = type("Faulty", (FaultyObjective,), {"fault": fault})
    with pytest.raises(AssertionError, match=message):
        check_objective(lambda **run: faulty())


class FaultyInnerOptimisation(Objective):
    """Makes scaled representations small, an inner optimisation makes them large, one fault at a time."""

    fault: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Linear(1, 1)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        scaled = self._scaled(batch.x)
        return {"size": encoder(scaled if self.fault == "leak" else scaled.detach()).float().square().mean()}

    def inner_optimisations(self) -> tuple[InnerOptimisation, ...]:
        return (InnerOptimisation("scale", self.scale, self._loss),) * (2 if self.fault == "names" else 1)

    def _loss(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        size = -encoder(self._scaled(batch.x)).float().square().mean()
        match self.fault:
            case "global":
                size = size * torch.rand(())
            case "not finite":
                size = size / 0.0
            case "unreached":
                size = size.detach() * self.scale.bias.sum()
            case "encoder":
                with torch.no_grad():
                    next(encoder.parameters()).add_(1)
        return {"size": size}

    def _scaled(self, x: Tensor) -> Tensor:
        scaled: Tensor = self.scale(x.nan_to_num()[..., None])[..., 0]
        return scaled


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("leak", "what the inner optimisation 'scale' moves"),
        ("names", "share a name"),
        ("global", "global random generator"),
        ("not finite", "'size' is -?inf"),
        ("unreached", "no gradient of the loss of the inner optimisation"),
        ("encoder", "the loss of the inner optimisation 'scale' changes"),
    ],
)
def test_faults_of_inner_optimisations_are_caught(fault: str, message: str) -> None:
    faulty = type("Faulty", (FaultyInnerOptimisation,), {"fault": fault})
    with pytest.raises(AssertionError, match=message):
        check_objective(lambda **run: faulty())


def test_a_sound_inner_optimisation_passes() -> None:
    check_objective(lambda **run: FaultyInnerOptimisation())


class FaultySampler(Sampler):
    """Random batches with one fault at a time."""

    fault: ClassVar[str] = ""
    drawn = 0

    def order(self, rng: np.random.Generator) -> Any:
        n = len(self.panel)
        match self.fault:
            case "repeats":
                return rng.integers(0, n, n)
            case "same":
                return np.arange(n)
            case "memory":
                self.drawn += 1
                return np.roll(rng.permutation(n), self.drawn)
            case "rank":
                return np.random.default_rng([self.rank, rng.integers(9)]).permutation(n)
        return rng.permutation(n)

    def epoch(self, epoch: int) -> Any:
        batches = super().epoch(epoch)
        if self.fault == "lone":
            return [batches[0][:1], batches[0][1:], *batches[1:]]
        return batches


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("repeats", "exactly once"),
        ("same", "same order"),
        ("memory", "depends on the epochs"),
        ("rank", "same sample"),
        ("lone", "has 1 sample"),
    ],
)
def test_sampler_faults_are_caught(fault: str, message: str) -> None:
    faulty = type("Faulty", (FaultySampler,), {"fault": fault})
    with pytest.raises(AssertionError, match=message):
        check_sampler(faulty)


def _mixes_samples(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return x + x.mean(0)


def _spreads_missing(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return x + 0 * x[:1]


def _single(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return x.float() * 2


def _draws_globally(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return x + torch.randn_like(x)


def _shortens(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return x[..., 1:]


def _in_place(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return x.mul_(2)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (_mixes_samples, "one sample reach another"),
        (_spreads_missing, "missing values of one sample reach another"),
        (_single, "values of torch.float64 become torch.float32"),
        (_draws_globally, "global random generator"),
        (_shortens, "becomes"),
        (_in_place, "writes into"),
    ],
)
def test_view_faults_are_caught(view: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_view(view)


class FaultyHead(Head):
    """A linear head with one fault at a time."""

    fault: ClassVar[str] = ""

    def __init__(self, *, dim: int, steps: int, horizon: int, variates: int, **_: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim * steps, variates * horizon)
        self.variates, self.hidden_state = variates, torch.rand(1).item() if self.fault == "state" else 0.0

    def forward(
        self, z: Tensor, past: Tensor, ahead: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        y = self.map(z.flatten(1)).unflatten(1, (self.variates, -1)) + self.hidden_state
        match self.fault:
            case "shape":
                return y.mT
            case "global":
                return nn.functional.dropout(y, 0.5, self.training)
            case "rows":
                return y - y.mean(0)
            case "evaluation":
                return y if generator is None else y + torch.rand(y.shape, generator=generator)
            case "detached":
                return self.map(z.detach().flatten(1)).unflatten(1, (self.variates, -1))
        return y


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", "not "),
        ("global", "global random generator"),
        ("rows", "depends on the other rows"),
        ("evaluation", "dropout in evaluation mode"),
        ("detached", "reaches the encoder"),
        ("state", "state_dict"),
    ],
)
def test_head_faults_are_caught(fault: str, message: str) -> None:
    faulty: Any = type("Faulty", (FaultyHead,), {"fault": fault})
    with pytest.raises(AssertionError, match=message):
        check_head(faulty)


class FaultyRule:
    """Three parts by patient, with one fault at a time."""

    def __init__(self, fault: str) -> None:
        self.fault, self.asked = fault, 0

    def __call__(self, panel: Panel) -> Split:
        self.asked += self.fault == "memory"
        part = (panel.patient + self.asked) % 3
        train, validation, test = (np.flatnonzero(part == k) for k in range(3))
        match self.fault:
            case "leak":
                validation = np.sort(np.r_[validation, train[:1] + 1])
            case "empty":
                validation = validation[:0]
            case "order":
                train = train[::-1]
            case "beyond":
                test = test + len(panel)
            case "global":
                np.random.rand()  # noqa: NPY002 - the fault
        return Split(train, validation, test, "by patient", {}, str(self.asked))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("leak", "is in the train and the validation part"),
        ("empty", "validation part is empty"),
        ("order", "not sorted"),
        ("beyond", "does not have"),
        ("global", "global random generator"),
        ("memory", "asked again"),
    ],
)
def test_split_faults_are_caught(fault: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_split(FaultyRule(fault), divided_panel())
    check_split(FaultyRule(""), divided_panel())


class FaultySet(Dataset):
    """Recordings in ``.npy`` files, one each, with one fault at a time."""

    about = About(title="Small", licence="none", citation="", url="", independence="patient")
    fault = ""
    loads = 0

    def read(self, folder: Path, **_: Any) -> Panel:
        listed = [Path(entry.path) for entry in os.scandir(folder)]
        files = listed if self.fault == "listing" else sorted(listed)
        x = np.stack([np.load(path) for path in files])
        digest = hashlib.sha256(x.data).hexdigest()
        patient = np.arange(len(x)) // 2
        type(self).loads += 1
        match self.fault:
            case "silent":
                x[3, 1] = np.nan
            case "infinite":
                x[3, 1, 0] = np.inf
            case "again":
                digest = f"{digest}{self.loads}"
            case "values":
                x[0, 0, 0] = self.loads
            case "split":
                patient = np.zeros_like(patient)
            case "global":
                np.random.rand()  # noqa: NPY002 - the fault
        panel = Panel.from_arrays(x, label=patient % 2, patient=patient, sfreq=10, digest=digest)
        match self.fault:
            case "twice":
                panel = panel.select(np.r_[0, np.arange(len(panel))])
            case "gain":
                panel = replace(panel, gain=-panel.gain)
        return panel


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("listing", "another order of files in the folder gives"),
        ("silent", "no value at all"),
        ("infinite", "infinite value"),
        ("again", "loading twice gives another digest"),
        ("values", "loading twice gives other signals"),
        ("split", "cannot divide"),
        ("global", "global random generator"),
        ("twice", "more than once"),
        ("gain", "a gain is not a positive number"),
    ],
)
def test_dataset_faults_are_caught(fault: str, message: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2, 8)).astype(np.float32)
    for i, record in enumerate(x):
        np.save(tmp_path / f"{i:02d}.npy", record)
    faulty = type("Faulty", (FaultySet,), {"fault": fault, "loads": 0})
    with pytest.raises(AssertionError, match=message):
        check_dataset(faulty, tmp_path)
    if fault == "listing":
        check_dataset(FaultySet, tmp_path)


OF_PROTOCOLS: dict[str, dict[str, Any]] = {"attention": {"steps": 20, "C": (1.0,)}}


@pytest.mark.parametrize("name", ["attention", "knn", "logistic", "probe", "svm"])
def test_protocols_on_frozen_features_conform(name: str) -> None:
    check_protocol(partial(PROTOCOLS.build, {"name": name} | OF_PROTOCOLS.get(name, {})))


class Plain(Objective):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, 1)

    def forward(self, encoder: Any, batch: Any, *, generator: torch.Generator) -> dict[str, Tensor]:
        with torch.autocast("cpu", enabled=False):
            return {"size": self.map(encoder(batch.x).float().mean(2)).square().mean()}


def test_checks_take_factories_and_pass_what_these_take() -> None:
    check_objective(Plain)
    with pytest.raises(AssertionError, match="makes nothing; give a class or a function that gives a fresh"):
        check_objective(Plain(3))  # type: ignore[arg-type]
    loss = LOSSES.build({"name": "nt-xent"})
    with pytest.raises(AssertionError, match="makes nothing; give a class or a function"):
        check_loss(loss)
    bare = type("Bare", (type(loss),), {"forward": lambda self, z, relation=None: {}})
    with pytest.raises(AssertionError, match="forward takes no bank; write forward"):
        check_loss(lambda: bare(0.1))
