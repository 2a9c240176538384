"""Faults of plug-ins: one sentence that names the part, where it is used, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import tsrep
from tsrep.datasets.dataset import About, Dataset
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.forecasts import baselines
from tsrep.evaluation.labels.evaluation import MAJORITY, LabelEvaluation
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.protocols.protocol import Protocol, outcome, protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.objectives.objective import Objective
from tsrep.registry import DATASETS, ENCODERS, NAME, OBJECTIVES, PROTOCOLS, VIEWS, Registry
from tsrep.runs.config import configure, plain
from tsrep.runs.evaluation_settings import EvaluationSettings
from tsrep.runs.task import task_of
from tsrep.signals import Panel
from tsrep.splits.split import Split
from tsrep.testing import check_protocol
from tsrep.training.averaging import Step

Register = Callable[[Registry, Any], Any]
ABOUT = About(title="A", licence="none", citation="", url="")


@pytest.fixture
def register() -> Iterator[Register]:
    """Register a part as ``faulty`` for one test."""
    used: list[Registry] = []

    def add(registry: Registry, part: Any) -> Any:
        used.append(registry)
        return registry.register("faulty")(part)

    yield add
    for registry in used:
        registry._entries.pop("faulty", None)


def evaluation() -> LabelEvaluation:
    panel = Panel.from_arrays(
        np.zeros((24, 1, 2), np.float32), label=np.arange(24) % 2, patient=np.arange(24) // 2, sfreq=1.0
    )
    split = Split.make(
        panel, np.arange(24) < 12, (np.arange(24) >= 12) & (np.arange(24) < 18), np.arange(24) >= 18, how="x"
    )
    return LabelEvaluation(panel, split, fractions=(1.0,), seeds=1, n_bootstrap=20)


def candidates() -> list[Candidate]:
    return [Candidate.of_features("mine", np.arange(48, dtype=np.float32).reshape(24, 2))]


def some_scores() -> Scores:
    return outcome(protocol_of({"name": "probe"}), candidates(), evaluation())


@pytest.mark.parametrize("name", ["random initialisation", "", "a/b", "a.b", "Abc", "-a", "a--b", 3])
def test_names_are_words(name: Any) -> None:
    with pytest.raises(ConfigError, match="cannot name a view; use lower case letters and digits"):
        VIEWS.register(name)


def test_reserved_names_are_those_that_would_collide() -> None:
    own = {baselines.REPEAT_LAST, baselines.SEASONAL_NAIVE, baselines.RIDGE_NLINEAR, MAJORITY}
    assert set(OBJECTIVES.reserved) == own
    taken = {*EvaluationSettings.model_fields, *dir(EvaluationSettings)}
    assert set(PROTOCOLS.reserved) >= set(filter(NAME.fullmatch, taken))
    for registry, name in ((OBJECTIVES, "majority"), (PROTOCOLS, "labels"), (PROTOCOLS, "copy")):
        with pytest.raises(ConfigError, match=f"'{name}' cannot name a {registry.kind}, as it means"):
            registry.register(name)


class Untyped:
    """An argument without a type."""

    def __init__(self, steps=3):
        self.steps = steps


class Anything:
    """Arguments without names."""

    def __init__(self, **settings: float) -> None:
        self.settings = settings


class Unresolved:
    """A type that there is not."""

    def __init__(self, steps: Nothing = 3) -> None:  # type: ignore[name-defined]  # noqa: F821
        self.steps = steps


class Unsuited:
    """A type that settings cannot have."""

    def __init__(self, steps: torch.Tensor | None = None) -> None:
        self.steps = steps


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Untyped, "argument steps of the encoder 'faulty' of .* has no type; annotate it"),
        (Anything, "the encoder 'faulty' of .* takes .*settings: .*, but settings have names"),
        (
            Unresolved,
            "the encoder 'faulty' .* cannot say the type of its argument steps .NameError",
        ),
        (Unsuited, "the encoder 'faulty' .* cannot have its arguments as settings .Pydantic"),
    ],
)
def test_arguments_that_are_no_settings(register: Register, part: Any, told: str) -> None:
    register(ENCODERS, part)
    configure()
    with pytest.raises(ConfigError, match=told) as caught:
        configure({"encoder": "faulty"})
    assert "\n" not in str(caught.value)


def test_a_class_without_a_constructor_has_no_settings(register: Register) -> None:
    class Plain(torch.nn.Module):
        """Has the constructor of PyTorch."""

    register(ENCODERS, Plain)
    assert list(ENCODERS.entry("faulty").settings.model_fields) == ["name"]
    assert Plain.name == "faulty"  # type: ignore[attr-defined]


class Returns(Protocol):
    """A protocol that returns what it is told to."""

    title = "t"

    def __init__(self, what: str = "none") -> None:
        self.what = what

    def evaluate(self, candidates: Any, evaluation: Any) -> Any:
        scores = some_scores()
        mine = {"protocol": "faulty", "part": "test"}
        own = replace(scores, scores=tuple(replace(score, **mine) for score in scores))
        match self.what:
            case "none":
                return None
            case "raises":
                raise KeyError("oops")
            case "twice":
                return own + own, None
            case "metric":
                self.metric = "kappa"
        changed: dict[str, dict[str, Any]] = {
            "protocol": {"protocol": "probe"}, "part": {"part": "validation"}, "role": {"role": "baseline"},
        }  # fmt: skip
        return Scores(tuple(replace(score, **changed.get(self.what, {})) for score in own)), None


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("none", "the protocol 'faulty' of .* returns None"),
        ("raises", "the protocol 'faulty' of .* cannot score .KeyError: 'oops'.; fix or uninstall it"),
        ("twice", "returns two scores of majority faulty"),
        ("metric", "rests on the metric 'kappa', but scores"),
        ("protocol", "returns a score with protocol 'probe', not 'faulty'"),
        ("part", "returns a score with part 'validation', not 'test'"),
        ("role", "returns a score with role 'baseline', not 'method'"),
    ],
)
def test_what_a_protocol_returns_is_checked(register: Register, what: str, told: str) -> None:
    register(PROTOCOLS, Returns)
    with pytest.raises(ConfigError, match=told):
        outcome(protocol_of({"name": "faulty", "what": what}), candidates(), evaluation())
    with pytest.raises(AssertionError, match="0 scores of 'informative'" if what == "role" else told):
        check_protocol(lambda: Returns(what))


def test_a_protocol_is_called_by_the_name_that_it_is_registered_by(register: Register) -> None:
    register(PROTOCOLS, type("Mine", (type(protocol_of({"name": "knn"})),), {"name": "probe"}))
    scores = outcome(protocol_of({"name": "faulty"}), candidates(), evaluation())
    assert {score.protocol for score in scores} == {"faulty"}


class Abstract(Protocol):
    """Has no evaluate."""

    title = "t"


class Untitled(Returns):
    """Has no title."""

    title = None  # type: ignore[assignment]


class Elsewhere(Returns):
    """Is for what there is not."""

    task = "sires"


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Abstract, "the protocol 'faulty' of .* cannot be made .TypeError: .*abstract"),
        (Untitled, "the protocol 'faulty' of .* says title = None; set it to a value of type str"),
        (Anything, "settings have names"),
        (Elsewhere, "the protocol 'faulty' of .* says task = 'sires'; let its class say 'panel' or 'series'"),
        (type("Other", (), {}), "the protocol 'faulty' of .* is no Protocol"),
    ],
)
def test_a_faulty_protocol_is_told_before_data_are_read(register: Register, part: Any, told: str) -> None:
    register(PROTOCOLS, part)
    configure({"evaluation": {"protocols": ["probe"]}})
    with pytest.raises(ConfigError, match=told):
        configure({"evaluation": {"protocols": ["faulty"]}})


def test_settings_are_kept_of_protocols_that_are_used(register: Register) -> None:
    class Needs(Returns):
        """Has a setting without a default."""

        def __init__(self, level: float) -> None:
            self.level = level

    register(PROTOCOLS, Needs)
    kept = plain(configure({"evaluation": {"protocols": ["probe"], "finetune": {"epochs": 3}}}))["evaluation"]
    assert {"probe", "finetune", "knn", "faulty"} & kept.keys() == {"probe", "finetune"}
    with pytest.raises(ConfigError, match=r"evaluation\.faulty\.level is missing"):
        configure({"evaluation": {"protocols": ["faulty"]}})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"protocols": ["probe", "probe"]}, "evaluation.protocols names probe twice"),
        ({"labels": [1.0, 0.1, 0.1]}, "evaluation.labels names 0.1 twice"),
        ({"subsample_by": ["record", "record"]}, "evaluation.subsample_by names record twice"),
        ({"labels": []}, r"evaluation.labels is \(?\[?\]?.*too short; name at least 1"),
        ({"labels": math.nan}, "evaluation.labels is nan, and a list is wanted"),
        ({"probe": 3}, "evaluation.probe is 3, and settings by name are wanted"),
        (None, "evaluation is None, and settings by name are wanted"),
        ({"labells": [1.0]}, "unknown setting evaluation.labells; did you mean 'labels'"),
        ({"finetun": {}}, "unknown setting evaluation.finetun; did you mean 'finetune'"),
        ({"forecast": {"horizons": [3, 3]}}, "evaluation.forecast.horizons names 3 twice"),
    ],
)
def test_settings_of_evaluations_are_refused_in_plain_words(given: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        configure({"evaluation": given})
    assert "\n" not in str(caught.value)


def faulty_data(result: Any) -> Any:
    class Data(Dataset):
        """Reads what it is told to."""

        about = ABOUT

        def find(self, root: Any) -> Any:
            return root

        def read(self, folder: Any, *, cache: Any, strict: bool, progress: bool) -> Any:
            return result()

    return Data


def arrays(**fields: Any) -> Panel:
    given = {"label": np.arange(40) % 2, "patient": np.arange(40) // 2, "sfreq": 1.0}
    return Panel.from_arrays(np.zeros((40, 1, 8), np.float32), **{**given, **fields})


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (lambda: None, "the dataset 'faulty' of .* gives None, but a panel of labelled samples is a Panel"),
        (lambda: np.zeros(3), "the dataset 'faulty' of .* gives array"),
        (lambda: {}["x"], "the dataset 'faulty' of .* cannot be read .KeyError: 'x'."),
        (lambda: arrays(sfreq=math.nan), "the sampling rate must be positive and finite, got nan"),
    ],
)
def test_faulty_data_are_one_sentence(register: Register, result: Any, told: str) -> None:
    register(DATASETS, faulty_data(result))
    with pytest.raises(DataError, match=told):
        tsrep.fit({"dataset": "faulty", "window": {"seconds": None}}, progress=False)


def test_data_without_facts_or_of_an_unknown_kind(register: Register) -> None:
    part = register(DATASETS, faulty_data(arrays))
    part.task = "sires"
    with pytest.raises(ConfigError, match=r"the dataset 'faulty' of .* says task = 'sires'"):
        configure({"dataset": "faulty"})
    part.task, part.find = "panel", Dataset.find
    del part.about
    with pytest.raises(DataError, match=r"the dataset 'faulty' of .* cannot be read .AttributeError"):
        tsrep.fit({"dataset": "faulty"}, progress=False)


def test_digests_are_made_where_there_are_none() -> None:
    one, other = arrays().hashed(), replace(arrays(), label=1 - arrays().label).hashed()
    assert one.digest == arrays().hashed().digest != other.digest
    assert replace(arrays(), store=arrays().store + 1).hashed().digest != one.digest


@pytest.mark.parametrize("terms", [torch.zeros(()), {}, {"a": torch.zeros(2)}, {"a": 0.0}])
def test_terms_are_scalars_by_name(terms: Any) -> None:
    class Odd(Objective):
        """Returns what it is told to."""

        def forward(self, encoder: Any, batch: Any, *, generator: Any) -> Any:
            return terms

    with pytest.raises(ConfigError, match=r"objective Odd gives .* as its terms; let forward"):
        Step(torch.nn.Identity(), Odd())(None, torch.Generator())  # type: ignore[arg-type]


def test_defaults_of_an_objective_are_told_as_its_own(register: Register) -> None:
    class Odd(Objective):
        """Has defaults that there are not."""

        defaults = {"training": {"epoch": 3}}  # noqa: RUF012

        def forward(self, encoder: Any, batch: Any, *, generator: Any) -> Any:
            return {}

    register(OBJECTIVES, Odd)
    with pytest.raises(ConfigError, match=r"the defaults of the objective 'faulty' of .*: unknown"):
        configure({"objective": "faulty"})
    Odd.defaults = {}
    with pytest.raises(ConfigError, match=r"^unknown setting training.epoch"):
        configure({"objective": "faulty", "training": {"epoch": 3}})


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("n", "many", "n of the score of 'mine' by 'probe' is 'many'; it must be a whole number from 0"),
        ("n", 1.5, "n of the score"),
        ("role", "winner", "must be one of method, control and baseline"),
        ("method", 3, "method of the score of 3 by 'probe' is 3; it must be a text"),
        ("fraction", True, "fraction of the score"),
        ("rank", None, "rank of the score"),
        ("metrics", {"auroc": 0.5}, "metrics of the score"),
        ("spread", {"auroc": math.inf}, "spread of the score"),
        ("by_seed", {"auroc": 0.5}, "by_seed of the score"),
        ("notes", "a text", "notes of the score"),
    ],
)
def test_scores_check_their_fields(field: str, value: Any, told: str) -> None:
    score = some_scores().where(method="mine").scores[0]
    with pytest.raises(DataError, match=told):
        replace(score, **{field: value})


def test_numbers_of_numpy_become_those_of_python() -> None:
    score = some_scores().scores[0]
    taken = replace(score, n=np.int64(3), details={"a": np.float32(0.5)}, fraction=np.float64(0.5))
    assert [type(each) for each in (taken.n, taken.details["a"], taken.fraction)] == [int, float, float]


def test_an_edited_file_of_scores_is_told_by_field() -> None:
    text = some_scores().to_json()
    assert Scores.from_json(text).to_json() == text
    with pytest.raises(
        RunError, match=r"score 1 of scores.json cannot be read: n of the .*restore the file"
    ) as e:
        Scores.from_json(text.replace('"n": 6', '"n": "x"'))
    assert "remove" not in str(e.value)
    with pytest.raises(RunError, match=r"score 1 of scores.json cannot be read: .*'colour'"):
        Scores.from_json(text.replace('"n": 6', '"colour": 6'))


@pytest.mark.parametrize("prob", [[[1.5, -0.5]], [[-1.0, 2.0]], [0.5]])
def test_probabilities_are_probabilities(prob: Any) -> None:
    with pytest.raises(DataError, match=r"no probability; give values from 0 to 1|probabilities of shape"):
        Predictions(np.array(prob), np.zeros(1, int), np.zeros(1, int), np.zeros(1, int))


def test_each_run_of_a_comparison_has_the_windows_of_its_own_objective() -> None:
    configs = [
        configure({"dataset": "seasonal-sim", "objective": objective})
        for objective in ("autotcl", {"name": "forecast", "lookback": 37, "horizon": 5})
    ]
    task = task_of(configs[0])
    prepared = task.prepare(progress=False)
    assert task.comparison(prepared, configs).lookback == 37
