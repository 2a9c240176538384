"""The files of a head: what is refused, what is kept, and which is taken by default."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tsrep.errors import DataError, RunError
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.heads.facts import Estimate, FittedOn, Performance
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.kept import keep_heads, load_heads
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.neighbours import fit_neighbours
from tsrep.evaluation.labels.svm import fit_svm
from tsrep.evaluation.scores import Scores

X = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
Y = np.arange(90) % 3


def head(name: str = "probe-1-0", auroc: float | None = 0.8, data: str = "d", **changes: Any) -> Head:
    facts = FittedOn(
        weights="w", data=data, protocol="probe", fraction=1, subsample_by="all", seed=0,
        labelled="", samples=90, records=90, patients=90, class_counts=(30, 30, 30),
    )  # fmt: skip
    estimate = Estimate(value=auroc, low=None, high=None)
    held = Performance(part="validation", records=9, patients=9, metrics={"auroc": estimate})
    made = Head(
        name=name, classifier=fit_probe(X, Y, 3), classes=("a", "b", "c"), multilabel=False, pool="max",
        fitted_on=facts, validation=held,
    )  # fmt: skip
    return replace(made, **changes)


def edited(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "probe-1-0.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.update(extra=1), "extra"),
        (lambda c: c.pop("classes"), "classes is missing"),
        (lambda c: c.update(format=2), "format"),
        (lambda c: c.update(pool="median"), "pool"),
        (lambda c: c["fitted_on"].update(surprise=1), "fitted_on.surprise"),
        (lambda c: c.update(kind="os.system"), "unknown classifier 'os.system'"),
        (lambda c: c.update(kind="knn"), "no classifier that can be restored"),
        (lambda c: c["settings"].update(surprise=1), "no classifier that can be restored"),
        (lambda c: c.update(tensors="0" * 64), "it is not the file that its JSON announces"),
    ],
)
def test_json_that_does_not_fit_is_refused(tmp_path: Path, change: Any, told: str) -> None:
    head().save(tmp_path)
    edited(tmp_path, change)
    with pytest.raises(RunError, match=told) as error:
        Head.load(tmp_path, "probe-1-0")
    assert "evaluate again" in str(error.value)
    assert "\n" not in str(error.value)


def test_tensors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    head().save(tmp_path)
    path = tmp_path / "probe-1-0.safetensors"
    whole = path.read_bytes()
    for content in (whole[:-8], b"", b"\x80\x04pickle", None):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(RunError, match=r"probe-1-0\.safetensors is missing or broken"):
            Head.load(tmp_path, "probe-1-0")
    path.write_bytes(whole)
    tensors = load_file(path)
    save_file({name: value for name, value in tensors.items() if "weight" not in name}, path)
    import hashlib

    edited(tmp_path, lambda c: c.update(tensors=hashlib.sha256(path.read_bytes()).hexdigest()))
    with pytest.raises(RunError, match="no classifier that can be restored"):
        Head.load(tmp_path, "probe-1-0")


@pytest.mark.parametrize("name", ["none", "../probe-1-0", "sub/probe-1-0"])
def test_a_head_that_there_is_not_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "head" / "sub").mkdir(parents=True)
    head().save(tmp_path)
    with pytest.raises(RunError, match=f"there is no head {name} in"):
        Head.load(tmp_path / "head", name)


def test_the_best_on_the_validation_part_is_kept(tmp_path: Path) -> None:
    heads = {name: head(name, auroc) for name, auroc in (("a-1-0", 0.7), ("b-1-0", 0.9), ("c-1-0", None))}
    keep_heads(heads, tmp_path)
    assert list(load_heads(tmp_path)) == ["b-1-0"]
    assert {path.name for path in tmp_path.iterdir()} == {"b-1-0.json", "b-1-0.safetensors", "default.json"}
    keep_heads({"d-1-0": head("d-1-0", 0.8)}, tmp_path)  # of another protocol, later
    assert list(load_heads(tmp_path)) == ["b-1-0"]
    keep_heads({"d-1-0": head("d-1-0", 0.95)}, tmp_path)
    assert list(load_heads(tmp_path)) == ["d-1-0"]


def test_all_are_kept_with_the_best_first(tmp_path: Path) -> None:
    heads = {name: head(name, auroc) for name, auroc in (("a-1-0", 0.7), ("b-1-0", 0.9), ("c-1-0", None))}
    keep_heads(heads, tmp_path, "all")
    assert list(load_heads(tmp_path)) == ["b-1-0", "a-1-0", "c-1-0"]
    keep_heads(heads, tmp_path / "not", "none")
    assert not (tmp_path / "not").exists()
    assert load_heads(tmp_path / "not") == {}


def test_heads_of_other_data_and_broken_ones_give_way(tmp_path: Path) -> None:
    keep_heads({"a-1-0": head("a-1-0", 0.99, data="before"), "z-1-0": head("z-1-0", 0.98)}, tmp_path, "all")
    (tmp_path / "z-1-0.json").write_text("{", encoding="utf-8")
    keep_heads({"b-1-0": head("b-1-0", 0.6)}, tmp_path, "all")
    assert list(load_heads(tmp_path)) == ["b-1-0"]
    assert not list(tmp_path.glob("[az]-1-0*"))


def test_where_no_validation_tells_the_first_is_taken(tmp_path: Path) -> None:
    keep_heads({"a-1-0": head("a-1-0", validation=None), "b-1-0": head("b-1-0", None)}, tmp_path, "all")
    assert next(iter(load_heads(tmp_path))) == "a-1-0"


def test_a_broken_default_is_told(tmp_path: Path) -> None:
    keep_heads({"a-1-0": head("a-1-0")}, tmp_path)
    (tmp_path / "default.json").write_text("[]", encoding="utf-8")
    with pytest.raises(RunError, match="does not name a head; evaluate again"):
        load_heads(tmp_path)


def test_scores_keep_heads_beside_them(tmp_path: Path) -> None:
    scores = Scores().with_head(head("a-1-0", 0.7)).with_head(head("b-1-0", 0.9))
    scores.save(tmp_path, "all")
    assert list(load_heads(tmp_path / "head")) == ["b-1-0", "a-1-0"]
    Scores().save(tmp_path)  # scored again without heads
    assert len(load_heads(tmp_path / "head")) == 2


def test_a_head_that_would_hold_too_many_records_is_not_kept_and_this_is_told() -> None:
    many = np.random.default_rng(0).normal(size=(2001, 4)).astype(np.float32)
    held = head("knn-1-0", classifier=fit_neighbours(many, np.arange(2001) % 3, 3))
    scores = Scores().with_head(held)
    assert not scores.heads
    assert scores.notes == (
        "Head knn-1-0 is not kept: it would hold the features of 2,001 records of patients, and at most "
        "2,000 are kept; keep a linear head.",
    )
    assert Scores().with_head(replace(held, classifier=fit_neighbours(X, Y, 3))).heads


def test_a_classifier_that_does_not_say_how_is_scored_only() -> None:
    class Own(Classifier):
        def predict(self, features: np.ndarray) -> np.ndarray:
            return np.full((len(features), 3), 1 / 3)

    scores = Scores().with_head(head(classifier=Own()))
    assert not scores.heads
    assert scores.notes == ("Head probe-1-0 is not kept: its classifier does not say how to store it.",)


def test_a_failed_save_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match="cannot be written"):
        head().save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_decisions_in_words() -> None:
    one = head()
    prob = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    assert one.names(prob) == ["a", "c"]
    several = head(multilabel=True)
    assert several.names(np.array([[0.7, 0.6, 0.1], [0.1, 0.2, 0.3]])) == ["a;b", ""]


def test_features_of_another_pool_are_refused() -> None:
    for classifier in (fit_probe(X, Y, 3), fit_neighbours(X, Y, 3), fit_svm(X, Y, 3, C=(1.0,))):
        with pytest.raises(DataError, match=r"head probe-1-0 takes 4 features of each window, pooled by max"):
            head(classifier=classifier).predict_proba(np.concatenate([X, X], axis=1))
