"""From a configuration to a run folder with a trained encoder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.files import write_json, write_text
from tsrep.objectives.objective import Objective
from tsrep.registry import SAMPLERS
from tsrep.runs.batches import with_sampler
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import Configuration, configure
from tsrep.runs.config_files import dump_config
from tsrep.runs.evaluate import score
from tsrep.runs.folder import Run, trained_by
from tsrep.runs.prepared import Prepared
from tsrep.runs.pretrain import pretrain
from tsrep.runs.provenance import provenance
from tsrep.runs.task import Task, task_of
from tsrep.sampling.batches import PanelTensors
from tsrep.signals.panel import Ints
from tsrep.training.distributed import Ranks, pick_device, process_group
from tsrep.training.hooks import Hook, ProgressBar, TensorBoard, require_tensorboard
from tsrep.training.loop import Part, Trainer


def fit(
    config: Configuration | Mapping[str, Any] | None = None,
    *,
    out: Path | str | None = None,
    resume: Path | str | None = None,
    root: Path | str | None = None,
    progress: bool = True,
    hooks: Sequence[Hook] = (),
    illustrate: bool = True,
    evaluation: bool = False,
) -> Run:
    """Pre-train an encoder.

    Parameters
    ----------
    config : configuration or plain values
        What is not said takes its default; the default data are a synthetic ECG cohort.
    out : Path, optional
        The run folder; by default ``runs/<dataset>-<objective>-<number>``.
    resume : Path, optional
        Resume the run in this folder, with its own configuration; on the CPU the weights become
        those of a run that was never stopped, bit for bit.
    root : Path, optional
        Where the data are, instead of what the configuration says; they may have moved before a resume.
    progress : bool
        Show progress on standard error.
    hooks : sequence of Hook
        Further watchers.
    illustrate : bool
        Also make what only a reader of the run wants: its prediction intervals, or a map of its records and
        some of them to plot. Intervals that are missing are made when they are asked for.
    evaluation : bool
        Score the encoder when it is trained, on the data as they were prepared for training.

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
    if before is not None:
        before.refuse_other_settings()
    config = configure(config) if before is None else before.config
    config = config.at(root or config.root)
    device = pick_device(config.device)
    if config.training.tensorboard:
        require_tensorboard()
    with process_group(device) as ranks:
        progress = progress and ranks.first
        if not ranks.first:  # the first process decodes recordings; the others find them in the cache
            ranks.wait()
        prepared = task_of(config).prepare(progress=progress)
        if ranks.first:
            ranks.wait()
        task = task_of(with_sampler(config, prepared.panel))
        config = task.config
        for warning in task.warnings(prepared) if progress else ():
            print(f"tsrep: {warning}", file=sys.stderr)
        encoder = new_encoder(config, prepared.panel, config.seed)
        objective = new_objective(config, encoder, prepared.panel, config.seed)
        task.refuse_unmet_needs(encoder, objective, prepared)
        if before is not None:
            before.refuse_other_data(prepared)
        if evaluation:
            task.evaluation(prepared, lambda _what: None)  # refuses before training what cannot be scored
        run = before or _new_run(task, prepared, encoder, device, out, ranks)
        if not run.finished:
            _train(run, task, prepared, encoder, objective, hooks, progress, ranks, device)
        if ranks.first and illustrate:
            task.snapshot(run, prepared, device)
        if ranks.first and evaluation:
            score(run, task, prepared, progress=progress)
        ranks.wait()
    return run


def _train(
    run: Run,
    task: Task,
    prepared: Prepared,
    encoder: Encoder,
    objective: Objective,
    hooks: Sequence[Hook],
    progress: bool,
    ranks: Ranks,
    device: torch.device,
) -> None:
    """Both phases of training, or the only one, and what they leave in the run's folder."""
    config, pretraining = task.config, 0.0
    if config.pretrain is not None:
        watchers = [*hooks, *([ProgressBar("pre-training")] if progress else [])]
        first = config.model_copy(update={"training": config.pretrain})
        parts = _parts(first, prepared, device, ranks)
        pretraining = pretrain(first, run, encoder, prepared, parts, watchers, ranks)
        objective.attach(encoder)
    if not objective.trains_encoder:
        encoder.requires_grad_(False)
    watchers = [*hooks, *([ProgressBar(config.objective.name)] if progress else [])]
    if config.training.tensorboard and ranks.first:
        watchers.append(TensorBoard(run.path / "tensorboard"))
    scored, score_name = task.validation_score(prepared, objective, device)
    trainer = Trainer(
        encoder,
        objective,
        *_parts(config, prepared, device, ranks),
        config.training,
        seed=config.seed,
        folder=run.path,
        score=scored,
        score_name=score_name,
        hooks=watchers,
        ranks=ranks,
    )
    outcome = trainer.run()
    if ranks.first:
        facts = {"seconds": pretraining + outcome.seconds, "training": asdict(outcome)}
        write_json(run.path / "provenance.json", run.provenance | facts)
        run.write_encoder(encoder, prepared.scaler)
    ranks.wait()


def _parts(
    config: Configuration, prepared: Prepared, device: torch.device, ranks: Ranks
) -> tuple[Part, Part]:
    """Training and validation part."""
    part = partial(training_part, config, prepared, device=device, ranks=ranks)
    return part(prepared.split.train), part(prepared.split.validation)


def training_part(
    config: Configuration,
    prepared: Prepared,
    index: Ints,
    device: torch.device,
    ranks: Ranks,
) -> Part:
    """Samples of a part in the batches that the objective wants."""
    if "label" in config.objective_class.needs:
        index = index[prepared.panel.labelled[index]]
    panel = prepared.panel.select(index)
    sampler = SAMPLERS.build(
        config.sampler or {"name": config.objective_class.sampler},
        panel=panel,
        batch_size=config.training.batch_size,
        seed=config.seed,
        rank=ranks.rank,
        world=ranks.world,
    )
    return Part(PanelTensors(panel, device), sampler)


def _new_run(
    task: Task,
    prepared: Prepared,
    encoder: Encoder,
    device: torch.device,
    out: Path | str | None,
    ranks: Ranks,
) -> Run:
    """The folder with all that is known before training; made by the first process for all."""
    config = task.config
    path = [str(out or _free_path(config))]
    if ranks.world > 1:
        distributed.broadcast_object_list(path)
    folder = Path(path[0])
    if ranks.first:
        if folder.is_file():
            raise RunError(f"{folder} is a file; give another --out, the name of a folder")
        if folder.exists() and any(folder.iterdir()):
            raise RunError(
                f"{folder} is not empty; give another --out, or resume the run in it with --resume {folder}"
            )
        parameters = sum(p.numel() for p in encoder.parameters())
        facts = provenance(task, prepared, device, parameters) | {"settings": trained_by(config)}
        write_json(folder / "provenance.json", facts)
        split = prepared.split
        write_json(folder / "split.json", {"how": split.how, "digest": split.digest, "counts": split.counts})
        write_text(folder / "config.yaml", dump_config(config))
    ranks.wait()
    return Run(folder)


def _free_path(config: Configuration) -> Path:
    stem = config.name or f"{config.dataset.name}-{config.objective.name}"
    paths = (Path("runs") / f"{stem}-{number}" for number in count(1))
    return next(path for path in paths if not path.exists())
