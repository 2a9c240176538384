"""The outcome of a comparison: cells, costs and verdicts, as JSON and as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.cost import Cost
from tsrep.runs.compare.outcome import Outcome, score_lines
from tsrep.runs.compare.ranking import Ranking, ranking_of
from tsrep.runs.compare.verdicts import Verdict, against_random, between_encoders

FORMAT = "tsrep.comparison/1"


@dataclass(frozen=True, eq=False)
class Comparison(Outcome):
    """Encoders by data sets by protocols by fractions of labels.

    Attributes
    ----------
    cells : tuple of Scored
    costs : mapping of (encoder, data set) to Cost
    about : mapping of encoder to mapping
        What the page says of each encoder: reference, licence, citation, weights, number of encoders.
    notes : tuple of str
        What a reader should know of all of it.
    primary : str
        Encoder whose gain on the first data set is outside of Holm's correction.
    n_bootstrap, seed : int
        Of the resamples behind differences between encoders.
    """

    kind = "comparison"
    cells: tuple[Scored, ...]
    costs: Mapping[tuple[str, str], Cost]
    about: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()
    primary: str = ""
    n_bootstrap: int = 1000
    seed: int = 0

    @property
    def encoders(self) -> list[str]:
        """Names of the encoders, in the order of the table."""
        return list(dict.fromkeys(each.cell.encoder for each in self.cells))

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets, in the order of the table."""
        return list(dict.fromkeys(each.cell.dataset for each in self.cells))

    @property
    def protocols(self) -> list[str]:
        """Names of the protocols, the one of the verdicts first."""
        return list(dict.fromkeys(each.cell.protocol for each in self.cells))

    @property
    def columns(self) -> list[tuple[float, str]]:
        """Fractions of labels with what they are of, the largest first."""
        found = dict.fromkeys((each.cell.fraction, each.cell.subsample_by) for each in self.cells)
        return sorted(found, key=lambda column: -column[0])

    @property
    def leading(self) -> list[Scored]:
        """Cells of the first protocol and the first of :attr:`columns`, which verdicts are of."""
        first = self.protocols[0], *self.columns[0]
        return [each for each in self.cells if each.cell.place[2:] == first]

    def find(
        self, encoder: str, dataset: str, protocol: str, fraction: float, subsample_by: str
    ) -> Scored | None:
        """The cell at a place; None where there is none."""
        place = encoder, dataset, protocol, fraction, subsample_by
        return next((each for each in self.cells if each.cell.place == place), None)

    @cached_property
    def rankings(self) -> dict[str, Ranking]:
        """Encoders on each data set, the best first, on the records that all of them were scored on."""
        return {
            dataset: ranking_of(
                [each for each in self.leading if each.cell.dataset == dataset],
                n_bootstrap=self.n_bootstrap,
                seed=self.seed,
            )
            for dataset in dict.fromkeys(each.cell.dataset for each in self.leading)
        }

    @cached_property
    def gains(self) -> list[Verdict]:
        """Each encoder against random initialisations of its own architecture."""
        return against_random(self.leading, self.primary)

    @cached_property
    def pairs(self) -> list[Verdict]:
        """Every pair of encoders on each data set."""
        return between_encoders(self.leading, n_bootstrap=self.n_bootstrap, seed=self.seed)

    def content(self) -> dict[str, Any]:
        """All numbers with the keys of their cells."""
        return {
            "format": FORMAT,
            "encoders": self.about,
            "cells": [
                asdict(each.cell) | {"scores": [asdict(score) for score in each.scores]}
                for each in self.cells
            ],
            "costs": [
                {"encoder": encoder, "dataset": dataset} | cost.plain()
                for (encoder, dataset), cost in self.costs.items()
            ],
            "rankings": {name: asdict(ranking) for name, ranking in self.rankings.items()},
            "against random initialisations": [asdict(v) | {"verdict": v.word} for v in self.gains],
            "between encoders": [asdict(v) | {"verdict": v.word} for v in self.pairs],
            "notes": self.notes,
        }

    def lines(self) -> Iterator[dict[str, Any]]:
        """A line for each metric of each score."""
        gains = {(v.encoder, v.dataset): v for v in self.gains}
        places = {each.cell.place for each in self.leading}
        for each in self.cells:
            cell = each.cell
            verdict = gains.get((cell.encoder, cell.dataset)) if cell.place in places else None
            cost = self.costs.get((cell.encoder, cell.dataset))
            for leading, numbers in score_lines(each):
                found = {"p_holm": verdict.adjusted_p, "verdict": verdict.word} if verdict and leading else {}
                yield {
                    "encoder": cell.encoder,
                    "dataset": cell.dataset,
                    "protocol": cell.protocol,
                    "fraction": cell.fraction,
                    "subsample_by": cell.subsample_by,
                    **numbers,
                    **found,
                    "own_data": cell.own,
                    "seen": cell.seen,
                    "marked": cell.marked,
                    "parameters": cost.parameters if cost else "",
                    "gflop_per_10_s": cost.gflop if cost else "",
                    "seconds_per_1000_records": cost.seconds if cost else "",
                    "licence": self.about[cell.encoder].get("licence", ""),
                    "key": cell.key,
                }
