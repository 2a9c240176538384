"""The command `score` through the command line: its output, its files, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.runs.test_score_files import CLASSES, Cohort
from tsrep.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cohort:
    monkeypatch.chdir(tmp_path)
    return Cohort(tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def score(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tsrep", "score", *map(str, arguments), "--n-bootstrap", "100"])
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return int(left.value.code or 0), printed.out, printed.err

    return score


def test_scores_page_and_sentences(cohort: Cohort, run: Run) -> None:
    ours, theirs = cohort.write("ours.csv", cohort.flat(1.5)), cohort.write("vendor.csv", cohort.flat(0.2))
    code, out, _ = run(
        ours, "--truth", cohort.with_flags, "--control", f"a vendor={theirs}", "--out", "s.json", "--page",
        "p.html",
    )  # fmt: skip
    assert code == 0
    assert out.startswith("ours reaches a macro AUROC of ")
    assert "ours is better than a vendor: +" in out
    kept = json.loads(Path("s.json").read_text())
    assert [each["method"] for each in kept["scores"]] == ["ours", "a vendor"]
    assert kept["contrasts"][0]["primary"]
    assert kept["contamination"]["status"] == "unknown"
    page = Path("p.html").read_text()
    assert all(name in page for name in ("a vendor", "primary comparison", "data:image/png", *CLASSES))
    assert run(ours, ours, "--truth", cohort.with_flags)[0] == 2  # one method or two


def test_seeds_as_files_that_follow(cohort: Cohort, run: Run) -> None:
    files = [cohort.write(f"s{k}.csv", cohort.flat(1.0)) for k in range(2)]
    code, out, _ = run("--seeds", *files, "--truth", cohort.with_flags, "--name", "five")
    assert code == 0
    assert "over patients and training seeds" in out
    assert "the mean of 2 seeds" in out
    assert out.startswith("five reaches")


def test_what_is_refused_in_one_sentence(cohort: Cohort, run: Run) -> None:
    flat, exclusive = cohort.flat(1.0), cohort.exclusive(1.0)
    flags, label = cohort.with_flags, cohort.with_label
    good = cohort.write("good.csv", flat)
    twice = cohort.table("twice.csv", {"record": ["r000", "r000"], **{f"p_{c}": [0.1, 0.2] for c in CLASSES}})
    strange = cohort.table("strange.csv", {"record": ["x"], **{f"p_{c}": [0.1] for c in CLASSES}})
    empty = cohort.write("empty.csv", np.full_like(flat, np.nan))
    high = flat.copy()
    high[17, 1] = 3.2
    low = exclusive.copy()
    low[17] *= 0.71 / low[17].sum()
    words = cohort.table(
        "words.csv", {"record": cohort.record, "p_A": ["high"] * len(cohort.record), "p_B": 0, "p_C": 0}
    )
    np.save("p.npy", flat)
    Path("ids.txt").write_text("\n".join(cohort.record[:3]))
    five = pd.read_csv(flags)
    five.loc[3, "patient"] = np.nan
    five.to_csv("hole.csv", index=False)
    cases: list[tuple[tuple[object, ...], str]] = [
        ((twice, "--truth", flags), "record r000 is predicted twice in twice.csv; keep one row"),
        ((strange, "--truth", flags), "none of the 150 records of flags.csv (r000, r001"),
        ((empty, "--truth", flags), "a prediction for none of them; its columns A, B, C are empty or not"),
        ((cohort.write("high.csv", high), "--truth", flags), "p_B of record r017 in"),
        ((cohort.write("low.csv", low), "--truth", label), "sum to 0.71, not 1; is it multi-label?"),
        ((words, "--truth", flags), "row 2 of words.csv has 'high' as p_A, which must be a number"),
        ((good, "--truth", flags, "--patient", "person"), "no column 'person'; name the column with"),
        ((good, "--truth", "hole.csv"), "record 4 of hole.csv has no patient; every record needs one"),
        ((good, "--truth", flags, "--id", "rec"), "has no column 'rec'; did you mean 'record'?"),
        ((good, "--truth", "absent.csv"), "absent.csv cannot be read (No such file or directory); check"),
        (("absent.csv", "--truth", flags), "absent.csv cannot be read (No such file or directory); check"),
        ((good, good, "--seeds", "--truth", flags), "good.csv is given twice for good; give"),
        ((good, "--truth", flags, "--classes", "A,D"), "D"),
        ((good, "--truth", label, "--classes", "A,B"), "which no column predicts"),
        ((good, "--truth", flags, "--metric", "auc"), "there is no metric 'auc' of such predictions; did"),
        ((good, "--truth", flags, "--where", "patient"), "write it as COLUMN=VALUE"),
        ((good, "--truth", flags, "--where", "patient=999"), "no record of"),
        ((good, "--truth", flags, "--units", "windows"), "has no column 'window', so its rows are records"),
        ((good, "--truth", flags, "--control", good), "two methods are called good"),
        ((good, "--truth", flags, "--thresholds", "f1"), "thresholds by the rule f1 are not taken from"),
        ((good, "--truth", flags, "--thresholds-from", "test"), "thresholds are not taken from the scored"),
        ((good, "--truth", flags, "--thresholds", "often"), "it is no rule for thresholds"),
        ((good, "--truth", flags, "--thresholds", "sidecar"), "good.json holds no thresholds by class"),
        (
            (cohort.write("ex.csv", exclusive), "--truth", label, "--thresholds", "0.5"),
            "the most probable one is decided on, without thresholds",
        ),
        (("p.npy", "--truth", flags), "p.npy does not name its rows"),
        (("p.npy", "--truth", flags, "--ids", "ids.txt"), "does not name its 3 classes"),
        (("p.npy", "--truth", flags, "--ids", "ids.txt", "--classes", "A,B,C"), "shape (150, 3) for 3 names"),
        ((good, "--truth", "ptb-xl:superb"), "PTB-XL has no task 'superb'; did you mean 'super'?"),
        ((flags, "--truth", flags), "has no column of probabilities; call them p_CLASS"),
    ]  # fmt: skip
    for arguments, sentence in cases:
        code, _, err = run(*arguments, "--out", "s.json", "--page", "p.html")
        assert code == 2, arguments
        assert sentence in " ".join(err.replace(f"{cohort.folder}/", "").split()), arguments
        assert "Traceback" not in err
    assert not Path("s.json").exists()
    Path("mine.json").write_text("mine")
    taken = {
        ("--out", "mine.json"): "mine.json exists; choose another name or --overwrite",
        ("--out", "s.txt"): "s.txt does not end in .json, by which others know the format; rename it",
        ("--page", "p.txt"): "p.txt does not end in .html, by which others know the format; rename it",
    }
    for place, sentence in taken.items():
        assert sentence in run(good, "--truth", flags, *place)[2]
    assert Path("mine.json").read_text() == "mine"
    assert not Path("p.html").exists()
