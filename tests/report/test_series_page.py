"""The page of a run on a series: self-contained, escaped, and with a hint for all that is missing."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.report.run_folder import make_run
from tests.report.series_folder import HORIZONS, NAMES, PNG, add_receptive_field, make_series_run
from tests.report.test_panel_page import outline, text_only
from tsrep.errors import RunError
from tsrep.evaluation.forecasts.coverage import Coverage
from tsrep.report import summarise, write_report
from tsrep.report.captioned_figure import training_figures
from tsrep.report.contents import read_run
from tsrep.report.rendering import figures_of, render

HEAVY = ("embeddings.npz", "predictions.npz", "scores.json", "examples.npz", "metrics.jsonl")  # to plot


def rows_of(text: str, caption: str) -> list[list[str]]:
    """Cells of the table with this caption, without markup; intervals come after a bar."""
    table = text.split(f"<caption><span>{caption}")[1].split("</table>", maxsplit=1)[0].split("<tbody>")[1]
    rows = [row.replace("<small>", "|").split("</td>")[:-1] for row in table.split("</tr>")[:-1]]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in rows]


@pytest.mark.parametrize("channels", [("OT",), NAMES])
def test_the_page_needs_nothing_but_itself(tmp_path: Path, channels: tuple[str, ...]) -> None:
    run = make_series_run(tmp_path / "run", channels=channels)
    add_receptive_field(run)
    (run / "figures" / "views.png").write_bytes(PNG)
    contents = read_run(run)
    figures = figures_of(contents)
    text = render(contents, figures)
    found = outline(text)
    beside = {f"figures/{p.name}.csv" for p in figures}
    assert all(link.startswith(("data:image/png;base64,", "#")) or link in beside for link in found.links)
    assert "@import" not in text
    assert {link[1:] for link in found.links if link[0] == "#"} <= set(found.ids)
    kept = {"views", "receptive-field", "receptive-field-samples"}
    assert {p.name for p in figures} == {"errors", "errors-per-step", "forecasts", "curves", *kept}
    assert found.images == 7
    for data in re.findall(r"base64,([^\"]+)", text):
        assert base64.b64decode(data).startswith(b"\x89PNG")
    assert ("Errors of each channel" in text) is (len(channels) > 1)


def test_a_page_on_a_series_speaks_of_no_patients_and_no_classes(tmp_path: Path) -> None:
    text = text_only(make_series_run(tmp_path / "run")).split("</style>")[1].lower()
    for word in ("patient", "auroc", "class probabilities", "majority"):
        assert word not in text


def test_a_page_on_patients_has_no_forecasts(tmp_path: Path) -> None:
    text = text_only(make_run(tmp_path / "run"))
    assert "forecast" not in text.lower()
    assert 'id="views"' not in text


def test_the_lowest_error_of_each_horizon_is_bold_and_conditions_are_told(tmp_path: Path) -> None:
    text = text_only(make_series_run(tmp_path / "run", gains=(0.05, 0.05, 0.05, -0.05, -0.05)))
    table = text.split("<caption><span>Mean squared error of forecasts in the test part")[1].split(
        "</table>"
    )[0]
    bold = [re.findall(r'<td class="n strong">([^<]+)', row) for row in table.split("</tr>")[1:-1]]
    assert [len(row) for row in bold] == [4, 2, 0, 0, 0]  # with its mean; what was trained comes first
    heads = re.findall(r"<th[^>]*>(\d+)<small>([\d,]+) windows\n(\d+) block", table)
    assert [int(h) for h, _, _ in heads] == list(HORIZONS)
    assert heads[-1][1:] == ("2,160", "3")
    rows = rows_of(text, "Mean squared error")
    assert [row[:2] for row in rows[:2]] == [["autotcl", "1"], ["random initialisation", "3"]]
    assert rows[0][2] == "0.0500|0.0200–0.0900"


def test_differences_are_better_only_below_zero(tmp_path: Path) -> None:
    text = text_only(make_series_run(tmp_path / "run", gains=(0.05, 0.019, 0.0, -0.01, -0.05)))
    rows = rows_of(text, "Errors of methods minus those of random initialisation")
    assert [row[7] for row in rows] == ["better", *["not significant"] * 3, "worse"]
    assert rows[1][5:7] == ["0.063", "0.19"]  # of two that are larger and two that are not
    assert rows[0][2] == "−0.0500|−0.0700 to −0.0300"
    assert [row[1] for row in rows] == [str(h) for h in HORIZONS]


def test_the_split_has_steps_and_stamps(tmp_path: Path) -> None:
    rows = rows_of(text_only(make_series_run(tmp_path / "run")), "Split: ")
    assert rows[0] == ["train", "8,640", "2016-07-01 00:00", "2017-06-25 23:00"]
    assert [row[0] for row in rows] == ["train", "validation", "test"]


def test_text_from_the_run_is_escaped(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run", channels=("<script>alert(1)</script>", "OT"))
    split = json.loads((run / "split.json").read_text())
    split["how"] = "<script>alert(2)</script>"
    (run / "split.json").write_text(json.dumps(split))
    text = text_only(run)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;script&gt;alert(2)" in text


@pytest.mark.usefixtures("one_pixel")
@pytest.mark.parametrize(
    ("missing", "says"),
    [
        (["scores.json", "forecasts.npz"], "tsrep evaluate {run}"),
        (["metrics.jsonl"], "tsrep forecast {run} --input FILE.csv"),
        (["split.json"], "The split was not written"),
        (["provenance.json"], "provenance.json is missing"),
        (["config.yaml"], "Mean squared error"),
        (["config.yaml", "provenance.json", "split.json", "metrics.jsonl"], "Mean squared error"),
    ],
)
def test_a_missing_file_leaves_a_hint_and_a_page(tmp_path: Path, missing: list[str], says: str) -> None:
    run = make_series_run(tmp_path / "run")
    for name in missing:
        (run / name).unlink()
    text = text_only(run)
    outline(text)
    assert says.format(run=run) in text
    assert f"tsrep plot views {run}" in text
    assert f"tsrep plot receptive-field {run}" in text
    assert summarise(run)


@pytest.mark.usefixtures("one_pixel")
def test_forecasts_alone_are_plotted(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run", horizons=(24,), gains=(0.1,))
    for name in ("config.yaml", "provenance.json", "split.json", "metrics.jsonl"):
        (run / name).unlink()
    assert outline(write_report(run).read_text(encoding="utf-8")).images == 3


def test_training_that_has_not_ended_is_resumed(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run")
    for name in ("scores.json", "forecasts.npz"):
        (run / name).unlink()
    facts = json.loads((run / "provenance.json").read_text())
    del facts["seconds"]
    (run / "provenance.json").write_text(json.dumps(facts))
    for text in (text_only(run), summarise(run)):
        assert "training has not ended" in text
        assert f"tsrep fit --resume {run}" in text


@pytest.mark.parametrize("name", ["scores.json", "forecasts.npz"])
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    run = make_series_run(tmp_path / "run")
    (run / name).write_bytes(b"{[ not a file")
    assert [f"{run / name} cannot be read" in fault for fault in read_run(run).unread] == [True]
    write_report(run)


@pytest.mark.usefixtures("one_pixel")
def test_views_that_are_no_figure_are_refused(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run")
    (run / "figures").mkdir()
    (run / "figures" / "views.png").write_text("<svg/>")
    with pytest.raises(RunError, match=r"views\.png is not a PNG"):
        write_report(run)


@pytest.mark.usefixtures("one_pixel")
def test_views_of_a_run_on_patients_are_shown_where_they_were_plotted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for name in HEAVY:
        (run / name).unlink()
    (run / "figures").mkdir()
    (run / "figures" / "views.png").write_bytes(PNG)
    found = outline(write_report(run).read_text(encoding="utf-8"))
    assert "views" in found.ids
    assert found.images == 1
    assert (run / "figures" / "views.png").read_bytes() == PNG


@pytest.mark.usefixtures("one_pixel")
def test_the_receptive_field_is_shown_with_its_scores(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run")
    add_receptive_field(run)
    text = text_only(run)
    rows = rows_of(text, "The receptive field in numbers")
    assert [row[:3] for row in rows] == [
        ["90 % width", "73.7", "0.2"],
        ["centre", "62.2", "0.2"],
        ["entropy", "3.93", "0.00"],
        ["periodicity 24", "3.64 ×", "0.01"],
        ["scale degree", "0.998", "0.000"],
        ["scale error", "7e−07", "1e−07"],
        ["shift error", "0.031", "–"],
        ["affine error", "–", "–"],
    ]
    assert "4.79 if all steps counted alike" in rows[2][3]  # log(120)
    assert "45 % of all" in rows[3][3]
    assert "p = 0.01" in rows[3][3]
    assert "forecasts scale with their window" in rows[4][3]
    assert f"tsrep plot receptive-field {run}" not in text
    (first, _) = (p for p in figures_of(read_run(run)) if p.section == "receptive")
    assert "gradient of the output of the forecaster, mean over 64 windows of the validation part" in (
        first.caption
    )


@pytest.mark.usefixtures("one_pixel")
def test_of_an_encoder_the_scores_are_those_of_invariance(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for name in HEAVY:
        (run / name).unlink()
    assert 'id="receptive"' not in text_only(run)
    add_receptive_field(run, objective="comet")
    text = write_report(run).read_text(encoding="utf-8")
    assert 'id="receptive"' in text
    assert 'href="#receptive"' in text
    assert "of the lstm network" in text
    rows = rows_of(text, "The receptive field in numbers")
    assert "ignores the scale of its window" in rows[4][3]
    assert (run / "figures" / "receptive-field.png").read_bytes() == PNG


@pytest.mark.usefixtures("one_pixel")
def test_figures_of_a_receptive_field_are_shown_without_numbers(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run")
    add_receptive_field(run)
    (run / "figures" / "receptive-field.json").unlink()
    shown = [p.name for p in figures_of(read_run(run)) if p.section == "receptive"]
    assert shown == ["receptive-field", "receptive-field-samples"]
    assert "The receptive field in numbers" not in text_only(run)


@pytest.mark.usefixtures("one_pixel")
@pytest.mark.parametrize(
    "broken", ["{[", "[]", '{"runs": {}}', '{"settings": {"part": "test"}, "runs": {"a": {"scores": {}}}}']
)
def test_broken_numbers_of_a_receptive_field_are_named(tmp_path: Path, broken: str) -> None:
    run = make_series_run(tmp_path / "run")
    add_receptive_field(run)
    (run / "figures" / "receptive-field.json").write_text(broken)
    assert "Not available: " in write_report(run).read_text(encoding="utf-8")
    assert "receptive-field.json cannot be read" in read_run(run).unread[0]


def test_intervals_are_told_with_what_they_covered(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run")
    assert "Prediction intervals" not in text_only(run) + summarise(run)
    share, width = np.array([0.479, 0.8624]), np.array([1.25, np.inf])
    Coverage((0.5, 0.9), share, width, np.full((2, 24), 0.7), 2857).save(run / "coverage.json")
    text = text_only(run)
    assert rows_of(text, "Measured on the test part") == [
        ["50 %", "47.9 %", "1.250", "2,857"],
        ["90 %", "86.2 %", "–", "2,857"],
    ]
    assert "mean width (standardised units)" in text
    assert "Windows overlap" in text
    line = "held 47.9 % (nominal 50 %) and 86.2 % (90 %) of the targets of 2,857 test windows."
    assert f"Prediction intervals {line}" in summarise(run)
    (run / "coverage.json").write_text("{}")
    assert "coverage.json cannot be read" in read_run(run).unread[0]


def test_inner_optimisations_and_diagnostics_are_explained(tmp_path: Path) -> None:
    captions = {
        inner_optimisations: next(training_figures(read_run(run))).caption
        for inner_optimisations in (True, False)
        for run in [
            make_series_run(tmp_path / str(inner_optimisations), inner_optimisations=inner_optimisations)
        ]
    }
    assert "augmenter" in captions[True]
    assert "diagnostics" in captions[True]
    assert "augmenter" not in captions[False]
