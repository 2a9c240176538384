"""The same ECGs in other forms: how far representations and probabilities are from those as trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from results_page import table

import tsrep
from tsrep.errors import ContractError
from tsrep.rng import numpy_generator
from tsrep.runs.folder import Run
from tsrep.signals import Panel
from tsrep.signals.convert import Policies
from tsrep.signals.resample import resample

AUGMENTED, RIGHT_PRECORDIAL = ("aVR", "aVL", "aVF"), ("V1", "V2", "V3")
SPELLED = {"I": "Lead I", "aVR": "AVR", "aVL": "avl", "V1": "c1", "V6": "v 6"}
AS_THE_CONTRACT_SAYS = Policies()
HEAD = ["form", "records", "largest difference", "RMS difference", "probability", "done by the contract"]


@dataclass(frozen=True, eq=False)
class Form:
    """Recordings in another form than the encoder was trained on.

    Attributes
    ----------
    name : str
    panel : Panel
    rows : int64 array
        Which of the recordings as trained they are.
    policies : Policies
    """

    name: str
    panel: Panel
    rows: NDArray[np.int64]
    policies: Policies = AS_THE_CONTRACT_SAYS


def forms_table(run: Run, records: Panel, root: Path) -> list[str]:
    """Lines of a table with a row for each form.

    Parameters
    ----------
    run : Run
        Of one seed, with a head.
    records : Panel
        PTB-XL at 100 Hz in mV, which is how the encoder was trained.
    root : Path
        Of PTB-XL, with the files of some recordings at 500 Hz.
    """
    plain = _panel(records, records.x, records.channels)
    as_trained = _outputs(run, plain, AS_THE_CONTRACT_SAYS)
    return table(HEAD, [_row(run, form, as_trained) for form in _forms(records, root)])


def _forms(records: Panel, root: Path) -> Iterator[Form]:
    x, every = records.x, np.arange(len(records))
    order = numpy_generator("transfer", "leads").permutation(len(records.channels))
    leads = [records.channels[k] for k in order]
    spelled = [SPELLED.get(lead, lead) for lead in leads]
    fine = resample(x, records.sfreq, 500)
    yield Form("leads shuffled and spelled otherwise", _panel(records, x[:, order], spelled), every)
    yield Form("in µV", _panel(records, 1000 * x, records.channels, unit="µV"), every)
    yield Form("at 500 Hz", _panel(records, fine, records.channels, sfreq=500), every)
    whole = _panel(records, 1000 * fine[:, order], spelled, sfreq=500, unit="µV")
    yield Form("at 500 Hz in µV, leads shuffled and spelled otherwise", whole, every)
    stored = tsrep.load({"name": "ptb-xl", "rate": 500}, root)
    rows = np.flatnonzero(np.isin(records.trial, stored.trial))
    yield Form("the official files at 500 Hz", stored.select(np.argsort(stored.trial)), rows)
    yield Form("without aVR, aVL and aVF", _without(records, AUGMENTED), every)
    yield Form("without V1, V2 and V3", _without(records, RIGHT_PRECORDIAL), every)
    zeros = Policies(missing_channels="zero")
    yield Form("the same, zeros allowed", _without(records, RIGHT_PRECORDIAL), every, zeros)


def _panel(like: Panel, x: NDArray[np.float32], channels: Sequence[str], **said: Any) -> Panel:
    """The same recordings with other signals, shape (record, channel, time)."""
    kept = ("sfreq", "unit", "modality", "classes", "label", "patient", "trial")
    return Panel.from_arrays(x, channels=channels, **({name: getattr(like, name) for name in kept} | said))


def _without(records: Panel, leads: tuple[str, ...]) -> Panel:
    kept = [k for k, name in enumerate(records.channels) if name not in leads]
    return _panel(records, records.x[:, kept], [records.channels[k] for k in kept])


@dataclass(frozen=True, eq=False)
class _Outputs:
    """Representations, shape (record, window, dim), probabilities, shape (record, class), and notes."""

    vectors: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    notes: tuple[str, ...]


def _outputs(run: Run, panel: Panel, policies: Policies) -> _Outputs:
    found = tsrep.embed(run, panel, policies=policies)
    probabilities = tsrep.predict(run, panel, **asdict(policies)).probabilities
    return _Outputs(found.x.reshape(len(panel), -1, found.x.shape[-1]), probabilities, found.notes)


def _row(run: Run, form: Form, as_trained: _Outputs) -> list[str]:
    said = [form.name, str(len(form.panel))]
    try:
        got = _outputs(run, form.panel, form.policies)
    except ContractError as error:
        return [*said, "–", "–", "–", f"refused: {error}"]
    want = as_trained.vectors[form.rows]
    gap = (got.vectors - want) / as_trained.vectors.std(axis=(0, 1))
    change = np.abs(got.probabilities - as_trained.probabilities[form.rows]).max()
    sizes = np.abs(gap).max(), np.sqrt((gap**2).mean()), change
    return [*said, *(f"{size:.2g}" for size in sizes), "; ".join(got.notes) or "nothing"]
