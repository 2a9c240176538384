"""The report of a study answers first, needs no other file, says what is missing, and is written whole."""

from __future__ import annotations

import html
import re
import shutil
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from tests.studies.planted import TASKS, confirmed, planted
from tsrep.errors import RunError
from tsrep.studies.analyses import Results, Shown, all_analyses
from tsrep.studies.analyses.best import best_tables
from tsrep.studies.analyses.finalists import finalist_tables
from tsrep.studies.analyses.ranks import shown_finalists
from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.keep.trial_table import TrialTable
from tsrep.studies.page.headline import against_baseline, answer, chosen_by, overhead, progress
from tsrep.studies.page.markdown import escape
from tsrep.studies.page.page import write_report

FACTS = {"storage": "journal file", "sampler": "tpe", "budget": "80 trials", "tasks": ", ".join(TASKS)}
DEFINITION = "study: sscl\nquestion: <b>which</b>\n"
SECTIONS = ("finalists", "best", "importance", "effects", "levels", "slices", "cost", "history", "study")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.sources += [found["src"]] if found.get("src") else []
        self.links += [found["href"]] if found.get("href") else []
        self.anchors += [found["id"]] if found.get("id") else []


@pytest.fixture(scope="module")
def finalists() -> Finalists:
    return Finalists(confirmed(), {"trial 7": {"strategy": "joint", "head.weight": 0.00123456}})


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, finalists: Finalists) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = Results(planted(), finalists, n_bootstrap=5)
        return write_report(results, FACTS, tmp_path_factory.mktemp("report"), definition=DEFINITION).parent


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(Results(planted(6)), {}, tmp_path_factory.mktemp("small")).parent


def _text(path: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", path.read_text().split("</style>")[1]))


def test_the_page_needs_nothing_else_and_its_links_lead_somewhere(full: Path) -> None:
    page = Page((full / "index.html").read_text())
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert tuple(page.anchors) == SECTIONS
    for link in page.links:
        assert link[1:] in SECTIONS if link.startswith("#") else (full / link).is_file()


def test_every_figure_has_its_file_and_its_numbers(full: Path) -> None:
    figures = {path.stem for path in (full / "figures").iterdir()}
    numbers = {path.stem for path in (full / "numbers").iterdir()}
    assert figures == {analysis.name for analysis in all_analyses()} - {"ranks-levels", "best", "study"}
    assert numbers - figures == {"finalists-seeds", "ranks-finalists-pairs", "levels-summary", "contour-grid"}
    assert figures <= numbers
    for path in (full / "numbers").iterdir():
        assert len(pd.read_csv(path)), path
    trials = pd.read_csv(full / "trials.csv")
    assert trials["state"].value_counts().to_dict() == {"complete": 64, "pruned": 11, "failed": 5}


def test_markdown_shows_the_same_figures_and_tables(full: Path) -> None:
    text = (full / "report.md").read_text()
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (full / link).is_file(), link
    assert set(re.findall(r"!\[([^\]]+)\]", text)) == {path.stem for path in (full / "figures").iterdir()}
    for block in re.findall(r"(?:^\|.*\|$\n?)+", text, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.strip().split("\n")}) == 1
    assert text.startswith("# sscl-design-space\n\n**Question.** Which parts")


def test_the_first_lines_answer(full: Path) -> None:
    best = planted().best_first.iloc[0]
    for text in (_text(full / "index.html"), (full / "report.md").read_text()):
        start = text[: text.index("Finalists on test", text.index("Validation chose"))]
        assert f"is {best['value']:.4f} (trial {best['ticket']}), 10.0 % below the baseline" in start
        assert (
            "On test, trial 7 (first by validation) reaches MSE 0.386 (95 % interval 0.376 to 0.396)" in start
        )
        assert "against ridge-nlinear 0.408" in start
        assert "80 trials ended: 64 complete, 11 pruned, 5 failed; the budget was 80 trials." in start
        assert "test was scored once" in start


def test_what_the_study_was_is_printed_and_escaped(full: Path) -> None:
    source = (full / "index.html").read_text()
    assert "<b>which</b>" not in source
    assert "&lt;b&gt;which&lt;/b&gt;" in source
    text = _text(full / "index.html")
    assert "ETTh1 horizon 96, ETTh1 horizon 336" in text
    assert "out of memory at step 40" in text
    assert "0.00123" in text  # of head.weight, three digits


@pytest.mark.parametrize(("trials", "ended"), [(2, True), (9, False), (0, True)])
def test_sections_without_enough_data_say_so(tmp_path: Path, trials: int, ended: bool) -> None:
    path = write_report(Results(planted(trials, ended=ended)), {}, tmp_path)
    page, text = Page(path.read_text()), _text(path)
    assert tuple(page.anchors) == SECTIONS
    assert "No finalist has been confirmed on test yet." in text
    assert f"Importance needs at least 20 complete trials; there are {trials if ended else 0}." in text
    assert "the test part has not been looked at" in text
    assert bool(page.sources) == (trials > 0 and ended)
    assert "nan" not in re.sub(r"\w*nan\w+|\w+nan\w*", "", text)


def test_figures_of_an_earlier_report_do_not_stay(small: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small, tmp_path / "report")
    assert (folder / "figures" / "history.png").is_file()
    (folder / "figures" / "own.png").write_bytes(b"mine")
    write_report(Results(planted(0)), {}, folder)
    assert [path.name for path in (folder / "figures").iterdir()] == ["own.png"]
    assert list((folder / "numbers").iterdir()) == []


def test_the_same_study_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = (write_report(Results(planted(6)), {}, tmp_path / name) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_report(Results(planted(0)), {}, tmp_path / "file" / "report")


def test_made_data_are_declared(tmp_path: Path) -> None:
    path = write_report(Results(planted(0)), {}, tmp_path, synthetic=True)
    assert 'class="banner"' in path.read_text()
    assert "**Synthetic data.**" in (tmp_path / "report.md").read_text()


def _two_values(maximise: bool, baseline: float | None) -> TrialTable:
    frame = planted(2).frame.assign(value=[0.8, 0.7])
    return replace(planted(2), frame=frame, maximise=maximise, baseline=baseline, value_name="macro AUROC")


def test_answers_of_every_kind_of_value() -> None:
    assert answer(_two_values(True, 0.75), None)[0] == (
        "The best macro AUROC is 0.8000 (trial 0, preset autotcl-published), "
        "+0.0500 against the baseline of 0.7500."
    )
    assert (
        answer(_two_values(False, None), None)[0]
        == "The best macro AUROC is 0.7000 (trial 1, preset simclr)."
    )
    assert against_baseline(_two_values(False, 1.0), 1.25) == "25.0 % above the baseline"
    assert answer(planted(0), None)[0] == "No trial is complete, so that there is no answer yet."
    only_controls = confirmed(0)
    assert answer(planted(2), Finalists(only_controls))[1] == "Only controls have been scored on test."


@pytest.mark.parametrize(("rank", "better"), [(1, 0), (3, 2)])
def test_the_answer_says_where_the_first_by_validation_stands_on_test(rank: int, better: int) -> None:
    rows = confirmed(4)
    own = rows["rank"].notna()
    rows.loc[own, "rank"] = (rows.loc[own, "rank"] - rank) % 4  # by test they are 1 to 4
    told = answer(planted(2), Finalists(rows))[1]
    assert f"{better} of 3 other finalists have a better value" in told
    assert "minus random initialisation −0.020 (−0.030 to −0.010)" in told


def test_a_task_without_a_name_and_many_tasks_read_well() -> None:
    rows = confirmed(1, 2)
    unnamed = answer(planted(2), Finalists(rows[rows["task"] == TASKS[0]].assign(task="")))[1]
    assert " on " not in unnamed.removeprefix("On test")
    bare = rows.assign(minus_random_low=float("nan"), minus_random_high=float("nan"))
    assert "minus random initialisation −0.020;" in answer(planted(2), Finalists(bare))[1]
    many = pd.concat([rows.assign(task=f"task {i}") for i in range(6)])
    assert answer(planted(2), Finalists(many))[1].endswith("and 2 more tasks in the table.")


def test_progress_and_overhead() -> None:
    assert progress(planted(1)) == "1 trial ended: 1 complete, 0 pruned, 0 failed."
    assert overhead(planted(0)) == ""
    table = planted(2)
    table.frame[["seconds", "overhead"]] = [[99.0, 1.0], [99.0, 1.0]]
    assert overhead(table) == "1.0 s a trial (median), 1 % of all time"
    assert "not been looked at" in chosen_by(None)


def test_markdown_marks_are_only_text() -> None:
    assert escape("a_b|c *d* <e>\n[f](g)") == r"a\_b\|c \*d\* \<e\> \[f\](g)"


def test_settings_of_finalists_stand_in_columns() -> None:
    """Long settings in one cell would run off the page."""
    table = planted(2)
    chosen = {name: {"strategy": "joint", "head.weight": 0.0123456} for name in ("trial 7", "trial 14")}
    chosen["trial 21"] = {"strategy": "pretrain-then-probe"}
    settings = finalist_tables(Finalists(confirmed(3, 2), chosen), table)[-1]
    assert [cell.text for cell in settings.header] == ["axis", "trial 7", "trial 14", "trial 21"]
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in settings.rows}
    assert rows["strategy"] == ["joint", "joint", "pretrain-then-probe"]
    assert rows["head.weight"] == ["0.0123", "0.0123", "–"]


def test_points_of_a_grid_are_no_presets() -> None:
    table = planted(30)
    grid = replace(table, frame=table.frame.assign(origin="grid"))
    best, settings = best_tables(grid)
    assert len(best.rows) == len(settings.rows) == 10
    assert len(best_tables(table)[0].rows) > 10
    assert "grid" not in answer(grid, None)[0]


@pytest.mark.parametrize(("seeds", "said"), [(3, True), (5, False)])
def test_blocks_too_few_for_any_difference_are_said_so(seeds: int, said: bool) -> None:
    """Four methods, six pairs: of 6 blocks the least corrected p is 0.19, of 10 it is 0.01."""
    shown = shown_finalists(Results(planted(2), Finalists(confirmed(2, seeds))))
    assert isinstance(shown, Shown)
    assert ("With so few blocks" in shown.caption) == said
