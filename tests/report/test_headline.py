"""Sentences follow from the numbers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.run_folder import make_run
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import Score
from tsrep.report import summarise
from tsrep.report.contents import Contents, read_run
from tsrep.report.headline import headline, main_score, reading, verdict
from tsrep.report.page import render
from tsrep.report.wording import apart_from_zero, count, duration, number, share, signed


def contents(**changes: object) -> Contents:
    first = Score(
        "comet", "probe", "test", "record", 1.0, "all", 1, 40, 31, 2, {"auroc": Interval(0.8, 0.7, 0.9)}, {},
        against="random initialisation", difference={"auroc": Interval(0.1, 0.05, 0.15)},
    )  # fmt: skip
    control = replace(
        first, method="random initialisation", metrics={"auroc": Interval(0.7, 0.6, 0.8)}, against=""
    )
    floor = replace(control, method="majority", protocol="none", metrics={"auroc": Interval(0.5, 0.5, 0.5)})
    return Contents(Path("run"), scores=(floor, control, replace(first, **changes)))  # type: ignore[arg-type]  # by name


def test_the_main_score_is_the_probe_on_records_with_all_labels(tmp_path: Path) -> None:
    found = main_score(read_run(make_run(tmp_path / "run")))
    assert found is not None
    assert (found.method, found.protocol, found.unit, found.labels) == ("comet", "probe", "record", 1.0)


def test_the_headline_names_unit_part_patients_interval_and_controls() -> None:
    text = headline(contents())
    for piece in ("0.800 (95 % interval 0.700 to 0.900)", "40 records of 31 test patients", "linear probe",
                  "random-initialised encoder 0.700", "majority baseline 0.500", "1 seed)"):  # fmt: skip
        assert piece in text


@pytest.mark.parametrize(
    ("difference", "tone", "words"),
    [
        (Interval(0.1, 0.05, 0.15), "better", "Training beats the random-initialised encoder: +0.100 AUROC"),
        (Interval(0.01, -0.02, 0.04), "open", "does not measurably beat"),
        (Interval(-0.1, -0.15, -0.05), "worse", "ends below the random-initialised encoder: −0.100 AUROC"),
        (Interval(0.1, math.nan, math.nan), "open", "no interval could be computed"),
    ],
)
def test_the_verdict_is_plain(difference: Interval, tone: str, words: str) -> None:
    found = verdict(contents(difference={"auroc": difference}))
    assert found is not None
    assert found.tone == tone
    assert words in found.sentence


def test_without_a_control_there_is_no_verdict() -> None:
    assert verdict(contents(against="", difference={})) is None


def test_an_interval_that_touches_zero_is_not_a_win() -> None:
    assert reading(Interval(0.1, 0.0, 0.2)) == "not told apart"


def test_scores_of_validation_patients_and_of_few_patients_are_flagged() -> None:
    text = render(contents(part="validation", patients=12), [])
    assert "on whom the checkpoint was chosen too" in text
    assert "Only 12 patients were scored" in text
    assert "on whom the checkpoint" not in render(contents(), [])


def test_a_score_that_is_not_defined_is_a_dash_not_a_crash() -> None:
    nothing = Interval(math.nan, math.nan, math.nan)
    found = contents(metrics={"auroc": nothing}, difference={"auroc": nothing})
    assert main_score(found) is None
    assert "not evaluated yet" in headline(found)
    assert "–" in render(found, [])


def test_the_summary_has_the_scores_and_says_synthetic(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    text = summarise(run)
    assert text.startswith("SYNTHETIC DATA")
    assert "0.830 (0.795–0.865)" in text
    assert "scored on 168 records, patients 84" in text
    (run / "scores.json").unlink()
    assert f"tsrep evaluate {run}" in summarise(run)


def test_a_run_that_was_interrupted_says_how_to_go_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for name in ("scores.json", "predictions.npz", "embeddings.npz", "examples.npz"):
        (run / name).unlink()
    facts = json.loads((run / "provenance.json").read_text())
    del facts["seconds"]
    (run / "provenance.json").write_text(json.dumps(facts))
    text = summarise(run)
    assert "training has not ended" in text
    assert f"tsrep fit --resume {run}" in text
    assert f"tsrep fit --resume {run}" in render(read_run(run), [])


def test_summary_columns_line_up(tmp_path: Path) -> None:
    lines = summarise(make_run(tmp_path / "run")).splitlines()
    rule = next(i for i, line in enumerate(lines) if line.startswith("---"))
    stops = [i for i, c in enumerate(lines[rule]) if c == " " and lines[rule][i - 1] == "-"]
    for line in lines[rule - 1 : rule + 16]:
        assert all(line.ljust(stop + 2)[stop : stop + 2] == "  " for stop in stops), line


def test_numbers_read_well() -> None:
    assert (number(0.1234), number(-0.1), number(None), number(math.nan)) == ("0.123", "−0.100", "–", "–")
    assert (number(-0.0001), signed(0.0001), signed(0.1), signed(-0.1)) == (
        "0.000",
        "0.000",
        "+0.100",
        "−0.100",
    )
    assert (share(0.01), share(1.0), share(0.125)) == ("1 %", "100 %", "12.5 %")
    assert (duration(59.6), duration(61), duration(3725), duration(None)) == (
        "1 min 0 s",
        "1 min 1 s",
        "1 h 2 min",
        "–",
    )
    assert count(12345) == "12,345"


@pytest.mark.parametrize(
    ("low", "high", "digits"),
    [
        (0.002, 0.3, 3),
        (-0.1, 0.1, 3),
        (0.0, 0.1, 3),
        (-0.3, -0.0004, 4),
        (0.00002, 0.00003, 5),
        (float("nan"), 1.0, 3),
    ],
)
def test_an_interval_without_zero_does_not_read_as_if_it_touched_it(
    low: float, high: float, digits: int
) -> None:
    assert apart_from_zero(Interval((low + high) / 2, low, high), 3) == digits
