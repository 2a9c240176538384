"""From a configuration to a run folder with a trained encoder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.files import write_json
from tsrep.forecasting.forecast import Forecast
from tsrep.registry import OBJECTIVES, SAMPLERS
from tsrep.runs.batches import across_chunks, with_sampler
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.choose import validation_score
from tsrep.runs.config import Configuration, configure
from tsrep.runs.config_files import write_config
from tsrep.runs.folder import Run
from tsrep.runs.intervals import write_intervals
from tsrep.runs.prepare import Prepared, prepare, refuse_unmet_needs
from tsrep.runs.prepare_series import PreparedSeries, some_steps_of_a_season
from tsrep.runs.pretrain import pretrain
from tsrep.runs.provenance import provenance
from tsrep.runs.snapshots import write_snapshots
from tsrep.sampling.batches import PanelTensors
from tsrep.signals.panel import Ints
from tsrep.signals.standardise import Scaler
from tsrep.training.distributed import Ranks, pick_device, process_group
from tsrep.training.hooks import Hook
from tsrep.training.loop import Outcome, Part, Trainer
from tsrep.training.progress import ProgressBar
from tsrep.training.tensorboard import TensorBoard, require_tensorboard


def fit(
    config: Configuration | Mapping[str, Any] | None = None,
    *,
    out: Path | str | None = None,
    resume: Path | str | None = None,
    root: Path | str | None = None,
    progress: bool = True,
    hooks: Sequence[Hook] = (),
    illustrate: bool = True,
) -> Run:
    """Pre-train an encoder.

    Parameters
    ----------
    config : configuration or plain values
        What is not said takes its default; the default data are a synthetic ECG cohort.
    out : Path, optional
        The run folder; by default ``runs/<dataset>-<objective>-<number>``.
    resume : Path, optional
        Continue the run in this folder, with its own configuration; on the CPU the weights become
        those of a run that was never stopped, bit for bit.
    root : Path, optional
        Where the data are, instead of what the configuration says; they may have moved before a resume.
    progress : bool
        Draw progress on standard error.
    hooks : sequence of Hook
        Further watchers.
    illustrate : bool
        Also make what only a reader of the run wants: its prediction intervals, or a map of its records and
        some of them to draw. Intervals that are missing are made when they are asked for.

    Returns
    -------
    Run

    Raises
    ------
    ConfigError, DataError, SplitError
        When settings and data do not go together; nothing is written then.
    RunError
        When the folder is taken, or what is to be resumed does not fit.
    Interrupted
        When stopped by the user; the state is saved.
    """
    before = None if resume is None else Run(resume)
    config = configure(config) if before is None else before.config
    if root is not None or config.root is not None:
        config = config.model_copy(update={"root": Path(root or config.root or "").expanduser().resolve()})
    device = pick_device(config.device)
    if config.training.tensorboard:
        require_tensorboard()
    with process_group(device) as ranks:
        prepared = _prepare_in_turn(config, progress, ranks)
        config = with_sampler(config, prepared.panel)
        for warning in _warnings(config, prepared) if progress and ranks.first else ():
            print(f"tsrep: {warning}", file=sys.stderr)
        encoder = new_encoder(config, prepared.panel, config.seed)
        objective = new_objective(config, encoder, prepared.panel, config.seed)
        refuse_unmet_needs(config, encoder, objective, prepared)
        train, validation = (
            training_part(config, prepared, index, device, ranks)
            for index in (prepared.split.train, prepared.split.validation)
        )
        if before is None:
            run = _new_run(config, prepared, encoder, device, out, ranks)
        else:
            run = before
            run.refuse_other_data(prepared)
        if not run.finished:
            pretraining = 0.0
            if config.pretrain is not None:
                watchers = [*hooks, *([ProgressBar("pre-training")] if progress and ranks.first else [])]
                first = config.model_copy(update={"training": config.pretrain})
                parts = (
                    training_part(first, prepared, prepared.split.train, device, ranks),
                    training_part(first, prepared, prepared.split.validation, device, ranks),
                )
                pretraining = pretrain(
                    config, config.pretrain, run, encoder, prepared, parts, watchers, ranks
                )
                objective.attach(encoder)
            if isinstance(objective, Forecast) and objective.frozen:
                encoder.requires_grad_(False)
            score, score_name = validation_score(config, prepared, device)
            trainer = Trainer(
                encoder,
                objective,
                train,
                validation,
                config.training,
                seed=config.seed,
                folder=run.path,
                score=score,
                score_name=score_name,
                hooks=_hooks(config, run, hooks, progress, ranks),
                ranks=ranks,
            )
            _finish(run, trainer.run(), pretraining, encoder, prepared.scaler, ranks)
            forecasts = isinstance(objective, Forecast) and objective.weight < 1
            if ranks.first and illustrate and forecasts and isinstance(prepared, PreparedSeries):
                write_intervals(run, prepared)
        drawn = not illustrate or (run.path / "examples.npz").exists()
        if ranks.first and isinstance(prepared, Prepared) and not drawn:
            write_snapshots(run.path, config, prepared, run.encoder().to(device), device)
        ranks.wait()
    return run


def _warnings(config: Configuration, prepared: Prepared | PreparedSeries) -> Iterator[str]:
    chunks = across_chunks(config, prepared.panel)
    seasons = (
        some_steps_of_a_season(config, prepared.records) if isinstance(prepared, PreparedSeries) else None
    )
    yield from (warning for warning in (chunks, seasons) if warning is not None)


def _prepare_in_turn(config: Configuration, progress: bool, ranks: Ranks) -> Prepared | PreparedSeries:
    """The first process decodes recordings; the others find them in the cache."""
    if not ranks.first:
        ranks.wait()
    prepared = prepare(config, progress=progress and ranks.first)
    if ranks.first:
        ranks.wait()
    return prepared


def _hooks(
    config: Configuration, run: Run, hooks: Sequence[Hook], progress: bool, ranks: Ranks
) -> list[Hook]:
    chosen = [*hooks]
    if progress and ranks.first:
        chosen.append(ProgressBar(config.objective.name))
    if config.training.tensorboard and ranks.first:
        chosen.append(TensorBoard(run.path / "tensorboard"))
    return chosen


def _finish(
    run: Run, outcome: Outcome, pretraining: float, encoder: Encoder, scaler: Scaler, ranks: Ranks
) -> None:
    if ranks.first:
        seconds = pretraining + outcome.seconds
        facts = run.provenance | {"seconds": seconds, "training": asdict(outcome)}
        write_json(run.path / "provenance.json", facts)
        run.write_encoder(encoder, scaler)


def training_part(
    config: Configuration,
    prepared: Prepared | PreparedSeries,
    index: Ints,
    device: torch.device,
    ranks: Ranks,
) -> Part:
    """Samples of a part in the batches that the objective wants."""
    panel = prepared.panel.select(index)
    default = OBJECTIVES.entry(config.objective.name).cls.sampler
    sampler = SAMPLERS.build(
        config.sampler or {"name": default},
        panel=panel,
        batch_size=config.training.batch_size,
        seed=config.seed,
        rank=ranks.rank,
        world=ranks.world,
    )
    return Part(PanelTensors(panel, device), sampler)


def _new_run(
    config: Configuration,
    prepared: Prepared | PreparedSeries,
    encoder: Encoder,
    device: torch.device,
    out: Path | str | None,
    ranks: Ranks,
) -> Run:
    """The folder with all that is known before training; made by the first process for all."""
    path = [str(out or _free_path(config))]
    if ranks.world > 1:
        distributed.broadcast_object_list(path)
    folder = Path(path[0])
    if ranks.first:
        if folder.is_file():
            raise RunError(f"{folder} is a file; give another --out, the name of a folder")
        if folder.exists() and any(folder.iterdir()):
            raise RunError(
                f"{folder} is not empty; give another --out, or --resume {folder} to go on with it"
            )
        parameters = sum(p.numel() for p in encoder.parameters())
        write_json(folder / "provenance.json", provenance(config, prepared, device, parameters))
        split = prepared.split
        write_json(folder / "split.json", {"how": split.how, "digest": split.digest, "counts": split.counts})
        write_config(folder / "config.yaml", config)
    ranks.wait()
    return Run(folder)


def _free_path(config: Configuration) -> Path:
    stem = config.name or f"{config.dataset.name}-{config.objective.name}"
    number = 1
    while (path := Path("runs") / f"{stem}-{number}").exists():
        number += 1
    return path
