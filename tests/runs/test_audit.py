"""Audits of a random encoder and of a run: what is said, what is refused, and that nobody is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import tsrep
from tests.conftest import TINY
from tsrep.errors import ConfigError, RunError
from tsrep.runs.audit import subject
from tsrep.runs.audit.conduct import Audit
from tsrep.runs.audit.subgroups import _paced, _thresholds

DATA = {
    "name": "ptb-xl-sim",
    "patients": 60,
    "records_per_patient": 2.0,
    "split": {"name": "stratified", "validation": 0.2, "test": 0.6},
}
SETTINGS: dict[str, Any] = {"evaluation": {"n_bootstrap": 100}}
KEYS = ["identity", "origin", "demographics", "membership", "subgroups", "geometry"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Path]:
    """The audit of amplitude and spectrum, which needs no training and no embedding."""
    folder = tmp_path_factory.mktemp("audit")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("subject", "demographics", "origin", "subgroups"):
            patch.setattr(f"tsrep.runs.audit.{module}.FEWEST", 5)
        audit = tsrep.audit("simple:amplitude-and-spectrum", DATA, out=folder, progress=False, **SETTINGS)
    return audit, folder


def test_every_block_is_there_with_what_it_does_not_show(found: tuple[Audit, Path]) -> None:
    audit, folder = found
    assert [block.key for block in audit.blocks] == KEYS
    assert all(block.says and block.silent_on for block in audit.blocks)
    page = (folder / "audit.html").read_text(encoding="utf-8")
    for block in audit.blocks:
        assert block.silent_on in page
        assert f'id="{block.key}"' in page
    assert "Membership: upper bound" in page


def test_values_have_intervals_references_and_counts(found: tuple[Audit, Path]) -> None:
    rows = [row for row in found[0]["identity"].rows if row.line.startswith("top-1 of all")]
    assert {row.of for row in rows} >= {"amplitude and spectrum", subject.SIGNAL}
    for row in rows:
        assert 0 <= row.low <= row.value <= row.high <= 1
        assert row.patients <= row.recordings
        assert row.chance == pytest.approx(1 / found[0].facts["patients"])


def test_json_and_csv_hold_all_numbers(found: tuple[Audit, Path]) -> None:
    audit, folder = found
    stored = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    assert [len(block["rows"]) for block in stored["blocks"]] == [len(block.rows) for block in audit.blocks]
    lines = (folder / "audit.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + sum(len(block.rows) for block in audit.blocks)


def test_nobody_is_named(found: tuple[Audit, Path]) -> None:
    from tsrep.datasets import load

    panel: Any = load("ptb-xl-sim", patients=60, records_per_patient=2.0)
    names = {*map(str, panel.patient_names), *panel.record_names}
    assert names
    assert sorted(path.name for path in found[1].iterdir()) == [
        "audit.csv",
        "audit.html",
        "audit.json",
        "table.yaml",
    ]
    for path in found[1].iterdir():
        words = set(re.findall(r"[\w.:]+", path.read_text(encoding="utf-8")))
        assert not {name for name in names & words if len(name) > 3}, path.name


def test_groups_are_shown_where_they_are_large_enough(found: tuple[Audit, Path]) -> None:
    rows = found[0]["subgroups"].rows
    assert any(row.note == "too few" for row in rows)
    large = [row for row in rows if row.line == "sex: F" and row.of == "auroc" and not row.note]
    assert large
    assert all(row.low <= row.value <= row.high for row in large)


@pytest.mark.parametrize(
    ("meta", "classes", "groups"),
    [
        ({"paced": np.array([1.0, 0.0, np.nan])}, ("NORM", "MI"), ["yes", "no", ""]),
        ({"paced": np.array(["yes", "no", ""])}, ("NORM", "PR"), ["yes", "no", ""]),
        ({}, ("NORM", "PR"), ["no", "yes", ""]),
        ({}, ("NORM", "MI"), None),
    ],
)
def test_paced_recordings_are_a_group(
    meta: dict[str, np.ndarray], classes: tuple[str, str], groups: list[str] | None
) -> None:
    flags = np.array([[True, False], [False, True], [False, False]])
    known = np.array([[True, True], [True, True], [True, False]])
    windows = SimpleNamespace(classes=classes, positive=flags, class_mask=known)
    found = _paced(cast("Any", SimpleNamespace(known=meta.get, first_windows=windows)))
    assert (None if found is None else found.tolist()) == groups


def test_a_class_that_all_validation_patients_have_has_no_threshold() -> None:
    held = SimpleNamespace(target=np.array([[1, 0], [1, 0], [1, 1]]), prob=np.array([[0.9, 0.2]] * 3))
    found = _thresholds(cast("Any", SimpleNamespace(validated=held)))
    assert found is not None
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(0.2)


def test_nobody_is_a_member_of_data_that_were_not_trained_on(found: tuple[Audit, Path]) -> None:
    block = found[0]["membership"]
    assert not block.rows
    assert "was not trained on these recordings" in block.says[0]


def test_one_recording_of_each_patient_is_refused_in_a_sentence(tmp_path: Path) -> None:
    data = DATA | {"records_per_patient": 1.0}
    audit = tsrep.audit("simple:amplitude-and-spectrum", data, out=tmp_path, progress=False, **SETTINGS)
    (reason, *_) = audit["identity"].says
    assert reason.startswith("Not measured: no patient of the test part has two recordings")


def test_a_run_is_asked_for_its_members(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("subject", "membership"):
        monkeypatch.setattr(f"tsrep.runs.audit.{module}.FEWEST", 2)
    monkeypatch.setattr("tsrep.runs.audit.membership.MOST", 8)
    monkeypatch.setattr("tsrep.evaluation.audit.membership.DRAWS", 1)
    data = TINY["dataset"]
    audit = tsrep.audit(tiny_run, data, out=tmp_path, progress=False, **SETTINGS)
    assert audit.facts["own"]
    lines = {row.line for row in audit["membership"].rows}
    assert "control without the encoder: AUROC" in lines
    shares = [row for row in audit["membership"].rows if "at 1 % of others" in row.line]
    assert {row.of for row in shares} == {"comet", "random initialisation"}
    assert all(np.isnan(row.low) and np.isfinite(row.value) for row in shares)
    ranks = [row for row in audit["geometry"].rows if row.line == "effective rank"]
    assert {row.of for row in ranks} == {"comet", "random initialisation"}


def test_more_than_one_encoder_is_refused(tmp_path: Path) -> None:
    from tsrep.runs.audit.conduct import audit
    from tsrep.runs.compare.table import table_of

    table = table_of({"encoders": ["random:resnet1d", "random:resnet1d@1"], "datasets": ["ptb-xl-sim"]})
    with pytest.raises(ConfigError, match="an audit is of one encoder, and 2 are named"):
        audit(table, tmp_path, progress=False)
    (tmp_path / "taken").write_text("", encoding="utf-8")
    one = table_of({"encoders": ["random:resnet1d"], "datasets": ["ptb-xl-sim"]})
    with pytest.raises(RunError, match="is a file"):
        audit(one, tmp_path / "taken", progress=False)
    few = one.model_copy(update={"label_seeds": 4})
    with pytest.raises(ConfigError, match="4 random initialisations do not tell how far they differ; give 5"):
        audit(few, tmp_path / "out", progress=False)


def test_unknown_levels_are_of_no_level_and_rare_ones_taken_together() -> None:
    values = np.repeat(["A", "B", "C", "D", ""], [25, 22, 15, 9, 40])
    stub = SimpleNamespace(known=lambda _name: values, scored=np.arange(111), patient=np.arange(111))
    found = subject.Subject.levels(stub, "device")  # type: ignore[arg-type]
    assert found is not None
    level, names = found
    assert names == ["A", "B", subject.OTHER]
    assert np.unique(level, return_counts=True)[1].tolist() == [40, 25, 22, 24]
    assert (level[-40:] == -1).all()
