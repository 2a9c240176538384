"""Block 4: can one tell who was in the training part?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.audit.attributes import predicted_levels
from tsrep.evaluation.audit.membership import Attack, agreement, by_patient, minus_loss
from tsrep.evaluation.labels.aggregate import aggregated
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.rng import numpy_generator
from tsrep.runs.audit.block import MINUS_RANDOM, NAN, Block, Row, rows_of, told
from tsrep.runs.audit.subject import FEWEST, HAND, Subject
from tsrep.signals.panel import Ints

KEY, TITLE = "membership", "Membership: upper bound of what this test can say"
SILENT = (
    "It is no proof of privacy: other tests, with encoders trained on other people, find more; "
    "and members and others were not drawn at random by this test."
)
MOST = 150  # patients of each side
LOSS, AGREEMENT, BLIND = "minus the loss", "agreement of ten views", "control without the encoder"
TABLE = "Members (training part) against patients of the audited part"


def membership(subject: Subject) -> Block:
    """Score members and others by the objective's loss and by the agreement of views."""
    if (reason := _refused(subject)) is not None:
        return Block(KEY, TITLE, [reason], SILENT)
    at, member = _people(subject)
    blind = _blind(subject, at, member)
    if blind.low > 0.5 or blind.high < 0.5:
        says = (
            "Members and others differ in themselves: a classifier on amplitude and spectrum, "
            "without the encoder, tells "
            f"them apart with an AUROC of {told(blind)}. No result of the test is given."
        )
        return Block(KEY, TITLE, [says], SILENT, [blind])
    rows = [blind, *_attacked(subject, at, member)]
    return Block(KEY, TITLE, list(_says(rows)), SILENT, rows)


def _refused(subject: Subject) -> str | None:
    if not subject.sight.shown.own:
        return "Not measured: the encoder was not trained on these recordings, so that none is a member."
    if (
        min(len(np.unique(subject.patient[subject.recordings(part)])) for part in ("train", subject.part))
        < FEWEST
    ):
        return f"Not measured: training or {subject.part} part have fewer than {FEWEST} patients."
    return None


def _people(subject: Subject) -> tuple[Ints, Array]:
    """Recordings of members and others, and which patients, in the order of their numbers, are members."""
    generator = numpy_generator(subject.seed, "membership")
    sides = []
    for recordings in (subject.recordings("train"), subject.scored):
        patients = np.unique(subject.patient[recordings])
        some = generator.permutation(patients)[:MOST]
        kept = recordings[np.isin(subject.patient[recordings], some)]
        sides.append(kept[np.unique(subject.patient[kept], return_index=True)[1]])  # one recording of each
    at = np.sort(np.concatenate(sides))
    order = np.unique(subject.patient[at], return_index=True)[1]
    return at, np.isin(at[order], sides[0])


def _blind(subject: Subject, at: Ints, member: Array) -> Row:
    patient = subject.patient[at]
    people = np.unique(patient, return_inverse=True)[1]
    prob = predicted_levels(
        subject.vectors[HAND][0][at], member[people].astype(np.int64), people, seed=subject.seed
    )
    attack = Attack(by_patient(prob[:, 1], people), member)
    found = {HAND: subject.resampled_out_of_fold([attack], len(member))}
    n: dict[str, Any] = {"recordings": len(at), "patients": len(member)}
    (row,) = rows_of(TABLE, f"{BLIND}: AUROC", "auroc", found, chance=0.5, **n)
    return row


def _attacked(subject: Subject, at: Ints, member: Array) -> Iterator[Row]:
    people = np.unique(subject.patient[at], return_inverse=True)[1]
    n: dict[str, Any] = {"recordings": len(at), "patients": len(member)}
    for line, of in _scores(subject, at).items():
        found = {}
        for candidate in subject.sight.candidates():
            name = RANDOM_INIT if candidate.role == "control" else subject.name
            subject.tell(f"membership by {line}, {name}")
            encoder = candidate.model(0)[0].to(subject.sight.evaluation.device).eval()
            attack = Attack(by_patient(of(encoder), people), member)
            found[name] = subject.resampled([attack], len(member))
        yield from rows_of(TABLE, f"{line}: AUROC", "auroc", found, chance=0.5, **n)
        caption = f"{line}: share of members found at 1 % of others"
        # One or two others decide the threshold, so that no interval would hold.
        for row in rows_of(TABLE, caption, "tpr", found, chance=0.01, **n):
            if not row.of.endswith(MINUS_RANDOM):
                yield replace(row, low=NAN, high=NAN)


def _scores(subject: Subject, at: Ints) -> dict[str, Callable[[Encoder], Array]]:
    """Scores of recordings by an encoder, in the order of trials."""
    panel, evaluation, first = subject.panel, subject.sight.evaluation, subject.sight.entrant.encoders[0]
    index = np.flatnonzero(np.isin(panel.trial, panel.trials[at]))
    windows, objective = panel.select(index), first.objective(first.encoder)

    def agreeing(encoder: Encoder) -> Array:
        device, pooling = evaluation.device, evaluation.pool
        rows = agreement(encoder, objective, windows, pooling, seed=subject.seed, device=device)
        return aggregated(rows[:, None], windows.trial, "mean", multilabel=True)[:, 0]

    if objective is None or not len(evaluation.split.validation):
        return {AGREEMENT: agreeing}
    learned = objective.to(evaluation.device).eval()

    def losing(encoder: Encoder) -> Array:
        around, device = evaluation.split.validation, evaluation.device
        return minus_loss(encoder, learned, panel, index, around, seed=subject.seed, device=device)

    return {LOSS: losing, AGREEMENT: agreeing}


def _says(rows: list[Row]) -> Iterator[str]:
    for line in (LOSS, AGREEMENT):
        own = [row for row in rows if row.line == f"{line}: AUROC"]
        if own:
            encoder, *others = own
            beside = "; ".join(f"{row.of} {told(row)}" for row in others)
            yield f"By {line}, the AUROC of members against others is {told(encoder)}; {beside}; chance 0.5."
    blind = rows[0]
    yield f"Without the encoder, by amplitude and spectrum, the AUROC is {told(blind)}."
