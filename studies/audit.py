"""How far a patient can be recognised by what encoders make of an ECG, and what that costs or gives.

One command makes ``docs/results/audit.md``; finished runs are kept and used again, so that it may be stopped
and started at any time (about half an hour of one core)::

    .venv/bin/python studies/audit.py --root DIR --official DIR

``--root`` holds ``ecg_100hz_int16_uV.npy`` and ``records.csv``, a sample of PTB-XL; ``--official`` another
one in the official layout. All patients with two recordings or more in both are test patients, and nothing is
trained on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audited_cohort import dataset, made_cohort, split
from kept_runs import command_line, kept_run, one_thread_workers

from tsrep.runs.config import Configuration, configure

SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "encoder": {"name": "resnet1d", "width": 16, "dim": 64},
    "training": {"epochs": 6, "batch_size": 128, "lr": 1e-3},
    "evaluation": {"protocols": ["probe"], "labels": [1.0]},
}
METHODS: dict[str, Any] = {
    "comet": {"name": "comet", "share_masks": True},
    "simclr": {"name": "simclr"},
    "supervised": {"name": "supervised"},
}


def main() -> None:
    """Train what is missing, audit all, write the page."""
    parser = command_line(__doc__, "audit", page="audit.md", seeds=1)
    parser.add_argument("--official", type=lambda text: Path(text).resolve(), required=True)
    options = parser.parse_args()
    cohort = made_cohort(options.root, options.official, options.runs.resolve() / "cohort")
    jobs = [(options.runs, cohort, name) for name in METHODS]
    with one_thread_workers(options.workers) as pool:
        list(pool.map(_train, jobs))


def _configuration(cohort: Path, name: str) -> Configuration:
    data = {"dataset": dataset(), "root": str(cohort), "split": split(cohort)}
    return configure(SETTINGS | data | {"objective": METHODS[name]})


def _train(job: tuple[Path, Path, str]) -> None:
    folder, cohort, name = job
    kept_run(folder / name, _configuration(cohort, name), illustrate=False)


if __name__ == "__main__":
    main()
