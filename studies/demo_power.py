"""How often the demo shows a significant gain over random initialisation.

The demo is run with other seeds than the one that it ships with: each draws other test patients, another
initialisation and another order of training. Finished runs are kept and used again, so that an interrupted
study resumes. Run from the repository root::

    .venv/bin/python studies/demo_power.py

The table is ``docs/results/demo.md``. Method, size and number of epochs were chosen on patients that are not
in the sample (``studies/ptb_xl_sample.py --rest FOLDER``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kept_runs import kept_run, one_thread_workers
from results_page import table, with_ends, write_page

from tsrep.evaluation.scores import RANDOM_INIT, Score
from tsrep.report.contents import read_run
from tsrep.report.verdicts import main_scores, words_of
from tsrep.runs.config import configure, merged
from tsrep.runs.evaluate import evaluate
from tsrep.runs.folder import Run
from tsrep.yaml_files import read_yaml

DEMO = Path("configs/demo.yaml")
ENOUGH = 0.8


def main() -> None:
    """Run what is missing, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/demo-power"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/results/demo.md"), help="page to write")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    places = [options.runs / f"seed-{seed}" for seed in range(1, options.seeds + 1)]
    with one_thread_workers(options.workers) as pool:
        list(pool.map(_run, places))
    write_page(options.out, _page(places))


def _run(place: Path) -> None:
    seed = int(place.name.partition("-")[2])
    demo = read_yaml(DEMO.read_text(encoding="utf-8"), what=DEMO.name)
    settings = merged(demo, {"seed": seed, "split": {"seed": seed}, "device": "cpu"})
    run = kept_run(place, configure(settings), illustrate=False)
    if not (place / "scores.json").exists():
        evaluate(run, progress=False)


def _page(places: list[Path]) -> str:
    found = [_row(place) for place in places]
    rows, significant = [row for row, _ in found], sum(better for _, better in found)
    told = "at least" if significant >= ENOUGH * len(rows) else "less than"
    return "\n".join(
        [
            "# Power of the demo",
            "",
            "Made by `.venv/bin/python studies/demo_power.py`. Each row is `configs/demo.yaml` with another "
            "seed, which draws the parts of the split, the initialisation and the order of training; the "
            "demo itself has seed 0, which is not among them. Values: macro AUROC per record of test "
            "patients, and the gain over eight random initialisations of the same architecture with its 95 % "
            "interval over patients and random initialisations.",
            "",
            f"**The gain at all labels is significant in {significant} of {len(rows)} runs** ({told} "
            f"{100 * ENOUGH:g} %).",
            "",
            *table(["seed", "test patients", "AUROC", "gain", "p", "verdict", "gain at fewer labels"], rows),
        ]
    )


def _row(place: Path) -> tuple[list[str], bool]:
    """What a run shows, and whether its verdict is that training helped."""
    contents = read_run(place)
    main = main_scores(contents)
    (score,), (word,) = main, words_of(contents, main)
    assert score.gain is not None
    fewer = [s for s in contents.scores if s.method == score.method and s.unit == "record" and s.fraction < 1]
    row = [
        str(Run(place).config.seed),
        str(score.patients),
        with_ends(score.metrics[score.metric]),
        with_ends(score.gain, "+.3f"),
        f"{score.gain.p:.2g}",
        f"{word} than {RANDOM_INIT}" if word in ("better", "worse") else word,
        "; ".join(map(_told, fewer)),
    ]
    return row, word == "better"


def _told(score: Score) -> str:
    return f"{100 * score.fraction:g} %: {with_ends(score.gain, '+.3f')}"


if __name__ == "__main__":
    main()
