"""Conduct an audit: one encoder on one data set, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tsrep.errors import ConfigError, RunError
from tsrep.files import refuse_other_folder
from tsrep.runs.audit.block import Block
from tsrep.runs.audit.demographics import demographics
from tsrep.runs.audit.geometry import geometry
from tsrep.runs.audit.identity import identity
from tsrep.runs.audit.membership import membership
from tsrep.runs.audit.origin import origin
from tsrep.runs.audit.subgroups import subgroups
from tsrep.runs.audit.subject import Subject
from tsrep.runs.compare.conduct import about, entrants_of
from tsrep.runs.compare.entrant import Reader
from tsrep.runs.compare.outcome import Outcome, conducted, refuse_few_initialisations
from tsrep.runs.compare.table import Table
from tsrep.runs.label_evaluation import Tell

BLOCKS = (identity, origin, demographics, membership, subgroups, geometry)


@dataclass(frozen=True)
class Audit(Outcome):
    """What was found.

    Attributes
    ----------
    encoder, dataset : str
    about : dict
        Reference, weights, licence and citation of the encoder.
    facts : dict
        Which part, with how many recordings and patients; whether the signals were simulated.
    blocks : tuple of Block
    notes : tuple of str
        On signals, copies and recordings that were seen before.
    """

    kind = "audit"
    encoder: str
    dataset: str
    about: dict[str, Any]
    facts: dict[str, Any]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Block:
        """A block by its key, such as ``"identity"``."""
        return next(block for block in self.blocks if block.key == key)

    @property
    def encoders(self) -> list[str]:
        """The one."""
        return [self.encoder]

    @property
    def datasets(self) -> list[str]:
        """The one."""
        return [self.dataset]

    def content(self) -> dict[str, Any]:
        """All that was found."""
        return asdict(self)

    def lines(self) -> Iterator[dict[str, Any]]:
        """A line for each number."""
        for block in self.blocks:
            for row in block.rows:
                yield {"encoder": self.encoder, "dataset": self.dataset, "block": block.key, **asdict(row)}


def audit(table: Table, out: Path, *, overwrite: bool = False, progress: bool = True) -> Audit:
    """Ask of one encoder on one data set what it knows of people besides their labels.

    Parameters
    ----------
    table : Table
        Of one encoder and one data set.
    out : Path
        Folder of ``audit.json`` and ``audit.csv``.
    overwrite : bool
        Whether an audit that is there may be replaced.
    progress : bool
        Say on standard error what is being done.

    Raises
    ------
    ConfigError, DataError, SplitError, ContractError, RunError
        When encoder, data and settings do not go together; told before anything is embedded.
    """
    _refuse_unfit(table, out, overwrite=overwrite)
    return conducted(table, out, partial(_audited, table, progress), progress=progress)


def _audited(table: Table, progress: bool, tell: Tell) -> Audit:
    (entrant,) = entrants_of(table)
    sight = entrant.sees(table.datasets[0], table, read=Reader(progress=progress))
    subject = Subject(sight, tell)
    blocks = tuple(block(subject) for block in BLOCKS)
    facts = {
        "part": subject.part,
        "own": sight.shown.own,
        "recordings": len(subject.scored),
        "patients": len(set(subject.patient[subject.scored].tolist())),
        "copies left out": subject.copies,
        "random initialisations": len(subject.vectors.get("random initialisation", ())),
        "synthetic": sight.shown.prepared.records.synthetic,
        "split": sight.evaluation.split.how,
        "n_bootstrap": sight.evaluation.n_bootstrap,
        "seed": table.seed,
    }
    notes = (*table.warnings, *sight.shown.notes, *sight.shown.warnings, *sight.contamination.notes)
    return Audit(
        entrant.name, table.datasets[0].called, about(entrant), facts, blocks, tuple(dict.fromkeys(notes))
    )


def _refuse_unfit(table: Table, out: Path, *, overwrite: bool) -> None:
    refuse_other_folder(out, "audit.json")
    if (out / "audit.json").exists() and not overwrite:
        raise RunError(f"{out} holds an audit; give another --out, or --overwrite")
    for count, what in ((len(table.encoders), "encoder"), (len(table.datasets), "data set")):
        if count != 1:
            raise ConfigError(f"an audit is of one {what}, and {count or 'none'} are named; name one")
    if len(table.encoders[0].refs) != 1:
        raise ConfigError(
            "an audit is of one encoder, and several of one method are named; name one, such as RUN@0"
        )
    refuse_few_initialisations(table)
