"""Sentences follow from the numbers."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.report.run_folder import apart, make_run
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.difference import Difference
from tsrep.evaluation.scores import Score, Scores
from tsrep.report import summarise
from tsrep.report.contents import Contents, read_run
from tsrep.report.panel_page import PanelPage, gain_table
from tsrep.report.rendering import plain_table, render
from tsrep.report.verdicts import main_scores, significance, verdicts
from tsrep.report.wording import apart_from_zero, count, duration, number, share, signed

COVERS = {"one": "patients and random initialisations", "several": "patients and training seeds"}
CONDITIONS = ("part", "patients", "title", "protocol")


def contents(**changes: object) -> Contents:
    first = Score(
        method="comet", role="method", protocol="probe", title="linear probe", rank=0, metric="auroc",
        part="test", unit="record", n=40, seeds=1, patients=31, classes_scored=2, spread={},
        metrics={"auroc": Interval(0.8, 0.7, 0.9)}, against="random initialisation",
        difference={"auroc": difference(0.1, 0.05)},
    )  # fmt: skip
    first = replace(first, **{name: value for name, value in changes.items() if name in CONDITIONS})  # type: ignore[arg-type]  # by name
    none: dict[str, Any] = {"against": "", "difference": {}}
    control = replace(
        first,
        method="random initialisation",
        role="control",
        metrics={"auroc": Interval(0.7, 0.6, 0.8)},
        **none,
    )
    floor = replace(control, method="majority", role="baseline", metrics={"auroc": Interval(0.5, 0.5, 0.5)})
    own = replace(first, **changes)  # type: ignore[arg-type]  # by name
    return Contents(
        Path("run"), config={"objective": {"name": own.method}}, scores=Scores((floor, control, own))
    )


def difference(value: float, half: float, of: str = "one") -> Difference:
    return replace(apart(value, half), covers=COVERS[of], seeds=1 if of == "one" else 5)


def headline(found: Contents) -> str:
    return PanelPage().headline(found)


def test_the_main_score_is_the_probe_on_records_with_all_labels(tmp_path: Path) -> None:
    (found,) = main_scores(read_run(make_run(tmp_path / "run")))
    assert (found.method, found.protocol, found.unit, found.fraction) == ("comet", "probe", "record", 1.0)


def test_a_method_is_told_from_controls_by_its_role_whatever_its_name() -> None:
    text = headline(contents(method="random-crop", metrics={"auroc": Interval(0.9, 0.85, 0.95)}))
    assert "trained by random-crop" in text
    assert "reaches a macro AUROC of 0.900" in text
    assert "not evaluated yet" not in text


def test_the_protocol_of_the_lowest_rank_stands_for_the_run() -> None:
    found = contents()
    other = tuple(replace(s, protocol="knn", title="nearest neighbours", rank=40) for s in found.scores)
    found = replace(found, scores=Scores((*other, *found.scores)))
    assert main_scores(found)[0].protocol == "probe"


def test_a_protocol_of_a_plug_in_has_its_title_and_its_metric() -> None:
    metrics = {"accuracy": Interval(0.8, 0.7, 0.9)}
    changes = {"protocol": "cosine-head", "title": "cosine head", "metric": "accuracy", "metrics": metrics}
    found = contents(**changes, difference={"accuracy": difference(0.1, 0.05)})
    assert "accuracy of 0.800" in headline(found)
    text = render(found, [])
    assert "Cosine head, per record, test patients" in text
    assert "+0.100 accuracy (95 % interval +0.050 to +0.150 over patients and" in text


def test_the_headline_names_unit_part_patients_interval_and_controls() -> None:
    text = headline(contents())
    for piece in ("0.800 (95 % interval 0.700 to 0.900)", "40 records of 31 test patients", "linear probe",
                  "random initialisation 0.700", "majority 0.500", "1 seed)"):  # fmt: skip
        assert piece in text


@pytest.mark.parametrize(
    ("gain", "tone", "words"),
    [
        (
            difference(0.1, 0.05),
            "better",
            "This encoder beats random initialisations of its architecture: +0.100 AUROC (95 % interval "
            "+0.050 to +0.150 over patients and random initialisations, p < 0.001).",
        ),
        (difference(0.01, 0.03), "open", "This encoder does not measurably beat random initialisations"),
        (difference(0.01, 0.03), "open", "p = 0.51, not significant)."),
        (difference(-0.1, 0.05), "worse", "ends behind random initialisations of its architecture: −0.100"),
        (
            difference(0.1, 0.05, "several"),
            "better",
            "Training by comet beats random initialisation: +0.100 AUROC (95 % interval +0.050 to +0.150 "
            "over patients and training seeds, p < 0.001).",
        ),
        (
            Difference(0.1, math.nan, math.nan),
            "open",
            "was computed: one of them does not tell how far they differ; it is +0.100 AUROC.",
        ),
    ],
)
def test_the_verdict_says_of_what_it_speaks(gain: Difference, tone: str, words: str) -> None:
    (found,) = verdicts(contents(difference={"auroc": gain}))
    assert found.tone == tone
    assert words in found.sentence


def test_a_gain_that_is_not_significant_is_told_what_it_would_need() -> None:
    gain = replace(difference(0.01, 0.03, "several"), resampled=0.0001, between=0.0001)
    first, second = verdicts(contents(difference={"auroc": gain}))
    assert "not significant" in first.sentence
    told = "For a difference of the size seen (0.010 AUROC), neither more patients"
    assert second.sentence.startswith(told)
    significant = replace(difference(0.1, 0.05, "several"), resampled=0.0001, between=0.0001)
    assert len(verdicts(contents(difference={"auroc": significant}))) == 1


def test_p_values_of_a_page_are_shown_as_they_are_and_adjusted_but_for_the_main_one() -> None:
    main = contents(difference={"auroc": difference(0.03, 0.029)}).scores.scores[-1]
    others = [replace(main, protocol="knn", rank=40, fraction=f, subsample_by="patient") for f in (0.1, 0.01)]
    found = replace(contents(), scores=Scores((*contents().scores.where(role="control"), main, *others)))
    table = gain_table(found)
    heads = [cell.text for cell in table.header]
    at = [heads.index(name) for name in ("p", "p (Holm)", "significance")]
    rows = [[row[i].text for i in at] for row in table.rows]
    assert f"(interval over {COVERS['one']}, " in table.caption  # the same in every row
    assert rows[0] == ["0.043", "0.043", "better"]
    assert rows[1] == rows[2] == ["0.043", "0.085", "not significant"]
    assert "better" in {each.tone for each in verdicts(found)}


def test_the_labels_that_were_drawn_stand_beside_the_fraction(tmp_path: Path) -> None:
    text = render(read_run(make_run(tmp_path / "run")), [])
    assert "202 samples of 25 patients" in text
    assert "100 % of the labels: 2,016 samples of 252 patients, " in text


def test_without_a_control_there_is_no_verdict() -> None:
    assert verdicts(contents(against="", difference={})) == []


def test_an_interval_that_touches_zero_is_not_a_win() -> None:
    own = contents(difference={"auroc": difference(0.1, 0.1)}).scores.scores[-1]
    assert significance(own) == "not significant"


def test_a_baseline_that_is_better_is_said_plainly() -> None:
    *_, found = verdicts(contents(metrics={"auroc": Interval(0.4, 0.3, 0.5)}))
    assert found.tone == "worse"
    assert (
        "Baselines without an encoder have a higher test AUROC: majority 0.500, comet 0.400."
        in found.sentence
    )


def test_scores_of_validation_patients_and_of_few_patients_are_flagged() -> None:
    found = contents(part="validation", patients=12)
    text = render(replace(found, config={**found.config, "training": {"keep": "probe"}}), [])
    assert "on which the checkpoint was chosen too" in text
    assert "Only 12 patients were scored" in text
    assert "on which the checkpoint" not in render(found, [])  # the last epoch, which nothing chose
    assert "on which the checkpoint" not in render(contents(), [])


def test_a_score_that_is_not_defined_is_a_dash_not_a_crash() -> None:
    nothing = Interval(math.nan, math.nan, math.nan)
    found = contents(
        metrics={"auroc": nothing}, difference={"auroc": Difference(math.nan, math.nan, math.nan)}
    )
    assert main_scores(found) == ()
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


def test_a_run_that_was_interrupted_says_how_to_resume(tmp_path: Path) -> None:
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


def test_summary_columns_line_up_under_what_a_group_shares(tmp_path: Path) -> None:
    lines = summarise(make_run(tmp_path / "run")).splitlines()
    rule = next(i for i, line in enumerate(lines) if line.startswith("  ---"))
    table = lines[rule - 1 : lines.index("", rule)]
    stops = [i for i, c in enumerate(lines[rule]) if c == " " and lines[rule][i - 1] == "-"]
    for line in table:
        inside = not line.startswith("labels")
        assert not inside or all(line.ljust(stop + 2)[stop : stop + 2] == "  " for stop in stops), line
        assert len(line) <= 80
    groups = [i for i, line in enumerate(table) if line.startswith("labels")]
    assert table[groups[0]] == "labels 100 % (2,016 samples of 252 patients)"
    assert table[groups[1]] == "labels 10 % (202 samples of 25 patients), subsampled by patient"
    assert [line.split("  ")[1] for line in table[groups[1] + 1 : groups[2]]] == [
        *("comet", "random initialisation", "majority")
    ]


def test_a_gain_keeps_its_interval_and_fits_into_a_terminal(tmp_path: Path) -> None:
    _, *table = plain_table(gain_table(read_run(make_run(tmp_path / "run"))), brief=True)
    groups = [i for i, line in enumerate(table) if line.startswith("protocol ")]
    assert groups
    for row in (table[i + 1] for i in groups):
        assert re.search(r"[+−]\d\.\d+ \([+−]?\d\.\d+ to [+−]?\d\.\d+\)", row), row
    assert all(len(line) <= 80 for i, line in enumerate(table) if i not in groups)


def test_all_intervals_are_shown_where_more_is_asked_for(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    brief, whole = summarise(run), summarise(run, verbose=True)
    assert "0.830 (0.795–0.865)  0.580  0.620" in brief
    assert "0.830 (0.795–0.865)  0.580 (0.545–0.615)  0.620 (0.585–0.655)" in whole


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
