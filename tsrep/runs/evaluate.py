"""Scores of a finished run beside a random-initialised encoder and the majority."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from tsrep.encoders.pooling import POOLS
from tsrep.errors import ConfigError, SplitError
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.forecasts.forecast_scores import ForecastScores
from tsrep.evaluation.labels.aggregate import by_record
from tsrep.evaluation.labels.frozen import Settings, evaluate_features
from tsrep.evaluation.labels.label_fractions import SubsampleBy, subsample_labels
from tsrep.evaluation.labels.scoring import RANDOM_INIT, score
from tsrep.evaluation.predictions import Key, Predictions, mean_predictions
from tsrep.evaluation.scores import Score, Scores
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration, EvaluationSettings, plain
from tsrep.runs.config_files import assemble
from tsrep.runs.finetune import finetuned
from tsrep.runs.folder import Run
from tsrep.runs.forecast import forecast
from tsrep.runs.prepare import Prepared, prepare
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.training.distributed import pick_device

Tell = Callable[[str], None]


def evaluate(
    run: Run | Path | str,
    *,
    protocols: Sequence[str] | None = None,
    labels: Sequence[float] | None = None,
    seeds: int | None = None,
    part: str | None = None,
    root: Path | str | None = None,
    progress: bool = True,
) -> Scores | ForecastScores:
    """Score a run; ``scores.json`` and ``predictions.npz`` of its folder gain or replace what is scored.

    A run on a series is scored by forecasts instead, in ``forecast.json`` and ``forecast.npz``.

    Parameters
    ----------
    run : Run or path of a run folder
    protocols, labels, seeds, part
        Instead of the run's own evaluation settings.
    root : Path, optional
        Where the data are, if they have moved.
    progress : bool
        Say on standard error what is being fitted.

    Raises
    ------
    RunError
        When training has not ended or the data have changed.
    ConfigError
        When a setting is out of range.
    """
    run = run if isinstance(run, Run) else Run(run)
    given = {"protocols": protocols, "labels": labels, "seeds": seeds, "part": part}
    changes = {key: value for key, value in given.items() if value is not None}
    moved = {} if root is None else {"root": str(Path(root).expanduser().resolve())}
    config = assemble(plain(run.config), {"evaluation": changes}, moved)
    if labels is not None and "forecast" in config.evaluation.protocols:
        raise ConfigError(f"{run.path} is a run on a series, which has no labels to take fractions of")
    encoder = run.encoder()
    with _status(progress) as tell:
        tell("reading the data")
        prepared = prepare(config, progress=progress)
        run.refuse_other_data(prepared)
        if isinstance(prepared, PreparedSeries):
            return forecast(run, config, prepared, tell)
        scorer = _Scorer(run, config, prepared, tell)
        scores = scorer.frozen(encoder) + scorer.trained(encoder)
    merged = _merged(run.path, scores)
    merged.save(run.path)
    return merged


class _Scorer:
    """Evaluates one run with one configuration."""

    def __init__(self, run: Run, config: Configuration, prepared: Prepared, tell: Tell) -> None:
        self.run, self.config, self.prepared, self.tell = run, config, prepared, tell
        self.settings: EvaluationSettings = config.evaluation
        self.method: str = config.objective.name
        self.device = pick_device(config.device)
        default = "test" if len(prepared.split.test) else "validation"
        self.part: Any = self.settings.part or default
        if not len(getattr(prepared.split, self.part)):
            raise SplitError(f"the split ({prepared.split.how}) has no {self.part} part; score the other one")

    def frozen(self, encoder: torch.nn.Module) -> Scores:
        """Probe and k-NN on frozen features."""
        protocols: list[Any] = [p for p in self.settings.protocols if p != "finetune"]
        if not protocols:
            return Scores()
        self.tell("embedding")
        s = self.settings
        return evaluate_features(
            {
                self.method: self._features(encoder),
                RANDOM_INIT: [self._features(self._random(seed)) for seed in range(s.seeds)],
            },
            self.prepared.panel,
            self.prepared.split,
            protocols=protocols,
            fractions=s.labels,
            subsample_by=s.subsample_by,
            seeds=s.seeds,
            settings=Settings(
                part=self.part,
                C=s.C,
                scheme=s.scheme,
                aggregate=s.aggregate,
                n_bootstrap=s.n_bootstrap,
                seed=self.config.seed,
            ),
            on_step=self.tell,
        )

    def trained(self, encoder: torch.nn.Module) -> Scores:
        """Fine-tuning from the run's encoder and from random ones."""
        if "finetune" not in self.settings.protocols:
            return Scores()
        rows: list[Score] = []
        kept: dict[Key, Predictions] = {}
        weights = {name: value.clone() for name, value in encoder.state_dict().items()}
        for fraction in self.settings.labels:
            for by in self.settings.subsample_by if fraction < 1 else ("all",):
                starts: dict[str, dict[str, torch.Tensor] | None] = {RANDOM_INIT: None, self.method: weights}
                found = {name: self._over_seeds(name, start, fraction, by) for name, start in starts.items()}
                for name, (predictions, told) in found.items():
                    control = found[RANDOM_INIT][0] if name != RANDOM_INIT else None
                    rows += score(
                        predictions,
                        method=name,
                        protocol="finetune",
                        part=self.part,
                        labels=fraction,
                        subsample_by=by,
                        aggregate=self.settings.aggregate,
                        n_bootstrap=self.settings.n_bootstrap,
                        seed=self.config.seed,
                        control=control,
                        labelled=told[0],
                        labelled_patients=told[1],
                    )
                    if fraction == max(self.settings.labels):
                        records = [by_record(p, self.settings.aggregate) for p in predictions]
                        kept[name, "finetune", fraction, by, self.part] = mean_predictions(records)
        return Scores(tuple(rows), kept)

    def _over_seeds(
        self, name: str, start: dict[str, torch.Tensor] | None, fraction: float, by: Any
    ) -> tuple[list[Predictions], list[float]]:
        panel, split = self.prepared.panel, self.prepared.split
        predictions: list[Predictions] = []
        sizes: list[tuple[int, int]] = []
        for seed in range(self.settings.seeds):
            unit: SubsampleBy = "sample" if by == "all" else by
            labelled = subsample_labels(panel, split.train, fraction, unit, seed=self.config.seed + seed)
            sizes.append((len(labelled), len(np.unique(panel.patient[labelled]))))
            encoder = new_encoder(self.config, panel, self._random_seed(seed))
            if start is not None:
                encoder.load_state_dict(start)
            self.tell(f"fine-tuning {name}, {100 * fraction:g} % of labels by {by}, seed {seed}")
            settings = hashlib.sha256(self.settings.finetune.model_dump_json().encode()).hexdigest()[:8]
            key = f"{name}-{fraction:g}-{by}-{seed}-{self.part}-{settings}"
            predictions.append(
                finetuned(
                    self.config,
                    self.prepared,
                    encoder,
                    labelled,
                    getattr(split, self.part),
                    choose=self.part == "test",
                    seed=seed,
                    device=self.device,
                    folder=self.run.path / "finetune" / key,
                )
            )
        return predictions, np.mean(sizes, axis=0).tolist()

    def _features(self, encoder: Any) -> np.ndarray:
        pool = POOLS[self.settings.pool]
        moved = encoder.to(self.device)
        return embed(moved, self.prepared.panel, pool=pool, device=self.device, amp=self.config.training.amp)

    def _random(self, seed: int) -> torch.nn.Module:
        return new_encoder(self.config, self.prepared.panel, self._random_seed(seed))

    def _random_seed(self, seed: int) -> int:
        """The first random encoder is the one that the run started from."""
        return self.config.seed + seed


def _merged(folder: Path, new: Scores) -> Scores:
    """Earlier scores of the folder, with those that were scored again replaced."""
    if not (folder / "scores.json").exists():
        return new
    old = Scores.load(folder)
    again = {_identity(score) for score in new}
    kept = tuple(score for score in old if _identity(score) not in again)
    return Scores(kept + new.scores, old.predictions | new.predictions)


def _identity(score: Score) -> tuple[object, ...]:
    return score.method, score.protocol, score.part, score.unit, score.labels, score.subsample_by


@contextmanager
def _status(progress: bool) -> Iterator[Tell]:
    """A line on standard error that says what is going on, where a terminal can draw it."""
    console = Console(stderr=True)
    if not (progress and console.is_terminal):
        yield lambda _: None
        return
    with console.status("evaluating") as status:
        yield lambda what: status.update(f"evaluating: {what}")
