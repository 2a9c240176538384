"""An encoder of the table, or several of one method, ready to be shown data."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.registry import DATASETS, explain
from tsrep.runs.compare.table import DataEntry, EncoderEntry, Table
from tsrep.runs.contamination import MOST, Contamination
from tsrep.runs.evaluate_other import refuse_unfit_protocols
from tsrep.runs.evaluate_other_panel import candidates
from tsrep.runs.label_evaluation import label_evaluation
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.other_data import OtherData
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.runs.references.reference import resolve
from tsrep.runs.shown import Shown, shown_to
from tsrep.runs.task import TASKS, read_data
from tsrep.runs.unseen import unseen
from tsrep.signals.panel import Panel, digest_of
from tsrep.signals.policies import Policies
from tsrep.training.distributed import pick_device


@dataclass(frozen=True, eq=False)
class Entrant:
    """What one row of the table is about.

    Attributes
    ----------
    name : str
        What the table calls it.
    encoders : tuple of LoadedEncoder
        Several of one method, or one.
    """

    name: str
    encoders: tuple[LoadedEncoder, ...]

    @classmethod
    def open(cls, entry: EncoderEntry) -> Entrant:
        """Load what an entry names; of a run of several seeds all of them.

        Raises
        ------
        RunError, ConfigError, ContractError
            When a reference names nothing, or the encoders of one entry want to be shown other things.
        """
        encoders = tuple(one for ref in entry.refs for one in resolve(ref).open_every_seed())
        first = encoders[0]
        name = entry.name or first.name or first.reference
        for other in encoders[1:]:
            if other.contract.digest != first.contract.digest:
                raise ConfigError(
                    f"{first.reference} and {other.reference} of {name} must be shown other things; put them "
                    "into entries of their own"
                )
        return cls(name, encoders).called(name)

    def called(self, name: str) -> Entrant:
        """The same under another name."""
        return Entrant(name, tuple(replace(one, name=name) for one in self.encoders))

    def sees(
        self, entry: DataEntry, table: Table, *, most: float | None = None, read: Reader | None = None
    ) -> Sight:
        """The data as these encoders must be shown them, and what of them they have seen before.

        Parameters
        ----------
        entry : DataEntry
        table : Table
        most : float
            Share of the scored recordings that may have been trained on and are left out, by default 1 %;
            more are kept and marked.
        read : Reader, optional
            Of data that others are shown too.

        Raises
        ------
        ConfigError, DataError, SplitError, ContractError, RunError
            When they do not go together.
        """
        first, data = self.encoders[0], self._data(entry, table)
        refuse_unfit_protocols(first, data)
        records = (read or Reader(progress=False))(data)
        shown = shown_to(first, data, records=records, undivided=entry.use == "test")
        prepared, found = self._without_seen(shown, data.evaluation.part, MOST if most is None else most)
        evaluation = label_evaluation(
            prepared.panel,
            prepared.split,
            data.evaluation,
            encoders=len(self.encoders),
            device=pick_device(table.device),
            seed=table.seed,
        )
        sight = Sight(self, data, replace(shown, prepared=prepared), evaluation, found)
        sight.candidates()  # vectors from elsewhere that are no numbers are told now
        return sight

    def _data(self, entry: DataEntry, table: Table) -> OtherData:
        evaluation = {
            "pool": self.encoders[0].pool,
            "protocols": list(table.protocols),
            "labels": list(table.labels),
            "subsample_by": list(table.subsample_by),
            "seeds": table.label_seeds,
        }
        values = {
            "seed": table.seed,
            "device": table.device,
            "dataset": dict(entry.dataset),
            "root": entry.root,
            "split": None if entry.split is None else dict(entry.split),
            "policies": dict(table.policies),
            "evaluation": evaluation | dict(table.evaluation),
        }
        try:
            return OtherData.model_validate(values)
        except ValidationError as error:
            raise ConfigError(f"{entry.called}: {explain(error)}") from error

    def _without_seen(
        self, shown: Shown, part: str | None, most: float
    ) -> tuple[PreparedPanel, Contamination]:
        """Without few recordings of the scored part that were trained on; many are kept and marked."""
        look = partial(
            unseen,
            shown.prepared,
            part,
            ledger_of(self.encoders),
            reference=self.name,
            own_split=shown.own,
            trained_on=sources_of(self.encoders[0]),
        )
        prepared, found = look(policy="keep")
        few = found.status == "seen" and found.exact + found.leads < most * found.of
        if few:
            with suppress(RunError):  # where shapes find all of it
                return look(policy="leave-out")
        return prepared, found


class Reader:
    """Reads each data set once.

    Parameters
    ----------
    progress : bool
        Show progress on standard error while recordings are decoded.
    """

    def __init__(self, *, progress: bool) -> None:
        self._progress = progress
        self._found: dict[tuple[str, Path | None], Panel] = {}

    def __call__(self, data: OtherData) -> Panel:
        """The recordings of a data set."""
        key = data.dataset.model_dump_json(), data.root
        if key not in self._found:
            task = TASKS[DATASETS.entry(data.dataset.name).task]
            self._found[key] = read_data(data, task, progress=self._progress)
        return self._found[key]


def ledger_of(encoders: Sequence[LoadedEncoder]) -> Ledger | None:
    """What any of them has seen; None where it is known of none."""
    known = [one.ledger for one in encoders if one.ledger is not None]
    if len(encoders) == 1:
        return encoders[0].ledger
    return Ledger().union(*known, complete=len(known) == len(encoders)) if known else None


def sources_of(encoder: LoadedEncoder) -> tuple[str, ...]:
    """Data sets that it is said to be trained on."""
    return encoder.contract.trained_on.sources


@dataclass(frozen=True, eq=False)
class Sight:
    """Data as an entrant is shown them."""

    entrant: Entrant
    data: OtherData
    shown: Shown
    evaluation: LabelEvaluation
    contamination: Contamination

    def candidates(self) -> Sequence[Candidate]:
        """The encoders as one method, and random initialisations of their architecture."""
        return candidates(self.entrant.encoders, self.data, self.shown)

    def patients(self, part: str) -> np.ndarray:
        """Patients of a part."""
        return np.unique(self.shown.prepared.panel.patient[getattr(self.evaluation.split, part)])

    @property
    def depends_on(self) -> dict[str, Any]:
        """What all numbers depend on, by digests."""
        prepared, evaluation = self.shown.prepared, self.evaluation
        return {
            "weights": [one.weights for one in self.entrant.encoders],
            "contract": self.entrant.encoders[0].contract.digest,
            "records": prepared.records.digest,
            "policies": asdict(Policies(**self.data.policies)),
            "split": evaluation.split.digest,
            "part": evaluation.part,
            "scored": digest_of(getattr(evaluation.split, evaluation.part)),  # without what was left out
            "seen": self.contamination.plain(),
            "whose": self.shown.whose,
            "random initialisation": self.entrant.encoders[0].has_random_initialisation,
            "seed": evaluation.seed,
            "label_seeds": evaluation.seeds,
            "n_bootstrap": evaluation.n_bootstrap,
            "aggregate": evaluation.aggregate,
            "credit": None if evaluation.of_credit is None else evaluation.credit,
            "pool": self.data.evaluation.pool,
            "vector": self._first_vector,
        }

    @property
    def _first_vector(self) -> str:
        """Size of a vector, as the code around foreign weights may change while they stay."""
        first = self.entrant.encoders[0].vectors(self.shown.prepared.panel.select(np.arange(1)))
        return f"{first.shape[1]} {np.abs(first).mean():.3g}"
