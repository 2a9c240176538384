"""Scores of predictions made anywhere, against a truth and beside controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.labels.aggregate import Aggregation
from tsrep.evaluation.labels.metrics import metric_names
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.targets.values import METRICS as VALUE_METRICS
from tsrep.registry import nearest
from tsrep.runs.contamination import Contamination, SeenPolicy
from tsrep.runs.score_file.decisions import Decide, chosen_on, fixed, refuse_exclusive
from tsrep.runs.score_file.form import Form, Sources, Unit
from tsrep.runs.score_file.matching import Counts, Missing, matched, settled
from tsrep.runs.score_file.numbers import NumberResampling, Numbers, matched_numbers
from tsrep.runs.score_file.prediction_file import Predicted
from tsrep.runs.score_file.result import ScoredFiles
from tsrep.runs.score_file.scoring import Methods, Resampling, contrasts, score_classes, score_methods
from tsrep.runs.score_file.seen import Signals
from tsrep.runs.score_file.truth import Columns, Truth

Files = Path | str | Sequence[Path | str]


def score(
    predictions: Files,
    truth: Path | str,
    *,
    controls: Mapping[str, Files] | Sequence[Path | str] = (),
    name: str | None = None,
    id: str = "record",
    truth_id: str | None = None,
    patient: str | None = "patient",
    label: str = "label",
    target: str | None = None,
    where: Mapping[str, str] | None = None,
    root: Path | str | None = None,
    ids: Path | str | None = None,
    classes: Sequence[str] = (),
    logits: bool = False,
    multilabel: bool | None = None,
    missing: Missing | None = None,
    units: Unit = "records",
    aggregate: Aggregation = "mean",
    thresholds: str | None = None,
    thresholds_from: Path | str | None = None,
    metric: str | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    encoder: str | None = None,
    recordings: str | None = None,
    seen: SeenPolicy = "refuse",
) -> ScoredFiles:
    """Score predictions in files, by patients, as protocols score those of encoders.

    Parameters
    ----------
    predictions : path, or one for each seed
        CSV, TSV or Parquet tables with a row for each record and a column ``p_CLASS`` (or ``CLASS``) for each
        class; with a column ``window`` a row for each window; or ``.npy`` arrays, shape (record, class).
    truth : path, or ``"ptb-xl:TASK"``
        Table with the record, the patient and either a column of class names or a column of 0 and 1 for each
        class; or the tables of PTB-XL in ``root``.
    controls : mapping of name to path, or to one for each seed; or sequence of paths
        What the predictions are compared with; the first comparison is the primary one.
    name : str, optional
        Of the method; by default that of its first file.
    id, truth_id, patient, label : str
        Columns, of the predictions (``id``) and of the truth; ``patient=None`` takes each record for another
        patient.
    target : str, optional
        Column of the truth with a number, such as ``"age"``, in place of classes; predictions have it in a
        column ``prediction``, or in one called alike. The primary metric then is ``"mae"``.
    where : mapping of column to value, optional
        Rows of the truth that count, such as ``{"strat_fold": "10"}``.
    root, ids : path, optional
        Folder of PTB-XL; text file with the names of the rows of arrays.
    classes : sequence of str
        Which to score; by default those of the first file.
    logits : bool
        Whether values are logits.
    multilabel : bool, optional
        Whether a record can have several classes; by default as the truth is written.
    missing : {"worst", "drop"}, optional
        Score records without a prediction as the class rates, or leave them out; by default they are refused.
    units, aggregate
        What is scored where rows are windows: ``"records"``, with probabilities by their ``"mean"`` or
        ``"max"``, or ``"windows"``.
    thresholds, thresholds_from : str, path, optional
        From which probability on a class is decided on: a number, a JSON file, or ``"sidecar"``, the JSON
        file beside the predictions; or a rule such as ``"f1"`` with validation predictions to choose on.
    metric : str, optional
        On which comparisons rest; by default ``"auroc"``, and of numbers ``"mae"``.
    n_bootstrap, seed : int
    encoder, recordings : str, optional
        Reference of the encoder that predicted, and the data set in ``root`` that the records are of, to look
        for records that it has seen. Without them that is unknown.
    seen : {"refuse", "leave-out", "keep"}
        What becomes of records that were seen.

    Raises
    ------
    ConfigError, DataError
        When a file, column, record, probability or setting is not as it should be.
    RunError
        When the encoder was trained on 1 % of the records or more, and that is to be refused.
    """
    paths = _methods(predictions, controls, name)
    columns = Columns(truth_id or id, patient, label, tuple((where or {}).items()))
    sources = Sources(str(truth), columns, id, _path(root), _path(ids), tuple(classes))
    form = Form(sources.classes, logits, multilabel, missing, units, aggregate)
    if (encoder is None) != (recordings is None):
        raise ConfigError(
            "what an encoder has seen is looked for in the signals; give both --encoder and --recordings"
        )
    signals = None if encoder is None else Signals(encoder, str(recordings), _path(root), seen)
    if target is not None:
        _refuse_of_classes(classes, logits, multilabel, thresholds or thresholds_from)
        numbers = Numbers(target, Path(truth), columns, id, _path(ids), missing, units)
        known = patient is not None
        return _of_numbers(
            numbers,
            paths,
            signals,
            NumberResampling(
                _metric(metric or "mae", VALUE_METRICS),
                target,
                units.removesuffix("s"),
                known,
                n_bootstrap,
                seed,
            ),
        )
    found = _match(sources, form, paths, signals)
    chosen = _metric(metric or "auroc", metric_names(found.truth.multilabel))
    how = Resampling(chosen, found.unit, patient is not None, n_bootstrap=n_bootstrap, seed=seed)
    decide = _decide(sources, form, found, thresholds, _path(thresholds_from), how)
    return _scored(found, replace(how, decide=decide), paths, missing)


def _metric(name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise ConfigError(f"there is no metric {name!r} of such predictions; {nearest(name, list(known))}")
    return name


def _refuse_of_classes(classes: Sequence[str], logits: bool, multilabel: bool | None, decided: Any) -> None:
    given = {
        "--classes": bool(classes),
        "--logits": logits,
        "--multilabel": multilabel is not None,
        "--thresholds": decided is not None,
    }
    if wrong := [option for option, is_given in given.items() if is_given]:
        raise ConfigError(f"a number is scored, so {wrong[0]} has no meaning; leave it or --target out")


def _of_numbers(
    numbers: Numbers,
    paths: Mapping[str, Sequence[Path]],
    signals: Signals | None,
    how: NumberResampling,
) -> ScoredFiles:
    """Scores of a number."""
    truth, read = numbers.read(paths)
    truth, counts = settled(truth, [file for of in read.values() for file in of], numbers.missing)
    contamination = None
    if signals is not None:
        truth, contamination = signals.check(truth)
    found = {name: [matched_numbers(truth, file, numbers.unit) for file in of] for name, of in read.items()}
    scores, differences = score_methods(found, how)
    told = _notes(truth, counts, contamination, numbers.missing, patients=how.patients)
    return ScoredFiles(
        replace(scores, notes=tuple(told)),
        (),
        contrasts(differences, {}, how.metric),
        (),
        counts,
        {method: tuple(map(str, of)) for method, of in paths.items()},
        contamination or Contamination("unknown", of=len(truth)),
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """Predictions of all methods for the records that are scored."""

    main: Predicted
    truth: Truth
    counts: Counts
    unit: str
    predictions: Methods
    contamination: Contamination | None


def _match(
    sources: Sources, form: Form, paths: Mapping[str, Sequence[Path]], signals: Signals | None
) -> _Found:
    """Read the files and the truth, which must be of the same records."""
    read = {method: [sources.predicted(path) for path in of] for method, of in paths.items()}
    main = next(iter(read.values()))[0]
    truth = form.truth(sources.of(main), main)
    files = {method: [form.probabilities(file, truth) for file in of] for method, of in read.items()}
    every = [file for of in files.values() for file in of]
    unit = form.unit_of(every)
    truth, counts = settled(truth, every, form.missing)
    contamination = None
    if signals is not None:
        truth, contamination = signals.check(truth)
    found = {method: [form.predictions(file, truth) for file in of] for method, of in files.items()}
    return _Found(main, truth, counts, unit, found, contamination)


def _decide(
    sources: Sources, form: Form, found: _Found, text: str | None, validation: Path | None, how: Resampling
) -> Decide | None:
    """How classes are decided on, where the user says so."""
    if text is None and validation is None:
        return None
    refuse_exclusive(found.truth.classes, multilabel=found.truth.multilabel)
    if validation is None:
        return fixed(str(text), found.truth.classes, found.main.path)
    held = _held_out(sources, form, found.truth, validation)
    return chosen_on(text or "f1", held, n_bootstrap=how.n_bootstrap, seed=how.seed)


def _held_out(sources: Sources, form: Form, scored: Truth, path: Path) -> Predictions:
    """Predictions to choose thresholds on.

    Raises
    ------
    ConfigError
        When they are of patients that are scored.
    DataError
        When none of their records is in the truth.
    """
    file = replace(sources, classes=scored.classes).predicted(path)
    truth = form.truth(sources.of(file, everywhere=True), file)
    file = form.probabilities(file, truth)
    names = set(file.record)
    rows = np.array([i for i, name in enumerate(truth.record) if name in names], np.int64)
    if not len(rows):
        raise DataError(f"no record of {path} is in {truth.name}; give validation predictions of its records")
    if shared := len(np.intersect1d(truth.patient[rows], scored.patient)):
        raise ConfigError(
            f"thresholds are not taken from the scored part, and {shared:,} of its patients are in {path}; "
            "give validation predictions with --thresholds-from FILE"
        )
    return matched(truth.only(rows), file)


def _scored(
    found: _Found, how: Resampling, paths: Mapping[str, Sequence[Path]], missing: Missing | None
) -> ScoredFiles:
    classes = found.truth.classes
    scores, macro = score_methods(found.predictions, how)
    alone = classes if found.truth.multilabel or len(classes) > 2 else ()  # two mirror each other
    by_class, differences = score_classes(found.predictions, alone, how)
    return ScoredFiles(
        replace(
            scores,
            notes=tuple(
                _notes(found.truth, found.counts, found.contamination, missing, patients=how.patients)
            ),
        ),
        by_class,
        contrasts(macro, differences, how.metric),
        classes,
        found.counts,
        {method: tuple(map(str, of)) for method, of in paths.items()},
        found.contamination or Contamination("unknown", of=len(found.truth)),
    )


def _notes(
    truth: Truth,
    counts: Counts,
    contamination: Contamination | None,
    missing: Missing | None,
    *,
    patients: bool,
) -> Iterator[str]:
    if truth.unknown:
        lack = "a label, of some class or all," if truth.classes else "the number"
        yield f"{truth.unknown:,} records of the truth lack {lack} and are left out."
    if counts.missing:
        rates = "class rates" if truth.classes else "mean"
        done = "are left out" if missing == "drop" else f"are scored as the {rates} of the truth"
        yield f"{counts.missing:,} of {counts.truth:,} records of the truth have no prediction and {done}."
    if counts.extra:
        yield f"{counts.extra:,} predicted records are not in the truth and are passed over."
    if patients and len(np.unique(truth.patient)) == len(truth):
        yield "Every patient has one record."
    if contamination is not None:
        yield from contamination.notes
    else:
        yield "Whether a model was trained on these recordings is unknown: predictions alone do not tell."


def _methods(
    predictions: Files, controls: Mapping[str, Files] | Sequence[Path | str], name: str | None
) -> dict[str, list[Path]]:
    """Files of the method and of its controls, by name.

    Raises
    ------
    ConfigError
        When there is no file, or two methods have one name.
    """
    main = _paths(predictions)
    given = controls.items() if isinstance(controls, Mapping) else [(Path(c).stem, c) for c in controls]
    found = {name or (main[0].stem if main else ""): main}
    for control, files in given:
        if control in found:
            raise ConfigError(f"two methods are called {control}; name one, as in --control NAME=FILE")
        found[control] = _paths(files)
    for method, files_of in found.items():
        if twice := [path for path in files_of if [p.resolve() for p in files_of].count(path.resolve()) > 1]:
            raise ConfigError(f"{twice[0]} is given twice for {method}; give the file of each seed once")
    if bare := next((method for method, files in found.items() if not files), None):
        raise ConfigError(f"{bare or 'the method'} has no file of predictions; give one for each seed")
    return found


def _paths(files: Files) -> list[Path]:
    return [Path(files)] if isinstance(files, Path | str) else list(map(Path, files))


def _path(text: Path | str | None) -> Path | None:
    return None if text is None else Path(text)
