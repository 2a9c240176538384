"""From a configuration to a run folder with a trained encoder."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from tsrep.datasets.dataset import cache_folder
from tsrep.errors import ConfigError
from tsrep.files import write_json, write_text
from tsrep.runs.batches import with_sampler
from tsrep.runs.config import Configuration, configure, plain
from tsrep.runs.config_files import assemble, dump_config
from tsrep.runs.evaluate import score_on_ranks
from tsrep.runs.flow import FILE as FLOW
from tsrep.runs.folder import Run
from tsrep.runs.in_progress import begin, in_progress, refuse_taken, wanted_folders
from tsrep.runs.init.beginning import FOLDER as BEGUN
from tsrep.runs.init.beginning import (
    Beginning,
    Begun,
    beginning,
    begun_before,
    begun_with,
    forget,
)
from tsrep.runs.init.signals import with_channels
from tsrep.runs.ledger import FILE as LEDGER
from tsrep.runs.ledger_of_run import keep_ledger
from tsrep.runs.manifest import SHOWN, changing
from tsrep.runs.naming import CONTRACT, ENCODER_FILE, PROVENANCE, SPLIT, WEIGHTS
from tsrep.runs.prepared import Prepared
from tsrep.runs.pretrain import pretrain
from tsrep.runs.provenance import provenance
from tsrep.runs.resume import refuse_fewer_seeds, refuse_new_settings, resumed_with_all, with_seeds
from tsrep.runs.task import Task, task_of
from tsrep.runs.task.needs import refuse_missing_labels
from tsrep.runs.trained import write_encoder
from tsrep.runs.trained_by import trained_by
from tsrep.runs.training_parts import batches_of, both_parts
from tsrep.runs.unchanged import refuse_other_data
from tsrep.training.auto import settled
from tsrep.training.checkpoint import kept_file
from tsrep.training.collapse import CollapseWatch
from tsrep.training.distributed import Ranks, first_process, pick_device, process_group
from tsrep.training.estimate import Estimate
from tsrep.training.hooks import Hook, ProgressBar
from tsrep.training.loop import Trainer
from tsrep.training.trackers.tracker import require_tracker, tracking


def fit(
    config: Configuration | Mapping[str, Any] | None = None,
    *,
    seeds: int | None = None,
    out: Path | str | None = None,
    resume: Path | str | None = None,
    root: Path | str | None = None,
    device: str | None = None,
    progress: bool = True,
    hooks: Sequence[Hook] = (),
    illustrate: bool = True,
    evaluation: bool = False,
) -> Run:
    """Pre-train an encoder, or one for each of several seeds.

    Parameters
    ----------
    config : configuration or plain values
        What is not said takes its default; the default data are a synthetic ECG cohort.
    seeds : int, optional
        Encoders to train, each an ordinary run in the folder ``seeds`` of the run; the data are prepared
        once. Of a run that is resumed, how many it shall have from now on.
    out : Path, optional
        The run folder; by default ``runs/<dataset>-<objective>-<number>``.
    resume : Path, optional
        Resume the run in this folder, with its own configuration; on the CPU the weights become
        those of a run that was never stopped, bit for bit.
    root : Path, optional
        Where the data are, instead of what the configuration says; they may have moved before a resume.
    device : str, optional
        Where to train, instead of what the configuration says; it may be another after a resume.
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
        When the folder is taken, or what is to be resumed does not fit or has more seeds.
    Interrupted
        When stopped by the user; the state is saved.
    """
    before = None if resume is None else Run(resume)
    if before is not None:
        refuse_new_settings(before, config)
    config = configure(config) if before is None else before.config
    changes = {"seeds": seeds, "device": device}
    config = assemble(plain(config), {key: value for key, value in changes.items() if value is not None})
    if before is not None:
        refuse_fewer_seeds(before, config.seeds)
        if before.config.seeds == config.seeds and before.is_complete(evaluation):
            return before
    config = config.at(root or config.root)
    on = pick_device(config.device)
    if before is None and out is not None and first_process():
        refuse_taken(Path(out))
    if config.tracking is not None:
        require_tracker(config.tracking)
    with process_group(on) as ranks, in_progress(before, ranks) as training:
        progress = progress and ranks.first
        config = _settled(config, on, ranks, progress)
        task, prepared = _prepared(config, before, ranks, progress)
        config, start = task.config, _start(task, prepared, before, progress)
        evaluation = evaluation and task.can_score(prepared)
        if evaluation:
            task.refuse_unscored(prepared)
        new_run = partial(_new_run, prepared=prepared, start=start, device=on)
        run = before or training.begin(partial(new_run, task), wanted_folders(config, out))
        run = with_seeds(run, config.seeds, ranks)

        def train(one: Run, own: Task) -> None:
            if not one.finished:
                _train(one, own, prepared, hooks, progress, ranks, on)
            if ranks.first and illustrate:
                with changing(one.path, *SHOWN):
                    own.snapshot(one, prepared, on)

        _train_all(run, config, new_run, train, ranks)
        if evaluation:
            score_on_ranks(run, task, prepared, ranks, progress=progress)
        ranks.wait()
    return run


def _settled(config: Configuration, device: torch.device, ranks: Ranks, progress: bool) -> Configuration:
    """The configuration without what its training leaves to the machine, as the first process finds it."""
    phases = {"training": config.training, "pretrain": config.pretrain}
    asked = {name: one for name, one in phases.items() if one is not None}
    found = {name: settled(one, device, cache_folder(None)) for name, one in asked.items() if ranks.first}
    for note in dict.fromkeys(note for _, notes in found.values() for note in notes) if progress else ():
        print(f"tsrep: {note}", file=sys.stderr)
    told = ranks.from_first({name: (own.amp, own.compile) for name, (own, _) in found.items()})
    return config.model_copy(
        update={
            name: one.model_copy(update=dict(zip(("amp", "compile"), told[name], strict=True)))
            for name, one in asked.items()
        }
    )


def _prepared(
    config: Configuration, before: Run | None, ranks: Ranks, progress: bool
) -> tuple[Task, Prepared]:
    """The data of a run, and its configuration with what they decide."""
    if not ranks.first:  # the first process decodes recordings; the others find them in the cache
        ranks.wait()
    data = task_of(config).load(progress=progress)
    if ranks.first:
        ranks.wait()
    config = config if before is not None else with_channels(config, data)
    prepared = task_of(config).prepared(data)
    task = task_of(with_sampler(config, prepared.panel))
    for warning in task.warnings(prepared) if progress else ():
        print(f"tsrep: {warning}", file=sys.stderr)
    return task, prepared


def _start(task: Task, prepared: Prepared, before: Run | None, progress: bool) -> Callable[[], Beginning]:
    """What makes the weights that runs begin with, after a check that they can be trained."""
    config = task.config
    if before is not None:
        refuse_other_data(before, prepared)
        return cache(partial(begun_before, config, before.provenance, before.path))
    refuse_missing_labels(config, prepared)
    first = beginning(config)
    begun = first.begun(config, prepared.panel)
    for note in begun.started.notes if progress else ():
        print(f"tsrep: {note}", file=sys.stderr)
    _refuse_nothing_to_train(config, begun)
    task.refuse_unmet_needs(begun.encoder, begun.objective, prepared)
    return lambda: first


def _train_all(
    run: Run,
    config: Configuration,
    new_run: Callable[[Task, Path], None],
    train: Callable[[Run, Task], None],
    ranks: Ranks,
) -> None:
    """The encoder of every seed, and how long they took together."""
    for folder, own in zip(run.folders, map(task_of, config.by_seed), strict=True):
        # The first process says, as it may have made the folder before another looks.
        if ranks.from_first(not (folder / "config.yaml").is_file()):
            if ranks.first:
                shutil.rmtree(folder, ignore_errors=True)  # what was stopped before it had settings
            begin(partial(new_run, own), [folder], ranks)
        one = Run(folder)
        with resumed_with_all(run, one):
            train(one, own)
    if ranks.first and config.seeds > 1:
        seconds = math.fsum(one.provenance["seconds"] for one in run.by_seed)
        run.tell(seconds=seconds)


def _train(
    run: Run,
    task: Task,
    prepared: Prepared,
    hooks: Sequence[Hook],
    progress: bool,
    ranks: Ranks,
    device: torch.device,
) -> None:
    """Both phases of training, or the only one, and what they leave in the run's folder."""
    config, pretraining = task.config, 0.0
    encoder, objective = begun_with(run.path, config, prepared.panel)
    if config.pretrain is not None:
        watchers = [*hooks, *([ProgressBar("pre-training")] if progress else [])]
        first = config.model_copy(update={"training": config.pretrain})
        parts = both_parts(first, prepared, device, ranks)
        pretraining = pretrain(first, run, encoder, prepared, parts, watchers, ranks)
        objective.attach(encoder)
    objective.warm_start(
        encoder,
        *(batches_of(config, prepared, each) for each in (prepared.split.train, prepared.split.validation)),
    )
    if not objective.trains_encoder:
        encoder.requires_grad_(False)
    watchers = [*hooks, *([ProgressBar(config.objective.name)] if progress else [])]
    if progress:
        watchers.append(Estimate(device, 4 * sum(p.numel() for p in encoder.parameters())))
    if config.tracking is not None and ranks.first:
        watchers.append(tracking(config.tracking, run.path, plain(config)))
    watchers += [CollapseWatch(run.path / "metrics.jsonl")] if progress else []
    scored, score_name = task.validation_score(prepared, objective, device)
    trainer = Trainer(
        encoder,
        objective,
        *both_parts(config, prepared, device, ranks),
        config.training,
        seed=config.seed,
        folder=run.path,
        score=scored,
        score_name=score_name,
        diagnose=task.diagnostics(prepared, device),
        hooks=watchers,
        ranks=ranks,
    )
    outcome = trainer.run()
    if ranks.first:
        epochs = (str(file.relative_to(run.path)) for file in kept_file(run.path, 0).parent.glob("*"))
        with changing(run.path, WEIGHTS, *epochs):
            run.tell(seconds=pretraining + outcome.seconds, training=asdict(outcome))
        with changing(run.path, LEDGER, CONTRACT, ENCODER_FILE):
            keep_ledger(run.path, task.ledger(prepared), run.provenance, run.path / BEGUN)
            write_encoder(run, encoder, prepared)
        forget(run.path)
    ranks.wait()


def _new_run(
    task: Task, folder: Path, *, prepared: Prepared, start: Callable[[], Beginning], device: torch.device
) -> None:
    """All that is known before training, in a folder that is no run yet."""
    first = start()
    begun = first.begun(task.config, prepared.panel)
    parameters = sum(p.numel() for p in begun.encoder.parameters())
    told = provenance(task, prepared, device, parameters) | first.facts(begun.started)
    first.save(begun, folder)
    with changing(folder, PROVENANCE, SPLIT, FLOW, "config.yaml"):
        write_json(folder / PROVENANCE, told | {"settings": trained_by(task.config)})
        write_json(folder / SPLIT, prepared.split.facts)
        if flow := prepared.flow:
            write_json(folder / FLOW, flow)
        write_text(folder / "config.yaml", dump_config(task.config))


def _refuse_nothing_to_train(config: Configuration, begun: Begun) -> None:
    """Check that freezing leaves something to train."""
    trained = any(p.requires_grad for part in (begun.encoder, begun.objective) for p in part.parameters())
    if config.init is not None and config.init.freeze != "none" and not trained:
        raise ConfigError(
            f"init.freeze leaves nothing to train, as objective {config.objective.name} adds no weights; "
            "freeze fewer groups, or use an objective with a head such as supervised"
        )
