"""Encoders on labelled recordings that they were not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.protocols.protocol import outcome, protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.runs.contamination import Contamination, SeenPolicy
from tsrep.runs.label_evaluation import Tell, label_evaluation, random_starts
from tsrep.runs.ledger import Ledger
from tsrep.runs.ledger_of_run import is_public, records_of
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.other_data import OtherData
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.runs.references.reference import Reference
from tsrep.runs.report_examples import write_snapshots
from tsrep.runs.shown import Shown, shown_to
from tsrep.runs.unseen import unseen
from tsrep.training.distributed import pick_device

FINETUNE = "finetune"  # folder of encoders that are trained further, which an interruption leaves


class OnPanel:
    """Encoders on labelled recordings, converted by their contract.

    Parameters
    ----------
    reference : Reference
    encoders : sequence of LoadedEncoder
        Of all seeds.
    data : OtherData
    seen : {"refuse", "leave-out", "keep"}
    progress : bool
    """

    def __init__(
        self,
        reference: Reference,
        encoders: Sequence[LoadedEncoder],
        data: OtherData,
        *,
        seen: SeenPolicy,
        progress: bool,
    ) -> None:
        del reference
        self.encoders, self.data = encoders, data
        shown = shown_to(encoders[0], data, progress=progress)
        self.shown, self.found = _without_seen(encoders[0], data, shown, seen)

    @property
    def prepared(self) -> PreparedPanel:
        """The recordings, and windows as they are shown."""
        return self.shown.prepared

    @property
    def facts(self) -> dict[str, Any]:
        """For ``provenance.json``."""
        panel, shown = self.prepared.panel, self.shown
        return {
            "data": {"name": self.data.dataset.name} | self.prepared.facts,
            "window": {"seconds": panel.length / panel.sfreq, "standardise": "by the contract"},
            "whose": shown.whose,
            "conversion": list(shown.notes),
            "contamination": self.found.plain(),
            "unusable": [list(each) for each in shown.unusable],
        }

    def evaluation(self, folder: Path, tell: Tell) -> LabelEvaluation:
        """What protocols are given."""
        return label_evaluation(
            self.prepared.panel,
            self.prepared.split,
            self.data.evaluation,
            encoders=len(self.encoders),
            device=pick_device(self.data.device),
            seed=self.data.seed,
            folder=folder / FINETUNE,
            on_step=tell,
        )

    def scores(self, evaluation: LabelEvaluation) -> Scores:
        """Scores under every protocol, each saying whose data they are on."""
        scored, scores = candidates(self.encoders, self.data, self.shown), Scores()
        for name in self.data.evaluation.protocols:
            scores += outcome(protocol_of(self.data.evaluation.of(name)), scored, evaluation)
        told: dict[str, Any] = {"data": self.shown.whose, "contamination": self.found.plain()}
        marked = tuple(replace(score, **told) for score in scores)
        return replace(scores, scores=marked, notes=(*scores.notes, *self.shown.warnings))

    def write(self, folder: Path) -> None:
        """What was seen and is fitted on, a map of the records and some of them."""
        first = self.encoders[0]
        _keep_ledger(folder, first, self.data, self.shown)
        if first.stored is not None or (folder / "examples.npz").exists():
            return
        shows = {"x": first.encoder}
        if first.has_random_initialisation:
            shows["x_random"] = first.untrained(self.data.seed)
        for encoder in shows.values():
            encoder.see(self.prepared.panel.channels)
        write_snapshots(
            folder, self.prepared, shows, self.data.evaluation.pool, pick_device(self.data.device)
        )


def candidates(encoders: Sequence[LoadedEncoder], data: OtherData, shown: Shown) -> list[Candidate]:
    """The trained encoders as one method, and random initialisations where there can be any."""
    first, panel = encoders[0], shown.prepared.panel
    found = [first.candidate(panel)]
    if len(encoders) > 1:
        found = [replace(found[0], models=[m for one in encoders for m in one.candidate(panel).models])]
    if first.has_random_initialisation:
        found.append(first.control(data.seed, random_starts(len(encoders), data.evaluation)))
    return found


def _without_seen(
    encoder: LoadedEncoder, data: OtherData, shown: Shown, policy: SeenPolicy
) -> tuple[Shown, Contamination]:
    """The data without recordings of the scored part that the encoder has seen, and what was found."""
    prepared, found = unseen(
        shown.prepared,
        data.evaluation.part,
        encoder.ledger,
        reference=encoder.reference,
        policy=policy,
        own_split=shown.own,
        trained_on=encoder.contract.trained_on.sources,
    )
    return replace(shown, prepared=prepared, warnings=(*shown.warnings, *found.notes)), found


def _keep_ledger(folder: Path, encoder: LoadedEncoder, data: OtherData, shown: Shown) -> None:
    """What the encoder has seen, and the recordings whose labels the heads were fitted on and chosen by."""
    prepared, before = shown.prepared, encoder.ledger
    used = np.concatenate([prepared.split.train, prepared.split.validation])
    index = records_of(prepared.records, prepared.panel, used)
    labelled = Ledger.of(prepared.records, "labelled", index, public=is_public(data.dataset.name))
    every = Ledger().union(labelled, *([] if before is None else [before]), complete=before is not None)
    every.save(folder)
