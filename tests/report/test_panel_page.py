"""The report says what the folder holds: self-contained, escaped, and never more than the numbers do."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.report.run_folder import diagnostics, make_run
from tsrep.errors import RunError
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.predictions import Predictions, mean_predictions
from tsrep.evaluation.scores import Scores
from tsrep.inspect.figures.embedding_map import Projection
from tsrep.inspect.figures.style import class_colours
from tsrep.report import rendering, summarise, write_report
from tsrep.report.captioned_figure import representation_figures
from tsrep.report.contents import read_run
from tsrep.report.map_points import map_points
from tsrep.report.panel_figures import PANEL_FIGURES, class_figures
from tsrep.report.rendering import figures_of, render

VOID = {"meta", "img", "br"}


class Outline(HTMLParser):
    """Checks nesting and collects what the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data", "action")]
        self.ids += [values["id"] or ""] if "id" in values else []
        self.images += tag == "img"
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    assert found.stack == []
    return found


def text_only(run: Path) -> str:
    return render(read_run(run), [])


def test_a_collapse_is_told_at_the_top_and_below_its_figure(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 2)
    assert "collapsed" not in text_only(run)
    log = run / "metrics.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines = [
        line | {"diagnostics": diagnostics(line["epoch"], collapsed=True)}
        for line in lines
        if line["kind"] == "validation"
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    contents = read_run(run)
    assert "While it trained, the representations have collapsed" in render(contents, [])
    assert next(representation_figures(contents)).caption.startswith("The representations have collapsed")


@pytest.mark.parametrize(("classes", "multilabel"), [(2, False), (71, True)])
def test_the_page_needs_nothing_but_itself(tmp_path: Path, classes: int, multilabel: bool) -> None:
    run = make_run(tmp_path / "run", classes, multilabel=multilabel)
    contents = read_run(run)
    figures = figures_of(contents)
    text = render(contents, figures)
    found = outline(text)
    beside = {f"figures/{p.name}.csv" for p in figures}
    assert all(link.startswith(("data:image/png;base64,", "#")) or link in beside for link in found.links)
    assert "@import" not in text
    assert "url(" not in text
    assert text.count("<script") == 2  # of the interactive map: its points and what moves them
    assert {link[1:] for link in found.links if link[0] == "#"} <= set(found.ids)
    names = {p.name for p in figures}
    assert {"scores-test", "roc", "reliability", "map", "curves", "representations", "record-1"} <= names
    assert ("confusion" in names) is not multilabel
    assert ("class-areas" in names) is (classes > 8)
    assert found.images == len(names)
    for data in re.findall(r"base64,([^\"]+)", text):
        assert base64.b64decode(data).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("encoders", "draws", "told"),
    [(3, 1, "the 3 seeds"), (1, 2, "the 2 label draws"), (3, 2, "the 3 seeds and the 2 label draws")],
)
def test_captions_say_what_probabilities_are_averaged_over(
    tmp_path: Path, encoders: int, draws: int, told: str
) -> None:
    contents = read_run(make_run(tmp_path / "run", 10, multilabel=True))
    found = contents.scores.predictions["comet", "probe", 1.0, "all", "test"]
    colours = class_colours(contents.classes, np.arange(10))

    def captions(held: Predictions) -> dict[str, str]:
        made = class_figures(held, contents.classes, colours, "Predictions of comet on some records.")
        return {figure.name: figure.caption for figure in made}

    assert not any("averaged over" in caption for caption in captions(found).values())
    several = captions(mean_predictions([found] * encoders * draws, draws=draws))
    assert several.keys() == {"roc", "reliability", "class-areas"}
    for caption in several.values():
        assert f"on some records. Probabilities are averaged over {told}, so that areas" in caption


def test_calibration_before_and_after_stands_beside_coverage(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 5, multilabel=True)
    assert "<h3>Heads</h3>" not in text_only(run)
    scores = Scores.load(run)
    first, *others = (s for s in scores if s.role == "method" and s.unit == "record")
    of_head = {
        "ece": 0.123,
        "ece_calibrated": 0.045,
        "f1_decided": 0.567,
        "coverage": 0.917,
        "set_size": 1.75,
    }
    told = {name: Interval(value, value - 0.01, value + 0.01) for name, value in of_head.items()}
    changed = replace(first, of_head=told)
    assert others
    replace(scores, scores=tuple(changed if s is first else s for s in scores)).save(run)
    text = text_only(run)
    table = text[text.index("<h3>Heads</h3>") :]
    table = table[: table.index("</table>")]
    assert table.count("<tr>") == 2  # its heading and one protocol
    for value in ("0.123", "0.035–0.055", "0.567", "0.917", "1.750"):
        assert value in table
    outline(text)


def test_synthetic_data_are_called_synthetic_and_real_data_are_not(tmp_path: Path) -> None:
    fake = text_only(make_run(tmp_path / "fake"))
    assert 'class="banner"' in fake
    assert "Synthetic data." in fake
    real = text_only(make_run(tmp_path / "real", synthetic=False))
    assert "synthetic" not in real.replace(str(tmp_path), "").lower()


def test_every_score_row_names_its_conditions(tmp_path: Path) -> None:
    text = text_only(make_run(tmp_path / "run")).split("<h3>All methods</h3>")[1].split("</section>")[0]
    captions = re.findall(r"<caption><span>(.*?)</span>", text)  # of each table, as all its rows share them
    same = {
        "(part test, scored on 168 records, patients 84)",
        "(part test, scored on 672 windows, patients 84)",
    }
    assert {caption[caption.index("(") :] for caption in captions} == same
    rows = re.findall(r"<tr[^>]*>(<td.*?)</tr>", text)
    assert len(rows) == 5 * 3 * 2 * 2 + 5 * 3 * 2  # main, other protocol and windows; other metrics by record
    for row in rows:
        cells = [re.sub(r"<small>.*?</small>|<[^>]+>", "", c) for c in row.split("</td>")][:-1]
        assert cells[-1] in ("1", "5")
        if "majority" not in row:
            assert "<small>0." in row


def test_text_from_the_run_is_escaped(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    split = json.loads((run / "split.json").read_text())
    split["how"] = "<script>alert(1)</script>"
    (run / "split.json").write_text(json.dumps(split))
    text = text_only(run)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "&lt;truncated&gt;" in text  # a reason in the list of skipped records


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("scores.json", "The run has not been evaluated yet"),
        ("predictions.npz", "tsrep evaluate"),
        ("embeddings.npz", None),
        ("metrics.jsonl", None),
        ("split.json", "The split was not written"),
        ("provenance.json", "provenance.json is missing"),
        ("examples.npz", None),
        ("config.yaml", None),
    ],
)
def test_a_missing_file_leaves_a_hint_and_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, says: str | None
) -> None:
    run = make_run(tmp_path / "run")
    (run / missing).unlink()
    contents = read_run(run)
    text = render(contents, [])
    outline(text)
    assert says is None or says in text


def test_an_empty_run_has_a_page_without_figures(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for path in run.iterdir():
        if path.name != "config.yaml":
            path.unlink()
    found = outline(write_report(run).read_text(encoding="utf-8"))
    assert found.images == 0


def test_a_page_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run")
    (run / "report.html").write_text("old")

    def fail(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(rendering, "figures_of", lambda _: [])
    monkeypatch.setattr(rendering, "render", fail)
    with pytest.raises(KeyboardInterrupt):
        write_report(run)
    assert (run / "report.html").read_text() == "old"


def test_figures_are_saved_as_png(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for name in ("embeddings.npz", "predictions.npz", "examples.npz"):
        (run / name).unlink()
    write_report(run)
    paths = set((run / "figures").iterdir())
    pictures = {p for p in paths if p.suffix == ".png"}
    assert pictures
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
    assert {p.with_suffix(".csv") for p in pictures} == paths - pictures


def test_numbers_beside_a_figure_are_those_of_the_scores(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for name in ("embeddings.npz", "predictions.npz", "examples.npz", "metrics.jsonl"):
        (run / name).unlink()
    write_report(run)
    table = pd.read_csv(run / "figures" / "scores-test.csv")
    assert list(table.columns) == ["panel", "shown", "name", "x", "y", "value"]
    own = [s.value for s in Scores.load(run) if s.method == "comet" and s.unit == "record"]
    shown = table.loc[table["name"] == "comet", "x"].tolist()
    assert {round(value, 5) for value in own} <= {round(x, 5) for x in shown}


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of the first two numbers of each embedding, which take no time."""

    def first_two(x: np.ndarray) -> Projection:
        return Projection(np.asarray(x[:, :2], np.float64), np.arange(len(x)), "two numbers")

    monkeypatch.setattr("tsrep.inspect.figures.embedding_map.project", first_two)


def points_of(run: Path) -> dict[str, Any]:
    """What the interactive map of a page is made from."""
    contents = read_run(run)
    return dict(json.loads(map_points(contents, class_colours(contents.classes))))


@pytest.mark.usefixtures("flat")
def test_who_a_point_is_stands_on_the_page_of_public_data_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", synthetic=False)
    public = points_of(run)
    assert len(public["xy"]) == len(public["record"]) == len(public["score"]) <= 400
    facts = json.loads((run / "provenance.json").read_text())
    facts["data"]["name"] = "wfdb"
    (run / "provenance.json").write_text(json.dumps(facts))
    private = points_of(run)
    assert private == {k: v for k, v in public.items() if k not in ("record", "patient")}
    text = text_only(run)
    assert "<code>records100/00000/00123_lr</code>" not in text
    assert "Records are neither named nor shown" in text
    assert not list(PANEL_FIGURES[-1](read_run(run)))  # example records
    config = yaml.safe_load((run / "config.yaml").read_text()) | {"report": {"identifiers": True}}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert points_of(run) == public


@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize(("classes", "rest"), [(5, "no class"), (71, "other classes")])
def test_every_colour_of_the_map_is_in_its_key(tmp_path: Path, classes: int, rest: str) -> None:
    found = points_of(make_run(tmp_path / "run", classes, multilabel=True))
    assert set(found["colour"]) <= set(found["key"].values())
    assert rest in found["key"]


@pytest.mark.usefixtures("flat")
def test_points_have_the_outlines_and_names_that_the_run_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    trial = read_run(run).embeddings["trial"]
    course = np.arange(len(trial) * 6).reshape(-1, 2, 3).astype(np.int8)
    np.savez(
        run / "traces.npz", trial=trial[::-1], outline=course, scale=np.ones(len(trial)),
        record=[f"r{t}</script>" for t in trial[::-1]], patient=["p"] * len(trial),
        channels=["I", "II"], seconds=2.5, unit="mV",
    )  # fmt: skip
    found = points_of(run)
    shape = (len(found["record"]), *found["shape"])
    outlines = np.frombuffer(base64.b64decode(found["outline"]), np.int8).reshape(shape)
    for name, outline in zip(found["record"], outlines, strict=True):
        at = trial[::-1].tolist().index(int(name.removeprefix("r").removesuffix("</script>")))
        assert np.array_equal(outline, course[at])
    assert "<" not in map_points(read_run(run), class_colours(read_run(run).classes))


@pytest.mark.parametrize("make", [False, True])
def test_no_run_folder_is_a_user_mistake(tmp_path: Path, make: bool) -> None:
    if make:
        (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="run folder"):
        write_report(tmp_path / "run")


@pytest.mark.usefixtures("one_pixel", "flat")
@pytest.mark.parametrize("name", ["provenance.json", "scores.json", "embeddings.npz", "config.yaml"])
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "run")
    (run / name).write_bytes(b"{[ not a file")
    assert any(f"{run / name} cannot be read as" in fault for fault in read_run(run).unread)
    assert f"Not available: {run / name} cannot be read as" in write_report(run).read_text(encoding="utf-8")
    assert f"not available: {run / name}" in summarise(run)


@pytest.mark.usefixtures("plain_reports")  # what cannot be read is blank, as with the broken files above
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("provenance.json", '{"data": 3}'),
        ("provenance.json", '{"versions": [], "data": {}}'),
        ("split.json", "null"),
        ("split.json", "[" * 100_000),
        ("config.yaml", "version: 2"),
        ("scores.json", '{"format": "tsrep.scores/99"}'),
        ("metrics.jsonl", "\xff"),
    ],
)
def test_content_of_another_kind_is_told_and_the_rest_is_shown(
    tmp_path: Path, name: str, content: str
) -> None:
    run = make_run(tmp_path / "run")
    (run / name).write_text(content, encoding="latin-1")
    text = write_report(run).read_text(encoding="utf-8")
    assert f"Not available: {run / name} " in text
    newer = "written by a newer tsrep" in text
    assert newer == (name in ("config.yaml", "scores.json"))


def test_importing_the_report_is_light() -> None:
    heavy = ("torch", "matplotlib", "sklearn", "jinja2")
    code = f"import sys, tsrep.report; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
