"""Other data as an encoder is shown them: converted by its contract and divided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.dataset import PATIENTS_UNKNOWN
from tsrep.errors import RunError
from tsrep.registry import DATASETS
from tsrep.runs.evaluate_other_series import OnSeries
from tsrep.runs.labels_used import labels_used
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.other_data import OtherData
from tsrep.runs.prepare_panel import PreparedPanel, left_out
from tsrep.runs.prepared import Prepared, split_by_rule
from tsrep.runs.references.reference import Reference
from tsrep.runs.task import TASKS, read_data
from tsrep.signals import Panel
from tsrep.signals.convert import Policies
from tsrep.signals.standardise import fit_scaler
from tsrep.splits.split import PARTS, Split, scored_only


@dataclass(frozen=True, eq=False)
class Shown:
    """Other data as an encoder is shown them.

    Attributes
    ----------
    prepared : PreparedPanel
        Records in their unit, and windows by the encoder's contract with their split.
    own : bool
        Whether they are the recordings that the encoder was trained on, divided as they were then.
    notes : tuple of str
        What was done to the signals, a sentence each.
    warnings : tuple of str
        What a reader of scores should know of signals, records and patients, a sentence each.
    unusable : tuple of (str, str)
        Records that cannot be shown, and why.
    """

    prepared: PreparedPanel
    own: bool
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unusable: tuple[tuple[str, str], ...] = ()

    @property
    def whose(self) -> str:
        """What scores say of the data."""
        return "own data" if self.own else "other data"


def shown_to(
    encoder: LoadedEncoder,
    data: OtherData,
    *,
    progress: bool = True,
    undivided: bool = False,
    records: Panel | None = None,
) -> Shown:
    """Read other data, convert them by the contract of an encoder and divide them.

    Parameters
    ----------
    encoder : LoadedEncoder
    data : OtherData
    progress : bool
        Show progress on standard error while recordings are decoded.
    undivided : bool
        Whether all recordings are scored and nothing is fitted on them; not of those that it was trained on.
    records : Panel, optional
        The data, where they were read before.

    Raises
    ------
    ConfigError, DataError, SplitError
        When settings and data do not go together.
    ContractError
        When the encoder cannot be shown such signals.
    RunError
        When the recordings are those that it was trained on and would be divided otherwise.
    """
    task = DATASETS.entry(data.dataset.name).task
    encoder.refuse_other_task(task, data.dataset.name)
    records = read_data(data, TASKS[task], progress=progress) if records is None else records
    converted = encoder.shown(records, Policies(**data.policies))
    own = records.digest == encoder.provenance.get("data", {}).get("digest", "")
    panel = converted.panel
    if own:
        split = split_by_rule(_own_rule(encoder, data), panel)
        _refuse_other_split(encoder, data, split)
        used = labels_used(encoder.provenance)
    else:
        split = scored_only(panel) if undivided else _divided(data, records, panel)
        used = ()
    prepared = PreparedPanel(records, panel, split, fit_scaler(panel, "none"), encoder.contract)
    unusable = tuple((record_name(records, sample), reason) for sample, reason in converted.unusable)
    warnings = [
        *converted.doubts,
        *left_out(f"{len(unusable):,} of {len(records):,} recordings are left out", unusable),
        *left_out(f"{len(records.skipped):,} recordings cannot be read", records.skipped),
        *split.notes,
        *used,
    ]
    if DATASETS.build(data.dataset).independence == "recording":
        warnings.append(PATIENTS_UNKNOWN)
    return Shown(prepared, own, converted.notes, tuple(warnings), unusable)


def looked_at(
    reference: Reference,
    dataset: str | Mapping[str, Any] | None = None,
    *,
    root: Path | str | None = None,
    **settings: Any,
) -> tuple[LoadedEncoder, Prepared]:
    """An encoder with the data to look at it on: its run's own, or others as it must be shown them.

    Parameters
    ----------
    reference : Reference
    dataset : str or mapping, optional
        Name or settings of other data.
    root : Path, optional
        Where the data are.
    **settings
        See :meth:`tsrep.runs.other_data.OtherData.of`.

    Raises
    ------
    RunError
        When no data are named and the reference is no run, or those of the run have changed.
    """
    if dataset is None:
        run = reference.run
        loaded = reference.open()
        return loaded, run.prepare(root)
    loaded = reference.open()
    data = OtherData.of(loaded, dataset, root=root, **settings)
    task = DATASETS.entry(data.dataset.name).task
    loaded.refuse_other_task(task, data.dataset.name)
    return loaded, _PREPARED[task](reference, loaded, data)


def _panel(_reference: Reference, loaded: LoadedEncoder, data: OtherData) -> Prepared:
    return shown_to(loaded, data).prepared


def _series(reference: Reference, loaded: LoadedEncoder, data: OtherData) -> Prepared:
    return OnSeries(reference, (loaded,), data, seen="keep", progress=True).prepared


_PREPARED: Mapping[str, Callable[[Reference, LoadedEncoder, OtherData], Prepared]] = {
    "panel": _panel,
    "series": _series,
}


def figure_folder(reference: Reference, dataset: object) -> Path:
    """Where figures go unless told: on a run's own data into its folder, else where the user is."""
    return reference.run.path / "figures" if dataset is None else Path()


def record_name(records: Panel, sample: int) -> str:
    """What a recording is called that a sample is of."""
    row = int(records.row[sample])
    return records.record_names[row] if records.record_names else str(records.trial[sample])


def _divided(data: OtherData, records: Panel, panel: Panel) -> Split:
    """The division of the recordings as they were read, which is the same for every encoder.

    Conversion may leave some out, and equal recordings are found by their stored values.
    """
    found = split_by_rule(data, records)
    masks = [np.isin(panel.trial, records.trial[getattr(found, part)]) for part in PARTS]
    return Split.make(panel, *masks, how=found.how, same_signal="drop-train", notes=found.notes)


def _own_rule(encoder: LoadedEncoder, data: OtherData) -> OtherData:
    """The settings with the division that the encoder was trained with."""
    theirs = encoder.recipe.get("split")
    given = None if data.split is None else data.split.model_dump(mode="json")
    if given not in (None, theirs):
        raise _divided_otherwise(encoder, data)
    values = data.model_dump(mode="json") | {"split": theirs}
    return OtherData.model_validate(values)


def _refuse_other_split(encoder: LoadedEncoder, data: OtherData, split: Split) -> None:
    """Check that own recordings are divided as they were in training."""
    if encoder.provenance.get("split", split.digest) != split.digest:
        raise _divided_otherwise(encoder, data)


def _divided_otherwise(encoder: LoadedEncoder, data: OtherData) -> RunError:
    return RunError(
        f"{encoder.reference} was trained on these recordings of {data.dataset.name}, divided otherwise, so "
        "that some that it was trained on would be scored; leave the split out, or restore that of its run"
    )
