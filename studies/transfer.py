"""An encoder of one cohort of ECGs on another: what it has seen, how it scores, and what it is shown.

One command makes ``docs/results/transfer.md``; finished runs are kept and used again::

    .venv/bin/python studies/transfer.py --root DIR

``DIR`` holds ``ptb-xl-panel`` (``ecg_100hz_int16_uV.npy`` and ``records.csv``) and ``ptb-xl``, some records
of PTB-XL in its official files. SimCLR trains on the former without labels. Of the latter, recordings that
were trained on are found by their signals and left out. The others are scored with heads that are fitted on
some of them and with heads of the first cohort, and shown in forms that the encoder was not trained on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kept_runs import command_line, kept_run
from other_forms import forms_table
from results_page import P_VALUES, spread, table, with_ends, write_page

import tsrep
from tsrep.evaluation.scores import RANDOM_INIT, Score, Scores
from tsrep.report.verdicts import adjusted, significance
from tsrep.report.wording import p_value
from tsrep.runs.config_files import assemble, read_config
from tsrep.runs.folder import Run
from tsrep.runs.ledger import Ledger
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.runs.seen import Seen
from tsrep.signals import Panel
from tsrep.signals.convert import Policies
from tsrep.signals.panel import Ints
from tsrep.splits.split import Split

FIRST, SECOND = "ptb-xl-panel", "ptb-xl"
PANEL = Path(__file__).parents[1] / "configs" / "ptb-xl-panel.yaml"
SETTINGS: dict[str, Any] = {
    "dataset": {
        "channel_names": ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"],
    },
    "device": "cpu",
    "split": {"name": "stratified", "validation": 0.15, "test": 0.25, "seed": 0},
    "encoder": {"name": "resnet1d", "width": 16, "dim": 64},
    "objective": "simclr",
    "training": {"epochs": 4, "batch_size": 128},
    "evaluation": {"protocols": ["probe"], "labels": [1.0, 0.1], "subsample_by": ["patient"]},
}
ELSEWHERE = {"name": "stratified", "validation": 0.15, "test": 0.4, "seed": 0}
FORMS = (
    "One encoder of the first cohort is shown all records of the second one, which need no conversion, and "
    "the same in other forms. Differences of representations are in standard deviations of each of their "
    "numbers; the third is the largest change of a probability of the first cohort's head."
)
FEWEST = 50  # records of a site or a device that is scored by itself


def main() -> None:
    """Train what is missing, look for what was seen, score, and write the page."""
    options = command_line(__doc__, "transfer", page="transfer.md", seeds=3).parse_args()
    own = {"root": str(options.root / FIRST), "seeds": options.seeds}
    run = kept_run(options.runs / "panel", assemble(read_config(PANEL), SETTINGS, own))
    for one in run.by_seed:
        if not one.loaded().heads:
            tsrep.evaluate(one, labels=[1.0], progress=False)  # keeps its head
    write_page(options.out, "\n".join(Transfer(run, options.root / SECOND, options.runs).page()))


class Transfer:
    """A run of several seeds on one cohort, and the records of another.

    Parameters
    ----------
    run : Run
    root : Path
        Of the records.
    folder : Path
        Gets scores and predictions.
    """

    def __init__(self, run: Run, root: Path, folder: Path) -> None:
        self.run, self.root, self.folder = run, root, folder
        self.prepared: PreparedPanel = run.task.prepare(progress=False)
        self.records = tsrep.load(SECOND, root)
        self.every = tsrep.load(SECOND, root, task="all")  # without one of the five superclasses too
        self.first = tsrep.load_encoder(run.by_seed[0])

    def page(self) -> Iterator[str]:
        """Lines of the page."""
        scores = {"Heads that are fitted on the second cohort": self._refitted()} | self._transferred()
        yield from self._head()
        yield from ["## Recordings that were seen", "", *self._found(), "", self._left_out(scores), ""]
        for title, lines in _tables(scores).items():
            yield from [f"## {title}", "", *lines, ""]
        yield from ["## Heads of the first cohort, by site and device", ""]
        yield from [f"All unseen records, and sites and devices with {FEWEST} of them or more.", ""]
        yield from [*self._by_origin(), ""]
        forms = forms_table(self.run.by_seed[0], self.records, self.root)
        yield from ["## The same recordings in other forms", "", FORMS, "", *forms]

    @cached_property
    def seen(self) -> Seen:
        """What the ledger of the encoder finds in the second cohort."""
        ledger = self.first.ledger or Ledger()
        return ledger.only("trained", "chosen").seen(self.every)

    @cached_property
    def unseen(self) -> Panel:
        """Records that are not found, and of no patient that was trained on."""
        patient = self._numbers.patient_id.loc[self.records.trial]
        known = patient.isin(self._used.patient_id).to_numpy()
        found = np.isin(self.records.trial, list(self._found_by(self.seen)))
        return self.records.select(np.flatnonzero(~known & ~found))

    def _found_by(self, seen: Seen) -> set[int]:
        """Numbers of the records that are found."""
        return set(self.every.trial[np.isin(self.every.row, seen.rows)].tolist())

    @cached_property
    def _numbers(self) -> pd.DataFrame:
        """What PTB-XL says of the records of the second cohort, by number."""
        return pd.read_csv(self.root / "ptbxl_database.csv").set_index("ecg_id")

    @cached_property
    def _panel(self) -> pd.DataFrame:
        """Numbers of records and patients of the first cohort, which are those of PTB-XL."""
        return pd.read_csv(Path(str(self.run.config.root)) / self.run.config.dataset.table)

    @property
    def _used(self) -> pd.DataFrame:
        """Of them those that were trained on or chosen by."""
        split = self.prepared.split
        return self._panel.iloc[self._rows(np.concatenate([split.train, split.validation]))]

    def _rows(self, index: Ints) -> Ints:
        return np.unique(self.prepared.panel.row[index])

    def _head(self) -> list[str]:
        config, count = self.run.config, self.prepared.split.counts
        parts = ", ".join(f"{n['patients']} {part} patients" for part, n in count.items())
        return [
            "# An encoder on another cohort",
            "",
            "Made by `.venv/bin/python studies/transfer.py --root DIR`; all settings are in the script.",
            "",
            f"- First cohort: {len(self.prepared.records):,} records of PTB-XL, 12 leads at 100 Hz, "
            f"resampled from 500 Hz, in an array. {parts}; none in two parts.",
            f"- Encoder: {config.encoder.name}, trained by SimCLR for {config.training.epochs} epochs on "
            f"windows of {config.window.seconds:g} s, without labels, {config.seeds} seeds.",
            f"- Second cohort: {len(self.every):,} records of PTB-XL in its official files at 100 Hz, of "
            f"which {len(self.records):,} have a superclass. {len(self.unseen):,} of these are neither found "
            "by the ledger nor of a patient that was trained on, which the numbers of PTB-XL tell.",
            "- Values: macro AUROC per record over five superclasses, mean over seeds, with a 95 % interval "
            "over patients and seeds; ± is the standard deviation over seeds. Gains are over random "
            "initialisations of the same seeds, which are shown the same windows; their p values are "
            "adjusted by Holm over all gains on this page.",
            "",
        ]

    def _found(self) -> list[str]:
        """What ledgers find, beside what the numbers of the records say."""
        whole = Ledger.of(self.prepared.records).seen(self.every)
        head = ["ledger", "its records", "in both, by number", "found", "missed", "falsely found", "how"]
        rows = [
            self._ledger_row("of the encoder (training and validation part)", self.seen, self._used),
            self._ledger_row("of the whole first cohort", whole, self._panel),
        ]
        return table(head, rows)

    def _left_out(self, scores: Mapping[str, Scores]) -> str:
        """What was left out where heads are fitted on the second cohort, by its scores."""
        found = next(iter(next(iter(scores.values())))).contamination
        return (
            f"Where heads are fitted on the second cohort, {found['left_out']} of the {found['of']} records "
            f"to be scored were left out by `tsrep evaluate`; {found['labels']} records that the encoder has "
            "seen give labels to fit on, which is no fault."
        )

    def _ledger_row(self, name: str, seen: Seen, known: pd.DataFrame) -> list[str]:
        common = set(known.ecg_id) & set(self.every.trial.tolist())
        found = self._found_by(seen)
        how = f"{seen.exact} by all values, {seen.leads} by two leads, {seen.coarse} by shape"
        counts = (len(known), len(common), len(found), len(common - found), len(found - common))
        return [name, *(f"{count:,}" for count in counts), how]

    def _refitted(self) -> Scores:
        return tsrep.evaluate(
            self.run,
            SECOND,
            root=self.root,
            split=ELSEWHERE,
            out=self.folder / "refitted",
            progress=False,
        )

    def _transferred(self) -> dict[str, Scores]:
        """Scores of heads of the first cohort on its own test part and on all of the second cohort."""
        own = tsrep.evaluate(self.run, labels=[1.0], progress=False)
        task, prepared = self.run.task, self._across()
        there = task.score(task.candidates(self.run, prepared), task.evaluation(prepared, _silent))
        title = "Heads of the first cohort"
        found = {f"{title}, on its own test patients": own, f"{title}, on the second cohort": there}
        return {title: scores.where(fraction=1.0) for title, scores in found.items()}

    def _across(self) -> PreparedPanel:
        """The first cohort with records of the second one in place of its test part."""
        own, split = self.prepared.panel, self.prepared.split
        shown = self.first.shown(self.unseen, Policies()).panel
        fitted = np.concatenate([split.train, split.validation])
        order = [shown.classes.index(name) for name in own.classes]
        merged_panel = Panel.from_arrays(
            np.concatenate([own.take(fitted), shown.x]),
            label=np.concatenate([own.label[fitted], shown.label[:, order]]),
            patient=np.concatenate([own.patient[fitted], shown.patient + own.patient.max() + 1]),
            trial=np.concatenate([own.trial[fitted], shown.trial + own.trial.max() + 1]),
            **{name: getattr(own, name) for name in ("sfreq", "channels", "classes", "modality")},
        )
        ends = np.cumsum([len(split.train), len(split.validation), len(shown)])
        parts = np.split(np.arange(ends[-1]), ends[:-1])
        made = Split.make(merged_panel, *parts, how="the second cohort is tested")
        return replace(self.prepared, panel=merged_panel, split=made)

    def _by_origin(self) -> list[str]:
        """Scores of stored predictions, for each site and device with enough records."""
        files = [self._predicted(seed) for seed in range(len(self.run.by_seed))]
        numbers = self._numbers.loc[self.unseen.trial]
        groups = [("", "")] + [
            (column, value)
            for column in ("site", "device")
            for value, count in numbers[column].value_counts().items()
            if count >= FEWEST
        ]
        head = ["recorded", "records", "patients", "classes", "AUROC", "AUPRC"]
        return table(head, [self._group_row(files, column, value) for column, value in groups])

    def _predicted(self, seed: int) -> Path:
        """File of predictions for all unseen records."""
        path = self.folder / f"predictions-{seed}.csv"
        tsrep.predict(self.run.by_seed[seed], self.unseen).save(path, overwrite=True)
        return path

    def _group_row(self, files: list[Path], column: str, value: Any) -> list[str]:
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        where = {column: shown} if column else {}
        scored = tsrep.score(
            files, "ptb-xl:super", root=self.root, where=where, missing="drop", name="simclr"
        ).score
        name = f"{column} {shown}" if column else "anywhere"
        counts = str(scored.n), str(scored.patients), str(scored.classes_scored)
        values = [with_ends(scored.metrics[metric]) for metric in ("auroc", "auprc")]
        return [" ".join(name.split()), *counts, values[0] + spread(scored.by_seed["auroc"]), values[1]]


def _tables(scores: Mapping[str, Scores]) -> dict[str, list[str]]:
    """Rows of scores per record by title, with p values adjusted for all gains together."""
    shown = {
        title: sorted(found.where(unit="record"), key=lambda score: (-score.fraction, -score.value))
        for title, found in scores.items()
    }
    gains = [score for found in shown.values() for score in found if score.gain is not None]
    p = dict(zip([id(score) for score in gains], adjusted(gains), strict=True))
    head = ["method", "labels of patients", "records", "patients", "AUROC", f"over {RANDOM_INIT}"]
    head += [*P_VALUES, "verdict", "interval of the gain covers"]
    return {
        title: table(head, [_row(score, p.get(id(score), math.nan)) for score in found])
        for title, found in shown.items()
    }


def _row(score: Score, p: float) -> list[str]:
    gain = score.gain
    verdict = ["–"] * 4
    if gain is not None:
        verdict = [p_value(gain.p), p_value(p), significance(score, p), gain.covers]
    return [
        score.method,
        f"{100 * score.fraction:g} % ({score.details['labelled_patients']:.0f})",
        str(score.n),
        str(score.patients),
        with_ends(score.metrics["auroc"]) + spread(score.by_seed["auroc"]),
        with_ends(gain, "+.3f"),
        *verdict,
    ]


def _silent(_: str) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    main()
