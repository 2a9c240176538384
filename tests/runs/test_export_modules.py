"""Parts of an exported predictor, and its ten lines, do what the originals in NumPy do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsrep.errors import ConfigError, ContractError
from tsrep.evaluation.heads.calibration import fit_calibration
from tsrep.evaluation.heads.facts import FittedOn
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.neighbours import Neighbours
from tsrep.evaluation.predictions import Predictions
from tsrep.runs.export.leads import Mixed
from tsrep.runs.export.predictor import Calibrated
from tsrep.runs.export.preprocessing import Preprocessing, divide
from tsrep.runs.export.snippet import snippet
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import convert
from tsrep.signals.panel import Panel

pytestmark = pytest.mark.usefixtures("one_onnx_registry")

RATE, STEPS = 128.0, 256
STORED = {"how": "channel", "mean": [1.0, 2.0, 3.0], "std": [2.0, 3.0, 4.0]}
OWN = ["window", "window-all"]


def contract(**fields: Any) -> SignalContract:
    values: dict[str, Any] = {
        "channels": ["a", "b", "c"],
        "sfreq": RATE,
        "unit": "mV",
        "window": {"steps": STEPS},
        "standardise": STORED,
    }
    return SignalContract.model_validate(values | fields)


def signals(records: int = 3, steps: int = STEPS) -> NDArray[np.float32]:
    """Signals with an offset, a flat channel and, in the last record, a gap."""
    x = np.random.default_rng(0).normal(3, 2, (records, 3, steps)).astype(np.float32)
    x[1:2, 1] = 7.0
    x[2:, 0, 10:20] = np.nan
    return x


def panel(x: NDArray[np.float32]) -> Panel:
    n = len(x)
    return Panel.from_store(
        x, sfreq=RATE, channels=("a", "b", "c"), unit="mV", label=np.zeros((n, 0), bool), classes=(),
        trial=np.arange(n), patient=np.arange(n),
    )  # fmt: skip


def module_of(made: SignalContract) -> Preprocessing:
    division = divide(made, "full")
    assert not division.outside
    return Preprocessing(made, division.inside)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"standardise": STORED | {"eps": 0.1, "clip": [-1, 1]}, "scale": 10.0},
        {"standardise": {"how": "global", "mean": [1.0], "std": [2.0]}, "missing_values": "zero"},
        {"missing_values": "mean", "scale": 0.5},
        *({"standardise": {"how": how, "eps": eps}} for how in OWN for eps in (0.0, 1e-3)),
        {"standardise": {"how": "none"}, "filter": [{"kind": "fir", "band": [1, 30], "taps": 51}],
         "filter_when": "in window"},
    ],
)  # fmt: skip
def test_preprocessing_in_the_graph_is_that_of_the_contract(fields: dict[str, Any]) -> None:
    made, x = contract(**fields), signals()
    if made.filter:
        x = x[:2]  # a filter bridges gaps, which a graph cannot
    wanted = convert(panel(x), made).panel
    with torch.no_grad():
        found = module_of(made)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, wanted.take(np.arange(len(x))), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("how", ["record", "record-all", "minmax-record", "minmax-channel"])
def test_whole_records_are_standardised_in_the_graph(how: str) -> None:
    ranged = {"range": [-1, 1]} if how.startswith("minmax") else {}
    by_window, whole = ({"window": {"steps": steps}} for steps in (STEPS, None))
    made = contract(standardise={"how": how, **ranged}, **whole)
    x = signals()
    with torch.no_grad():
        found = module_of(made)(torch.from_numpy(x)).numpy()
    wanted = convert(panel(x), made).panel.take(np.arange(3))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-5)
    division = divide(contract(standardise={"how": how, **ranged}, **by_window), "full")
    assert (division.inside, division.outside) == ((), ("standardise",))
    assert "whole recordings" in division.why


def test_what_has_no_exact_graph_comes_before_it() -> None:
    butter = [{"kind": "butter", "band": [0.5, 45]}]
    made = contract(filter=butter, modality="eeg", reference="average", scale=2.0)
    division = divide(made, "full")
    assert division.outside == ("reference", "filter")
    assert division.inside == ("standardise", "clip and scale")
    assert "forward and backward" in division.why
    assert divide(made, "none").outside == ("reference", "filter", "standardise", "clip and scale")
    assert not divide(made, "none").why
    fir = [{"kind": "fir", "band": [1, 30], "taps": 51}]
    inside = divide(contract(filter=fir, filter_when="in window"), "full")
    assert inside.inside == ("filter", "standardise")
    assert divide(contract(filter=fir, filter_when="in window"), "standardise").outside == ("filter",)
    with pytest.raises(ConfigError, match="which no graph can do in that order"):
        divide(contract(filter=fir, filter_when="in window", standardise={"how": "record"}), "full")


def probe(*, multilabel: bool, classes: int = 3, scheme: Any = "multinomial") -> Any:
    rng = np.random.default_rng(classes)
    x = rng.normal(5, 3, (300, 6))
    noisy = x @ rng.normal(size=(6, classes)) + rng.normal(0, 3, (300, classes))
    label = noisy > noisy.mean(axis=0) if multilabel else noisy.argmax(axis=1)
    if multilabel:
        label[:, -1] = False  # a class that cannot be fitted
    return x, fit_probe(x, label, classes + (not multilabel), C=(1.0,), scheme=scheme), label


@pytest.mark.parametrize(
    "case",
    [
        {"multilabel": True},
        {"multilabel": False},
        {"multilabel": False, "classes": 2},
        {"multilabel": False, "scheme": "one-vs-rest"},
    ],
)
def test_a_linear_head_as_a_module(case: dict[str, Any]) -> None:
    x, fitted, _ = probe(**case)
    found = fitted.module()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, fitted.predict(x), rtol=0, atol=1e-12)


def head(*, multilabel: bool, kind: Any, aggregate: Any = "mean") -> tuple[NDArray[Any], Head]:
    x, fitted, label = probe(multilabel=multilabel)
    prob = fitted.predict(x)
    records = Predictions(prob, label, np.arange(len(x)), np.arange(len(x)))
    origin = FittedOn(
        protocol="probe", fraction=1, subsample_by="all", seed=0, labelled="", samples=1, records=1,
        patients=1, class_counts=(1,),
    )  # fmt: skip
    classes = tuple("ABCD"[: prob.shape[1]])
    return prob, Head(
        name="probe-1-0", classifier=fitted, classes=classes, multilabel=multilabel, pool="max",
        fitted_on=origin, aggregate=aggregate, calibration=fit_calibration(kind, records),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["temperature", "vector", "isotonic"])
@pytest.mark.parametrize("multilabel", [True, False])
def test_calibration_as_a_module_and_as_lines(kind: Any, multilabel: bool) -> None:
    prob, made = head(multilabel=multilabel, kind=kind)
    assert made.calibration is not None
    wanted = made.calibrated(prob)
    found = Calibrated(made.calibration)(torch.from_numpy(prob)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    predict = lines(contract(), made, lambda w: prob[:1].repeat(len(w), 0))
    said = predict(signals(1)[0])
    np.testing.assert_allclose(list(said.values()), wanted[0], rtol=0, atol=1e-9)


def lines(made: SignalContract, of: Head, run: Any, *, shown: list[NDArray[Any]] | None = None) -> Any:
    """The function in the source that goes with a file, whose session is a function of windows."""

    class Session:
        def run(self, _names: list[str], inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
            if shown is not None:
                shown.append(inputs["x"])
            return [np.asarray(run(inputs["x"]))]

    source = snippet("p.onnx", made, divide(made, "full"), of, calibrated=False)
    _, body = source.split("def predict", 1)
    assert len(source.splitlines()) <= 16
    calibration = None if of.calibration is None else of.calibration.model_dump(mode="json")
    names: dict[str, Any] = {
        "np": np,
        "s": Session(),
        "m": {"channels": list(made.channels or ())},
        "c": made.model_dump(mode="json"),
        "h": {"classes": of.classes, "calibration": calibration},
    }
    exec("def predict" + body, names)
    return names["predict"]


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": [{"kind": "butter", "band": [0.5, 45]}, {"kind": "notch", "hz": 50}]},
        {"filter": [{"kind": "butter", "band": [None, 30], "order": 2}], "standardise": {"how": "record"}},
        {"filter": [{"kind": "fir", "band": [1, None], "taps": 63}],
         "window": {"steps": 100, "tail": "align"}},
        {"filter": [{"kind": "median-baseline", "seconds": 0.4}], "standardise": {"how": "record-all"}},
        {"standardise": {"how": "minmax-record", "range": [0, 1]},
         "window": {"steps": 100, "hop_seconds": 0.25}},
        {"standardise": {"how": "minmax-channel", "range": [-1, 1]}, "window": {"steps": 64, "longer":
         "crop-centre"}},
        {"filter": [{"kind": "butter", "band": [2, None]}], "filter_when": "in window",
         "window": {"steps": 128, "longer": "crop-start"}},
    ],
)  # fmt: skip
def test_the_lines_do_what_the_file_does_not(fields: dict[str, Any]) -> None:
    made, x = contract(**fields), signals(1, 400)
    shown: list[NDArray[Any]] = []
    _, own = head(multilabel=True, kind="none")
    predict = lines(made, own, lambda w: np.full((len(w), 3), 0.5), shown=shown)
    assert predict(x[0]) == dict.fromkeys(own.classes, 0.5)
    division = divide(made, "full")
    with torch.no_grad():
        found = Preprocessing(made, division.inside)(torch.from_numpy(shown[0])).numpy()
    converted = convert(panel(x), made).panel
    wanted = converted.take(np.arange(len(converted)))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_windows_of_a_record_by_maximum() -> None:
    _, own = head(multilabel=False, kind="none", aggregate="max")
    prob = np.array([[0.7, 0.1, 0.1, 0.1], [0.2, 0.6, 0.1, 0.1], [0.1, 0.1, 0.4, 0.4]])
    predict = lines(contract(window={"steps": 100}), own, lambda w: prob[: len(w)])
    wanted = prob.max(axis=0) / prob.max(axis=0).sum()
    np.testing.assert_allclose(list(predict(np.zeros((3, 300), np.float32)).values()), wanted)
    with pytest.raises(AssertionError):
        predict(np.zeros((2, 300)))


def test_leads_that_follow_from_others() -> None:
    twelve = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2")
    made = contract(channels=twelve, modality="ecg", standardise={"how": "none"})
    rng = np.random.default_rng(0)
    one, two, chest = rng.normal(size=(3, 2, 1, 50))
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    wanted = np.concatenate([*limb, chest, -chest], axis=1).astype(np.float32)
    given: tuple[str, ...] = ("V2", "aVF", "I", "V1")
    x = torch.from_numpy(wanted[:, [twelve.index(name) for name in given]])
    x[0, 0, 3] = torch.nan
    found: Tensor = Mixed(made, given)(x)
    assert found[0, 7, 3].isnan()
    found[0, 7, 3] = float(wanted[0, 7, 3])
    np.testing.assert_allclose(found, wanted, atol=1e-5)  # and the gap of one lead is in no other
    with pytest.raises(ContractError, match="V1, V2 do not follow from I, II; name them"):
        Mixed(made, ("I", "II"))
    with pytest.raises(ContractError, match="the encoder is not shown V9"):
        Mixed(made, ("I", "II", "V9"))


def test_neighbours_have_no_module() -> None:
    x, _, label = probe(multilabel=False)
    assert Neighbours.of(x, label, 3).module() is None
