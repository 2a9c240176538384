"""Predictions for recordings that nobody has labelled."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsrep.errors import RunError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.kept_head import Cell, KeptHead
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.predict.about import about
from tsrep.runs.predict.columns import Layout, Outcome
from tsrep.runs.predict.conversion import Conversion
from tsrep.runs.predict.encoding import Encoding, outcomes
from tsrep.runs.predict.memory import give_back_large_arrays
from tsrep.runs.predict.options import Options
from tsrep.runs.predict.output import Destination
from tsrep.runs.predict.reading import opened, read_ahead
from tsrep.runs.predict.sources import Recordings, Source, source_of
from tsrep.runs.predict.table import PredictionTable
from tsrep.runs.predict.tally import Tally
from tsrep.runs.references.reference import Reference, resolve

if TYPE_CHECKING:
    from tsrep.runs.folder import Run


@dataclass(eq=False)
class Session:
    """An encoder with a head, recordings for it, and what has become of them so far."""

    loaded: LoadedEncoder
    head: KeptHead
    source: Source
    options: Options
    layout: Layout
    tally: Tally
    began: float = field(default_factory=time.perf_counter)

    @classmethod
    def start(cls, encoder: Any, recordings: Recordings, options: Options) -> Session:
        """Open everything that can be wrong before anything is computed.

        Raises
        ------
        TsrepError
            When encoder, head, recordings and options do not go together.
        """
        loaded = encoder if isinstance(encoder, LoadedEncoder) else resolve(encoder).open()
        refuse_unfit(loaded)
        head = loaded.head(options.head)
        source = source_of(recordings, loaded, options.request, options.policies)
        layout = Layout(head, options.probabilities, options.calibration, source.targets)
        return cls(loaded, head, source, options, layout, Tally(options.policies.strict, options.max_failed))

    def outcomes(self, *, features: bool = False) -> Iterator[tuple[Outcome, Array | None]]:
        """What becomes of each recording, in order.

        Raises
        ------
        DataError
            When too many give no prediction.
        """
        options = self.options
        encode = Encoding(self.loaded, self.head, batch_size=options.batch_size, device=options.device)
        conversion = Conversion(self.loaded.contract, options.policies, self.loaded.ledger)
        read = read_ahead(self.source.recordings(), partial(opened, conversion=conversion), options.workers)
        for outcome, found in outcomes(self.tally.watched(read), encode, features=features):
            yield self.tally.counted(outcome), found
        self.tally.judge()

    def about(self) -> dict[str, Any]:
        """How the predictions were made."""
        seconds = time.perf_counter() - self.began
        return about(self.loaded, self.head, calibrated=self.options.calibration) | {
            "recordings": self.source.named,
            **self.tally.said,
            "seconds": round(seconds, 3),
        }


def predict(
    encoder: LoadedEncoder | Reference | Run | Path | str,
    recordings: Recordings,
    *,
    windows: bool = False,
    options: Options | None = None,
) -> PredictionTable:
    """Predict labels of recordings by an encoder and a head that was kept with it.

    Parameters
    ----------
    encoder : LoadedEncoder, Reference, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.
    recordings : str, Path, sequence of paths or Panel
        See :func:`tsrep.runs.predict.sources.source_of`.
    windows : bool
        Give a row for each window instead of one for each recording.
    options : Options, optional

    Returns
    -------
    PredictionTable
        One that cannot be predicted is a row that says why.

    Raises
    ------
    RunError
        When there is no head, or it is of other weights.
    DataError
        When there are no recordings, or too many give no prediction.
    ContractError
        When the encoder cannot be shown any of them.
    """
    session = Session.start(encoder, recordings, options or Options())
    layout = session.layout
    rows: list[tuple[Cell, ...]] = []
    for outcome, _ in session.outcomes():
        rows.extend(layout.window_rows(outcome) if windows else [layout.record_row(outcome)])
    return PredictionTable(layout.windows if windows else layout.records, rows, session.about())


def predict_to(
    destination: Destination,
    encoder: LoadedEncoder | Reference | Run | Path | str,
    recordings: Recordings,
    *,
    options: Options | None = None,
    said: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The same into files, in memory that does not grow with the number of recordings.

    Parameters
    ----------
    destination : Destination
    encoder, recordings, options
        See :func:`predict`.
    said : mapping, optional
        What the JSON file says besides, such as the command.

    Returns
    -------
    dict
        What the JSON file says.

    Raises
    ------
    TsrepError
        See :func:`predict`; also when a file exists or cannot be written. Nothing is written then.
    """
    destination.check()
    give_back_large_arrays()
    session = Session.start(encoder, recordings, options or Options())
    with destination.opened(session.layout) as files:
        for outcome, features in session.outcomes(features=destination.embed is not None):
            files.write(outcome, features)
        facts = dict(said or {}) | session.about()
        files.close(facts)
        destination.write_about(facts)
    return facts


def refuse_unfit(loaded: LoadedEncoder) -> None:
    """Refuse an encoder that labels of recordings cannot be predicted with.

    Raises
    ------
    RunError
    """
    if loaded.task == "series":
        raise RunError(f"{loaded.reference} was trained on a series; continue one with tsrep forecast")
    if loaded.stored is not None:
        raise RunError(
            f"{loaded.reference} holds vectors that were computed elsewhere, which says nothing of other "
            "recordings; score them with tsrep evaluate"
        )
