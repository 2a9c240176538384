"""The label sets of PTB-XL: those of its benchmark, of Medformer, and of the 2021 challenge."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.tables.reading import read_table
from tsrep.errors import DataError
from tsrep.signals.panel import Ints

Task = Literal[
    "all", "diagnostic", "subdiagnostic", "superdiagnostic", "form", "rhythm", "medformer", "scored"
]  # fmt: skip
MEDFORMER_CLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
GROUPS = {
    "subdiagnostic": "diagnostic_subclass",
    "superdiagnostic": "diagnostic_class",
    "medformer": "diagnostic_class",
}
# statements that mean a scored class of the 2021 challenge, as it is called there
SCORED = {
    "AFIB": "AF-or-AFL", "AFLT": "AF-or-AFL", "CLBBB": "LBBB", "CRBBB": "RBBB", "1AVB": "IAVB",
    "IRBBB": "IRBBB", "LAFB": "LAnFB", "LPR": "LPR", "LVOLT": "LQRSV", "LNGQT": "LQT", "IVCD": "NSIVCB",
    "PAC": "PAC", "PACE": "PR", "PVC": "PVC", "QWAVE": "QAb", "SARRH": "SA", "SBRAD": "SB", "STACH": "STach",
    "INVT": "TInv",
}  # fmt: skip
KINDS = ("diagnostic", "form", "rhythm")
Likelihoods = Mapping[str, float]


@dataclass(frozen=True)
class Labels:
    """Targets of the records that take part in a task.

    Attributes
    ----------
    keep : int64 array
        Indices of those records.
    label : bool array, shape (len(keep), class), or int64 array, shape (len(keep),)
    classes : tuple of str
        Always those of the statement table, also when no record has one of them.
    """

    keep: Ints
    label: NDArray[Any]
    classes: tuple[str, ...]


def read_statements(path: Path, task: Task) -> dict[str, str]:
    """Class of each statement that counts in a task, from ``scp_statements.csv``."""
    if task == "scored":
        return SCORED
    named = GROUPS.get(task, "")
    table = read_table(path, ["", *KINDS, named])
    flags = table[task if task in KINDS else "diagnostic"]
    return {
        code: name
        for code, name, flag in zip(table[""], table[named], flags, strict=True)
        if name and (task == "all" or (flag and float(flag) == 1))
    }


def parse_codes(path: Path, texts: Sequence[str]) -> list[Likelihoods]:
    """The ``scp_codes`` column: statement to likelihood, in the order written.

    Raises
    ------
    DataError
        At the first value that is not such a dictionary.
    """
    # with double quotes the column is one JSON list, which parses twenty times faster than literals
    try:
        parsed = json.loads(f"[{','.join(texts)}]".replace("'", '"'))
    except ValueError:
        parsed = []
    if len(parsed) != len(texts):
        parsed = [_literal(text) for text in texts]
    bad = next((row for row, codes in enumerate(parsed) if not isinstance(codes, dict)), None)
    if bad is not None:
        raise DataError(
            f"row {bad + 2} of {path} has {texts[bad][:40]!r} as scp_codes; "
            "it must look like {'NORM': 100.0}"
        )
    return list(parsed)


def aggregate(codes: Sequence[Likelihoods], statements: Mapping[str, str]) -> Labels:
    """Multi-label targets as in the PTB-XL benchmark.

    Every statement counts whatever its likelihood; records without any class of the task are left out;
    classes are sorted.

    References
    ----------
    Strodthoff et al. 2021, "Deep Learning for ECG Analysis: Benchmarks and Insights from PTB-XL".
    """
    classes = tuple(sorted(set(statements.values())))
    column = {code: classes.index(name) for code, name in statements.items()}
    label = np.zeros((len(codes), len(classes)), bool)
    for row, listed in enumerate(codes):
        label[row, [column[code] for code in listed if code in column]] = True
    keep = np.flatnonzero(label.any(axis=1))
    return Labels(keep, label[keep], classes)


def scored(codes: Sequence[Likelihoods]) -> Labels:
    """Scored classes of the 2021 challenge; a record without any of them has none."""
    with_any = aggregate(codes, SCORED)
    label = np.zeros((len(codes), len(with_any.classes)), bool)
    label[with_any.keep] = with_any.label
    return Labels(np.arange(len(codes)), label, with_any.classes)


def medformer(codes: Sequence[Likelihoods], patient: Ints, statements: Mapping[str, str]) -> Labels:
    """One class per patient, as in Medformer's subject-independent benchmark.

    A record has the superclass of its likeliest statement (the first on ties); a patient stays only if
    all records have the same one.

    References
    ----------
    Wang et al. 2024, "Medformer" (NeurIPS), preparation of PTB-XL.
    """
    number = {name: i for i, name in enumerate(MEDFORMER_CLASSES)}
    top = [max(listed, key=lambda code: listed[code]) if listed else "" for listed in codes]
    label = np.array([number.get(statements.get(code, ""), -1) for code in top], np.int64)
    _, inverse = np.unique(patient, return_inverse=True)
    low = np.full(inverse.max() + 1, len(number))
    high = np.full(inverse.max() + 1, -1)
    np.minimum.at(low, inverse, label)
    np.maximum.at(high, inverse, label)
    keep = np.flatnonzero(((low == high) & (low >= 0))[inverse])
    return Labels(keep, label[keep], MEDFORMER_CLASSES)


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
