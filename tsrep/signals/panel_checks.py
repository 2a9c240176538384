"""What makes a panel valid: one entry for each sample, a name for each number, patients in one piece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import DataError

if TYPE_CHECKING:
    from tsrep.signals.panel import Ints, Panel

Modality = Literal["ecg", "eeg", "series", "other"]


class Column(NamedTuple):
    """What the values of a field are kept as, the kinds of arrays that are taken, and what to give."""

    dtype: type[np.generic]
    kinds: str
    wanted: str


WHOLE = Column(np.int64, "biuf", "give one whole number for each sample")
LABEL = Column(np.int64, "biuf", "give one class index for each sample, and mark unknown ones in known")
FLAGS = Column(np.bool_, "biuf", "give True or False for each class, and mark unknown ones in known")
NUMBERS = Column(np.float32, "biuf", "give one number for each sample and target")
MASK = Column(np.bool_, "b", "give True or False for each value")

# fields with one entry for each sample, which a selection of samples takes along, by number of dimensions
COLUMNS: dict[str, dict[int, Column]] = {
    "row": {1: WHOLE},
    "start": {1: WHOLE},
    "label": {1: LABEL, 2: FLAGS},
    "trial": {1: WHOLE},
    "patient": {1: WHOLE},
    "fold": {1: WHOLE},
    "cohort": {1: WHOLE},
    "group": {1: WHOLE},
    "target": {2: NUMBERS},
    "target_known": {2: MASK},
    "known": {1: MASK, 2: MASK},
}
OPTIONAL = ("fold", "cohort", "group", "target", "target_known", "known")
NAMES = (
    "channels", "classes", "cohort_names", "target_names",
    "target_units", "patient_names", "record_names", "history",
)  # fmt: skip
DISTINCT = NAMES[:4]


def converted(panel: Panel) -> dict[str, Any]:
    """Fields of a panel as it keeps them: columns as arrays of their type, names as tuples.

    Raises
    ------
    DataError
        Naming the first field, and the sample, whose value would change.
    """
    fields: dict[str, Any] = {name: names_of(name, getattr(panel, name)) for name in NAMES}
    for name in COLUMNS:
        if (given := getattr(panel, name)) is not None or name not in OPTIONAL:
            fields[name] = column(name, given)
    fields |= {"gain": as_array("gain", panel.gain), "offset": as_array("offset", panel.offset)}
    fields["sfreq"] = rate_of(panel.sfreq)
    if not isinstance(panel.meta, Mapping):
        raise DataError(f"meta is {panel.meta!r}; give a mapping of names to one value for each trial")
    fields["meta"] = {name: as_array(f"meta {name!r}", values) for name, values in panel.meta.items()}
    return fields


def as_array(name: str, given: Any) -> NDArray[Any]:
    """Any nested sequence as an array.

    Raises
    ------
    DataError
        When its rows differ in length.
    """
    try:
        return np.asanyarray(given)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} is no array ({error}); give rows of equal length") from None


def column(name: str, given: Any) -> NDArray[Any]:
    """Values of a field in the type that a panel keeps them in; none changes on the way.

    Parameters
    ----------
    name : str
        Of :data:`COLUMNS`.
    given : array or nested sequence

    Raises
    ------
    DataError
        Naming the first sample whose value would change.
    """
    values = as_array(name, given)
    if (kind := COLUMNS[name].get(values.ndim)) is None:
        dims, (first, *_) = " or ".join(map(str, COLUMNS[name])), COLUMNS[name].values()
        raise DataError(f"{name} has shape {values.shape} in place of {dims} dimension(s); {first.wanted}")
    if values.dtype == kind.dtype:
        return values
    if values.size and values.dtype.kind not in kind.kinds:
        raise DataError(f"{name} is {values.dtype} of shape {values.shape}; {kind.wanted}")
    with np.errstate(invalid="ignore", over="ignore"):
        out = values.astype(kind.dtype)
    changed = np.argwhere((out != values) & (kind.dtype is not np.float32))
    if len(changed):
        sample, *cls = changed[0].tolist()
        of_class = "".join(f", class {c}" for c in cls)
        raise DataError(f"{name} of sample {sample}{of_class} is {values[tuple(changed[0])]}; {kind.wanted}")
    return out


def scaling(name: str, given: Any) -> NDArray[np.float32]:
    """Gain or offset of a store, shape (record or 1, channel or 1).

    Raises
    ------
    DataError
        When one is not finite, a gain is 0, so that no signal is left, or single precision makes it so.
    """
    values = as_array(name, given)
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise DataError(f"{name} is {given!r}; give finite numbers")
    if name == "gain" and not values.all():
        raise DataError("a gain is 0, which leaves no signal; give the unit of a stored count")
    with np.errstate(over="ignore", under="ignore"):
        single = np.asarray(values, np.float32)
    if not np.isfinite(single).all() or (name == "gain" and not single.all()):
        raise DataError(f"{name} is {given!r}, which single precision does not hold; choose another unit")
    return np.atleast_2d(single)


def names_of(name: str, given: Any) -> tuple[str, ...]:
    """Names as a tuple.

    Raises
    ------
    DataError
        When they are one text, or no texts, or one stands twice where it may not.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DataError(f"{name} is {given!r}; give a sequence of texts such as ({given!r},)")
    names = tuple(given)
    if name in DISTINCT:
        seen: set[str] = set()
        for one in names:
            if not isinstance(one, str) or one in seen:
                fault = "twice" if one in seen else "and no text"
                raise DataError(f"{one!r} is among {name} {fault}; give each a name of its own")
            seen.add(one)
    return names


def rate_of(given: Any) -> float:
    """A sampling rate, Hz.

    Raises
    ------
    DataError
        When it is no positive and finite number.
    """
    if not isinstance(given, Real) or not 0 < float(given) < np.inf:
        raise DataError(f"the sampling rate must be positive and finite, got {given!r} Hz")
    return float(given)


def whole(value: Any) -> bool:
    """Whether a value is a whole number, of Python or of NumPy."""
    return isinstance(value, Integral)


def check_panel(panel: Panel) -> None:
    """Check that the fields of a panel go together.

    Raises
    ------
    DataError
        Naming the first field that does not fit.
    """
    if panel.store.ndim != 3:
        raise DataError(f"a panel's store has shape (record, channel, time), got {panel.store.shape}")
    if panel.store.dtype not in (np.int16, np.float32):
        raise DataError(f"a panel's store is int16 or float32, got {panel.store.dtype}")
    named = [("channel", panel.channels, panel.store.shape[1])]
    if panel.record_names:
        named.append(("record", panel.record_names, len(panel.store)))
    for what, names, count in named:
        if len(names) != count:
            raise DataError(f"{len(names)} {what} names for {count} {what}s; name each {what} once")
    _check_signal(panel)
    for name, values in panel.per_sample().items():
        if len(values) != len(panel):
            raise DataError(
                f"{len(values)} values of {name} for {len(panel)} samples; give one for each sample"
            )
    _check_place(panel)
    for name, values in panel.meta.items():
        if values.shape[:1] != panel.trials.shape or values.dtype == object:
            raise DataError(
                f"meta {name!r} has {len(values) if values.ndim else 'no'} values of type {values.dtype} for "
                f"{len(panel.trials)} trials; give one number, text or date for each trial"
            )
    _check_numbered(panel)
    _check_masks(panel)
    _check_nested(panel.trial, panel.patient, "trial", "patient; give every trial its own id")
    if panel.group is not None:
        _check_nested(panel.patient, panel.group, "patient", "group; a group holds whole patients")


def _check_signal(panel: Panel) -> None:
    """What is said of the whole store can be true of it."""
    records, channels, steps = panel.store.shape
    kinds = get_args(Modality)
    rows = [
        ("channels", panel.channels, channels > 0, "give one at least"),
        ("modality", panel.modality, panel.modality in kinds, f"give one of {', '.join(kinds)}"),
        (
            "covariates",
            panel.covariates,
            whole(panel.covariates) and 0 <= panel.covariates <= channels,
            f"say how many of the {channels} channels come first",
        ),
        (
            "length",
            panel.length,
            whole(panel.length) and 1 <= panel.length <= steps,
            f"give a whole number of steps, 1 to the {steps} of a record",
        ),
    ]
    for name, array in (("gain", panel.gain), ("offset", panel.offset)):
        fits = array.ndim == 2 and array.shape[0] in (1, records) and array.shape[1] in (1, channels)
        wanted = f"give one for each of {records} records or for all, and of {channels} channels or for all"
        rows.append((f"shape of {name}", array.shape, fits, wanted))
    for what, given, right, wanted in rows:
        if not right:
            raise DataError(f"{what} is {given!r}; {wanted}")


def _check_place(panel: Panel) -> None:
    """Every sample lies in the store."""
    records, _, steps = panel.store.shape
    for name, values, most in (
        ("row", panel.row, records - 1),
        ("start", panel.start, steps - panel.length),
    ):
        if len(values) and not 0 <= values.min() <= values.max() <= most:
            first = int(np.argmax((values < 0) | (values > most)))
            raise DataError(
                f"{name} of sample {first} is {values[first]}, outside the store of {records} records of "
                f"{steps} steps; give 0 to {most} for samples of {panel.length} steps"
            )


def _check_numbered(panel: Panel) -> None:
    """Classes, cohorts, patients and targets have as many names as there are of them."""
    if panel.multilabel and panel.label.shape[1] != len(panel.classes):
        raise DataError(
            f"{panel.label.shape[1]} label columns for {len(panel.classes)} classes; name each class once"
        )
    numbers: dict[str, tuple[str, NDArray[Any] | None, tuple[str, ...]]] = {
        "class": ("classes", None if panel.multilabel else panel.label, panel.classes),
        "cohort": ("cohorts", panel.cohort, panel.cohort_names),
        "patient": ("patient names", panel.patient if panel.patient_names else None, panel.patient_names),
    }
    for what, (many, index, names) in numbers.items():
        if index is None or not len(index):
            continue
        if not 0 <= index.min() <= index.max() < len(names):
            raise DataError(
                f"{what} indices run from {index.min()} to {index.max()} but there are {len(names)} {many}"
            )
    targets = 0 if panel.target is None else panel.target.shape[1]
    if not targets == len(panel.target_names) == len(panel.target_units):
        raise DataError(
            f"{len(panel.target_names)} names and {len(panel.target_units)} units for {targets} targets; "
            "give each target a name and a unit"
        )


def _check_masks(panel: Panel) -> None:
    """Masks have the shape of what they mask, and known targets have a value."""
    for name, mask, of in (
        ("known", panel.known, panel.label),
        ("target_known", panel.target_known, panel.target),
    ):
        if mask is not None and (of is None or mask.shape != of.shape or mask.dtype != bool):
            shape = None if of is None else of.shape
            raise DataError(
                f"{name} is {mask.dtype} of shape {mask.shape}; give a bool mask of shape {shape}"
            )
    if panel.target is not None:
        there = np.isfinite(panel.target)
        if not (there if panel.target_known is None else there | ~panel.target_known).all():
            raise DataError("a target that is called known has no finite value; mark it in target_known")


def _check_nested(parts: Ints, whole: Ints, what: str, of_what: str) -> None:
    """Parts, such as trials, have all their samples in one whole, such as a patient."""
    order = np.argsort(parts, kind="stable")
    part, in_whole = parts[order], whole[order]
    shared = part[1:][(part[1:] == part[:-1]) & (in_whole[1:] != in_whole[:-1])]
    if len(shared):
        raise DataError(f"{what} {shared[0]} belongs to more than one {of_what}")
