"""Scores of an encoder on data that it was not trained on, in a folder of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from tsrep.errors import ConfigError, RunError, TsrepError
from tsrep.evaluation.protocols.protocol import protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.files import write_json, write_text
from tsrep.registry import DATASETS, PROTOCOLS
from tsrep.runs.contamination import SeenPolicy
from tsrep.runs.evaluate import evaluating
from tsrep.runs.evaluate_other_panel import FINETUNE, OnPanel
from tsrep.runs.evaluate_other_series import OnSeries
from tsrep.runs.folder import Run
from tsrep.runs.label_evaluation import Tell
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.naming import short_name
from tsrep.runs.other_data import FILE, OtherData
from tsrep.runs.prepared import Prepared
from tsrep.runs.provenance import surroundings
from tsrep.runs.references.reference import Reference, resolve
from tsrep.training.distributed import pick_device


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
    encoders[0].refuse_other_task(task, data.dataset.name)
    _refuse_unfit_protocols(encoders[0], data)
    folder = Path(out) if out is not None else _free_folder(reference, data)
    judged = JUDGED[task](reference, encoders, data, seen=seen, progress=progress)
    facts = _facts(encoders, data) | judged.facts
    _refuse_taken(folder, facts)
    with _undone(folder), evaluating(progress) as tell:
        evaluation = judged.evaluation(folder, tell)
        _write_facts(folder, reference, data, judged.prepared, facts)
        judged.write(folder)
        scores = judged.scores(evaluation)
    if (folder / "scores.json").exists():
        scores = Scores.load(folder).updated(scores)
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
    folder: Path, reference: Reference, data: OtherData, prepared: Prepared, facts: dict[str, Any]
) -> None:
    """All of the folder that is known before anything is scored."""
    write_json(folder / "provenance.json", surroundings(pick_device(data.device)) | facts)
    write_json(folder / "split.json", prepared.split.facts)
    write_text(folder / FILE, data.to_yaml(encoder=str(reference)))


@contextmanager
def _undone(folder: Path) -> Iterator[None]:
    """A folder that a refusal or Ctrl-C leaves as it was, but for what is fine-tuned by then."""
    facts = [folder / name for name in ("provenance.json", "split.json", FILE)]
    before = {path: path.read_bytes() for path in facts if path.is_file()}
    try:
        yield
    except (TsrepError, KeyboardInterrupt):
        if not before and not (folder / FINETUNE).exists():
            shutil.rmtree(folder, ignore_errors=True)
        for path, content in before.items():
            path.write_bytes(content)
        raise


def _refuse_unfit_protocols(encoder: LoadedEncoder, data: OtherData) -> None:
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


def _refuse_taken(folder: Path, facts: dict[str, Any]) -> None:
    """Check that a folder is new, or has scores of the same encoder on the same data."""
    if folder.is_file():
        raise RunError(f"{folder} is a file; give another --out, the name of a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / FILE).is_file():
        raise RunError(f"{folder} holds something else than an evaluation; give another --out")
    for what, then, now in zip(
        DEPENDS_ON, _depends_on(_facts_before(folder)), _depends_on(facts), strict=True
    ):
        if then != now:
            raise RunError(f"{folder} has scores of {what}; give another --out")


def _depends_on(facts: dict[str, Any]) -> tuple[Any, ...]:
    """What scores of a folder must have in common, in the order of ``DEPENDS_ON``."""
    return facts["encoder"]["weights"], facts["data"]["digest"], facts["conversion"]


def _facts_before(folder: Path) -> dict[str, Any]:
    try:
        before: dict[str, Any] = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        _depends_on(before)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"provenance.json of {folder} is missing or broken; give another --out") from error
    return before


def _free_folder(reference: Reference, data: OtherData) -> Path:
    name = short_name(reference.text)
    paths = (Path("runs") / f"{name}-on-{data.dataset.name}-{number}" for number in count(1))
    return next(path for path in paths if not path.exists())
