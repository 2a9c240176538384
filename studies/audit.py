"""How far a patient can be recognised by what encoders make of an ECG, and what that costs or gives.

One command makes ``docs/results/audit.md``; finished runs are kept and used again, so that it may be stopped
and started at any time (about half an hour of one core)::

    .venv/bin/python studies/audit.py --root DIR --official DIR

``--root`` holds ``ecg_100hz_int16_uV.npy`` and ``records.csv``, a sample of PTB-XL; ``--official`` another
one in the official layout. All patients with two recordings or more in both are test patients, and nothing is
trained on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audited_cohort import dataset, made_cohort, split
from kept_runs import command_line, kept_run, one_thread_workers
from results_page import table, with_ends, write_page

import tsrep
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.runs.audit.block import MINUS_RANDOM, Row
from tsrep.runs.audit.conduct import Audit
from tsrep.runs.audit.origin import NAMES
from tsrep.runs.audit.subgroups import EVERYBODY, MACRO
from tsrep.runs.audit.subject import HAND, SIGNAL
from tsrep.runs.config import Configuration, configure

SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "encoder": {"name": "resnet1d", "width": 16, "dim": 64},
    "training": {"epochs": 6, "batch_size": 128, "lr": 1e-3},
    "evaluation": {"protocols": ["probe"], "labels": [1.0]},
}
METHODS: dict[str, Any] = {
    "comet": {"name": "comet"},
    "simclr": {"name": "simclr"},
    "supervised": {"name": "supervised"},
}
REFERENCES = (RANDOM_INIT, SIGNAL, HAND)


def main() -> None:
    """Train what is missing, audit all, write the page."""
    parser = command_line(__doc__, "audit", page="audit.md", seeds=1)
    parser.add_argument("--official", type=lambda text: Path(text).resolve(), required=True)
    options = parser.parse_args()
    cohort = made_cohort(options.root, options.official, options.runs.resolve() / "cohort")
    jobs = [(options.runs, cohort, name) for name in METHODS]
    with one_thread_workers(options.workers) as pool:
        list(pool.map(_train, jobs))
    audits = {name: _audit(options.runs, cohort, name) for name in METHODS}
    write_page(options.out, "\n".join(_page(audits, _configuration(cohort, "comet"))))


def _configuration(cohort: Path, name: str) -> Configuration:
    data = {"dataset": dataset(), "root": str(cohort), "split": split(cohort)}
    return configure(SETTINGS | data | {"objective": METHODS[name]})


def _train(job: tuple[Path, Path, str]) -> None:
    folder, cohort, name = job
    kept_run(folder / name, _configuration(cohort, name), illustrate=False)


def _audit(folder: Path, cohort: Path, name: str) -> Audit:
    entry = {"dataset": dataset(), "root": str(cohort), "split": split(cohort), "title": "PTB-XL samples"}
    return tsrep.audit(folder / name, entry, out=folder / f"{name}-audit", overwrite=True, device="cpu")


def _page(audits: Mapping[str, Audit], config: Configuration) -> Iterator[str]:
    first = audits["comet"]
    identity = first["identity"].rows[0]
    yield from ("# Audit of encoders on real ECG", "")
    yield "Made by `.venv/bin/python studies/audit.py --root DIR --official DIR`; settings are in the script."
    yield ""
    yield (
        "- Data: two samples of PTB-XL together, those recordings that are in both once. Tested are all "
        f"patients with two recordings or more, {identity.patients} but for copies, and others at random: "
        f"{first.facts['recordings']} recordings of {first.facts['patients']} patients, "
        f"{first.facts['copies left out']} copies of a recording left out. Nothing was trained on them."
    )
    yield (
        f"- Encoders: {config.encoder.name} (width {SETTINGS['encoder']['width']}, "
        f"{SETTINGS['encoder']['dim']} "
        f"dimensions), one run of {config.training.epochs} epochs each, so that intervals are over "
        "patients and say "
        f"nothing of other runs; beside them {first.facts['random initialisations']} random "
        "initialisations. No "
        "training patient has two recordings, so that COMET's patient level sees one recording of each."
    )
    yield from ("", "## Recognition", "", *_identity(audits), "")
    yield from ("## What else is known, and what it is worth", "", *_others(audits), "")
    yield from ("## Membership: upper bound of what this test can say", "", *_membership(audits), "")


def _identity(audits: Mapping[str, Audit]) -> list[str]:
    lines = [row.line for row in audits["comet"]["identity"].rows if row.of == RANDOM_INIT]
    lines = list(dict.fromkeys(lines))
    head = ["", *audits, *(f"{name} {MINUS_RANDOM}" for name in audits), *REFERENCES, "chance"]
    rows = []
    for line in lines:
        own = [_told(audits[name], "identity", line, name) for name in audits]
        gains = [_told(audits[name], "identity", line, f"{name} {MINUS_RANDOM}", "+.3f") for name in audits]
        others = [_told(audits["comet"], "identity", line, of) for of in REFERENCES]
        found = audits["comet"]["identity"].find(line, "comet")
        rows.append([line, *own, *gains, *others, "" if found is None else f"{found.chance:.4f}"])
    return table(head, rows)


def _others(audits: Mapping[str, Audit]) -> list[str]:
    first = audits["comet"]
    wanted = [
        (key, row.line)
        for key in ("origin", "demographics", "geometry")
        for row in first[key].rows
        if row.of == "comet"
    ]
    rows = []
    for key, line in wanted:
        own = [_told(audits[name], key, line, name) for name in audits]
        called = f"{line}: balanced accuracy of a probe" if key == "origin" and line in NAMES else line
        rows.append([called, *own, *(_told(first, key, line, of) for of in REFERENCES)])
    macro = [_macro(audits[name]) for name in audits]
    rows.append(["labels: macro AUROC of the probe", *macro, "", "", ""])
    return table(["", *audits, *REFERENCES], rows)


def _membership(audits: Mapping[str, Audit]) -> list[str]:
    """Each encoder beside the random initialisation of its own test, which goes by its own objective."""
    rows = [
        [row.line, name, _ends(row, ".3f"), _told(audit, "membership", row.line, RANDOM_INIT)]
        for name, audit in audits.items()
        for row in audit["membership"].rows
        if row.of in (name, HAND)
    ]
    return table(["test", "encoder", "value", RANDOM_INIT], rows)


def _macro(audit: Audit) -> str:
    row = next(row for row in audit["subgroups"].rows if (row.table, row.line) == (MACRO, EVERYBODY))
    return with_ends(row.interval)


def _told(audit: Audit, key: str, line: str, of: str, form: str = ".3f") -> str:
    row: Row | None = audit[key].find(line, of)
    return "–" if row is None else _ends(row, form)


def _ends(row: Row, form: str) -> str:
    """Value and interval, or the value alone where there is none."""
    return f"{row.value:{form}}" if row.low != row.low else with_ends(row.interval, form)


if __name__ == "__main__":
    main()
