"""Scores of an encoder on data that it was not trained on, in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.protocols.protocol import protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.files import write_json, write_text
from tsrep.reading import read_json, readable
from tsrep.registry import DATASETS, PROTOCOLS
from tsrep.runs.contamination import SeenPolicy
from tsrep.runs.evaluate import evaluating
from tsrep.runs.evaluate_other_panel import OnPanel
from tsrep.runs.evaluate_other_series import OnSeries
from tsrep.runs.folder import Run
from tsrep.runs.in_progress import begin, numbered, removed_if_faulty
from tsrep.runs.label_evaluation import Tell
from tsrep.runs.ledger import FILE as LEDGER
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.lock import locked
from tsrep.runs.manifest import SCORED, SHOWN, changing, refuse_changed, scores_so_far
from tsrep.runs.naming import PROVENANCE, SPLIT, short_name
from tsrep.runs.other_data import FILE, OtherData
from tsrep.runs.prepared import Prepared
from tsrep.runs.provenance import surroundings
from tsrep.runs.references.reference import Reference, resolve
from tsrep.training.distributed import ALONE, pick_device


def evaluate_other(
    encoder: Reference | Run | Path | str,
    dataset: Any,
    *,
    out: Path | str | None = None,
    protocols: Sequence[str] | None = None,
    labels: Sequence[float] | None = None,
    seeds: int | None = None,
    part: str | None = None,
    seen: SeenPolicy = "refuse",
    progress: bool = True,
    **settings: Any,
) -> tuple[Path, Scores]:
    """Score an encoder on any data of the kind that it was trained on; what it came from is left alone.

    All seeds of a run are scored together. Recordings are converted by the encoder's contract; a series is
    standardised on its own training part. Random initialisations are shown the same.

    Parameters
    ----------
    encoder : Reference, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.
    dataset : str or mapping
        Name of a data set, or its settings.
    out : Path, optional
        Folder of the scores, new or with scores of the same encoder on the same data; by default
        ``runs/<encoder>-on-<dataset>-<number>``.
    protocols, labels, seeds, part
        Instead of the evaluation settings of the encoder's run, or of the data set.
    seen : {"refuse", "leave-out", "keep"}
        What becomes of recordings that the encoder has seen; see
        :func:`tsrep.runs.contamination.check_seen`.
    progress : bool
        Say on standard error what is being done.
    **settings
        See :meth:`tsrep.runs.other_data.OtherData.of`.

    Returns
    -------
    Path
        The folder, with ``evaluation.yaml``, ``provenance.json``, ``split.json``, ``scores.json``,
        predictions, and the heads that were kept.
    Scores

    Raises
    ------
    ConfigError, DataError, SplitError, ContractError
        When settings, data and encoder do not go together; nothing is written then.
    RunError
        When the reference names nothing, or the folder is taken.
    """
    reference = resolve(encoder)
    encoders = reference.open_every_seed()
    given = {"protocols": protocols, "labels": labels, "seeds": seeds, "part": part}
    changes = {key: value for key, value in given.items() if value is not None}
    data = OtherData.of(encoders[0], dataset, evaluation=changes, **settings)
    task = DATASETS.entry(data.dataset.name).task
    refuse_unfit_protocols(encoders[0], data)
    name = f"{short_name(reference.text)}-on-{data.dataset.name}"
    folders = [Path(out)] if out is not None else numbered(name)
    judged = JUDGED[task](reference, encoders, data, seen=seen, progress=progress)
    facts = _facts(encoders, data) | judged.facts
    with ExitStack() as stack:
        if out is not None and _holds_scores(Path(out), facts):
            folder = Path(out)
            stack.enter_context(locked(folder, wait=True))
        else:
            fill = partial(_write_facts, reference=reference, data=data, prepared=judged.prepared)
            folder = begin(partial(fill, facts=facts), folders, ALONE, stack)
            stack.enter_context(removed_if_faulty(folder))
        before, tell = scores_so_far(folder), stack.enter_context(evaluating(progress))
        with changing(folder, *SHOWN, *SCORED, LEDGER):
            evaluation = judged.evaluation(folder, tell)
            judged.write(folder)
            scores = before.updated(judged.scores(evaluation))
            scores.save(folder, data.evaluation.keep_heads)
    return folder, scores


class Judged(Protocol):
    """Encoders on data of one kind, ready to be scored."""

    @property
    def prepared(self) -> Prepared:
        """The data as they are shown."""

    @property
    def facts(self) -> dict[str, Any]:
        """Of the data, for ``provenance.json``."""

    def evaluation(self, folder: Path, tell: Tell) -> Any:
        """What protocols are given."""

    def scores(self, evaluation: Any) -> Scores:
        """Scores under every protocol, each saying whose data they are on."""

    def write(self, folder: Path) -> None:
        """What the folder holds besides."""


DEPENDS_ON = ("another encoder", "other data", "another conversion")
JUDGED: Mapping[str, Callable[..., Judged]] = {"panel": OnPanel, "series": OnSeries}


def _facts(encoders: Sequence[LoadedEncoder], data: OtherData) -> dict[str, Any]:
    """What ``provenance.json`` says of the encoder."""
    first = encoders[0]
    return {
        "task": first.task,
        "encoder": {
            "reference": first.reference,
            "name": first.name or first.reference,
            "weights": [one.weights for one in encoders],
            "contract": first.contract.digest,
            "licence": first.licence,
            "source": first.provenance.get("data", {}).get("source", "unknown data"),
        },
        "seed": data.seed,
        "parameters": sum(p.numel() for p in first.encoder.parameters()),
    }


def _write_facts(
    folder: Path, *, reference: Reference, data: OtherData, prepared: Prepared, facts: dict[str, Any]
) -> None:
    """All of the folder that is known before anything is scored."""
    with changing(folder, PROVENANCE, SPLIT, FILE):
        write_json(folder / PROVENANCE, surroundings(pick_device(data.device)) | facts)
        write_json(folder / SPLIT, prepared.split.facts)
        write_text(folder / FILE, data.to_yaml(encoder=str(reference)))


def refuse_unfit_protocols(encoder: LoadedEncoder, data: OtherData) -> None:
    """Check that data are of the encoder's kind, and that every protocol scores them and trains no vectors.

    Raises
    ------
    ConfigError, RunError
    """
    encoder.refuse_other_task(DATASETS.entry(data.dataset.name).task, data.dataset.name)
    for name in data.evaluation.protocols:
        entry = PROTOCOLS.entry(name)
        if entry.task != encoder.task:
            raise ConfigError(
                f"protocol {name} does not score {data.dataset.name}; name another with --protocol"
            )
        if entry.cls.trains_encoder and encoder.stored is not None:
            raise ConfigError(
                f"protocol {name} trains the encoder, and {encoder.reference} holds vectors alone; use one "
                "such as probe"
            )
        protocol_of(data.evaluation.of(name))


def _holds_scores(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether a folder has scores of the same encoder on the same data; False where it is new."""
    if folder.is_file():
        raise RunError(f"{folder} is a file; give another --out, the name of a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return False
    if not (folder / FILE).is_file():
        raise RunError(f"{folder} holds something else than an evaluation; give another --out")
    for what, then, now in zip(
        DEPENDS_ON, _depends_on(_facts_before(folder)), _depends_on(facts), strict=True
    ):
        if then != now:
            raise RunError(f"{folder} has scores of {what}; give another --out")
    return True


def _depends_on(facts: dict[str, Any]) -> tuple[Any, ...]:
    """What scores of a folder must have in common, in the order of ``DEPENDS_ON``."""
    return facts["encoder"]["weights"], facts["data"]["digest"], facts["conversion"]


def _facts_before(folder: Path) -> dict[str, Any]:
    refuse_changed(folder, PROVENANCE)
    with readable(folder / PROVENANCE, "the provenance of scores", "restore it, or give another --out"):
        before = read_json(folder / PROVENANCE)
        _depends_on(before)
        return before
