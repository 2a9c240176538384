"""The training loop: one for every objective, to be read from top to bottom.

All randomness is a function of (seed, epoch, cursor, rank), so the stored position and the weights
are all that an interrupted run needs to continue bit for bit as if it had not stopped.
"""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.objectives.objective import Objective
from tsrep.rng import torch_generator
from tsrep.sampling.batches import PanelTensors
from tsrep.sampling.sampler import Sampler
from tsrep.signals import Batch
from tsrep.training.adamw import AdamW
from tsrep.training.averaging import Step, weight_average
from tsrep.training.distributed import Ranks
from tsrep.training.hooks import Hook, Plan
from tsrep.training.inner_optimisation import InnerOptimisations
from tsrep.training.interrupt import Interrupted, stop_requests
from tsrep.training.metric_log import MetricLog
from tsrep.training.running_terms import RunningTerms, refuse_non_finite
from tsrep.training.schedule import learning_rate
from tsrep.training.settings import TrainingSettings
from tsrep.training.state import Position, load_state, load_weights, save_state, save_weights

Score = Callable[[Encoder, Objective], float]


@dataclass(frozen=True)
class Part:
    """Samples of one part of the split and the order in which they are visited."""

    tensors: PanelTensors
    sampler: Sampler


@dataclass(frozen=True)
class Outcome:
    """How training ended.

    Attributes
    ----------
    epoch : int
        The epoch whose weights are kept (0 is the random start).
    value : float or None
        Their validation score or negative loss.
    epochs, steps : int
        Run in all.
    seconds : float
    """

    epoch: int
    value: float | None
    epochs: int
    steps: int
    seconds: float


class Trainer:
    """Trains an encoder and an objective in a folder.

    Parameters
    ----------
    encoder, objective : modules
        Changed in place; at the end they hold the weights kept.
    train, validation : Part
    settings : TrainingSettings
    seed : int
    folder : Path
        Gets ``state.pt``, ``weights.safetensors`` and ``metrics.jsonl``.
    score : callable or None
        ``score(encoder, objective) -> float``, larger is better, on validation patients only.
    score_name : str
    hooks : sequence of Hook
    ranks : Ranks
    """

    def __init__(
        self,
        encoder: Encoder,
        objective: Objective,
        train: Part,
        validation: Part,
        settings: TrainingSettings,
        *,
        seed: int,
        folder: Path,
        score: Score | None = None,
        score_name: str = "score",
        hooks: Sequence[Hook] = (),
        ranks: Ranks | None = None,
    ) -> None:
        self.train_part, self.validation_part = train, validation
        self.settings, self.seed, self.folder = settings, seed, folder
        self.score, self.score_name = score, score_name
        self.ranks = ranks or Ranks()
        self.device = train.tensors.device
        self.net = Step(encoder, objective).to(self.device)
        self.inner_optimisations = InnerOptimisations(self.net, settings, seed, self.device, self.ranks)
        weights = [p for p in self.net.parameters() if p.requires_grad]  # those of players no longer do
        self.optimizer = AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
        self.average = weight_average(self.net, settings)
        self.position = Position(world=self.ranks.world)
        self.terms = RunningTerms()
        self.hooks = list(hooks)
        self.epochs = settings.epochs - settings.skip_last_epoch
        self.total = self.epochs * len(train.sampler.epoch(1))
        objective.begin(self.total)
        self.state_file, self.weights_file = folder / "state.pt", folder / "weights.safetensors"

    def run(self) -> Outcome:
        """Train, from the stored state if there is one.

        Raises
        ------
        Interrupted
            On Ctrl-C or SIGTERM, after saving the state.
        RunError
            When the loss is not finite.
        """
        stored: dict[str, Any] = {
            "net": self.net,
            "optimizer": self.optimizer,
            **self.inner_optimisations.stored(),
        }
        if self.average is not None:
            stored["average"] = self.average
        if self.state_file.exists():
            self.position = load_state(self.state_file, **stored)
            if self.position.world != self.ranks.world:
                raise RunError(
                    f"{self.folder} was trained by {self.position.world} process(es); resume it with as many"
                )
            self.terms = RunningTerms.restore(self.position.terms, self.device)
        log = MetricLog(self.folder / "metrics.jsonl", self.position.log_bytes) if self.ranks.first else None
        if log is not None:
            self.hooks.insert(0, log)
        self._saved_at = self._resumed_at = time.monotonic()
        self._seconds_before = self.position.seconds
        self.parallel: nn.Module = self.net
        if self.ranks.world > 1:
            self.parallel = DistributedDataParallel(self.net)
        if self.settings.compile:
            self.net.encoder.compile()

        def save() -> None:
            self.position.seconds = self._seconds()
            self.position.terms = self.terms.stored()
            self.position.log_bytes = log.size if log is not None else 0
            if self.ranks.first:
                save_state(self.state_file, self.position, **stored)
            self._saved_at = time.monotonic()

        plan = Plan(self.epochs, self.total, self.position.step, len(self.train_part.tensors))
        self._tell("on_start", plan)
        try:
            with stop_requests() as stop:
                self._epochs(save, lambda: stop.made)
        finally:
            self._tell("on_end")
        self._load_kept()
        done = self.position
        return Outcome(done.best_epoch, done.best_value, done.epoch - 1, done.step, done.seconds)

    def _epochs(self, save: Callable[[], None], stop: Callable[[], bool]) -> None:
        at = self.position
        if at.step == 0 and at.epoch == 1 and at.cursor == 0:
            self._validate(0)
        while at.epoch <= self.epochs and not self._exhausted():
            batches = self.train_part.sampler.epoch(at.epoch)
            while at.cursor < len(batches):
                record = self._step(self.train_part.tensors.batch(batches[at.cursor]))
                at.cursor += 1
                at.step += 1
                self._tell("on_step", at.step)
                if record:
                    self._tell("on_record", record)
                if self._asked_to_stop(stop()):
                    save()
                    raise Interrupted(
                        f"stopped after step {at.step} of {self.total}, with the state saved; "
                        f"go on with: {shlex.join(['tsrep', 'fit', '--resume', str(self.folder)])}"
                    )
                if self.ranks.first and time.monotonic() - self._saved_at >= self.settings.save_seconds:
                    save()
            if at.epoch % self.settings.validate_every == 0 or at.epoch == self.epochs:
                self._validate(at.epoch)
            at.epoch, at.cursor = at.epoch + 1, 0
            save()

    def _step(self, batch: Batch) -> dict[str, Any] | None:
        """One update; returns a record for the log when one is due."""
        at, began = self.position, time.monotonic()
        rate = learning_rate(self.settings, at.step, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.net.train()
        self.inner_optimisations.move(batch, at, rate / self.settings.lr)
        key = (self.seed, "step", at.epoch, at.cursor, self.ranks.rank)
        generator = torch_generator(*key, device=self.device)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.amp):
            terms = self.parallel(batch, generator)
        loss = torch.stack(list(terms.values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip or math.inf)
        self.optimizer.step()
        self.net.objective.after_step()
        if self.average is not None:
            self.average.update_parameters(self.net)
        self.terms.add({**terms, "gradient": norm}, len(batch), time.monotonic() - began)
        if (at.step + 1) % self.settings.log_every:
            return None
        means, throughput = self.terms.flush(at.step + 1)
        return {
            "kind": "train",
            "epoch": at.epoch,
            "step": at.step + 1,
            "grad_norm": means.pop("gradient"),
            "loss": sum(means.values()),
            "terms": means,
            "lr": rate,
            "samples_per_s": self.ranks.world * throughput,
            "seconds": self._seconds(),
            **self.inner_optimisations.record(batch, at),
        }

    @torch.no_grad()
    def _validate(self, epoch: int) -> None:
        """Loss and score of the averaged weights on the validation part; the best are kept."""
        model = self._kept_model().eval()
        totals: dict[str, float] = {}
        batches = self.validation_part.sampler.epoch(0)
        for k, index in enumerate(batches):
            generator = torch_generator(self.seed, "validation", k, self.ranks.rank, device=self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.amp):
                terms = model(self.validation_part.tensors.batch(index), generator)
            for name, value in terms.items():
                totals[name] = totals.get(name, 0.0) + float(value) / len(batches)
        at = self.position
        totals = {name: self.ranks.mean(value) for name, value in totals.items()}
        refuse_non_finite({f"validation {name}": value for name, value in totals.items()}, at.step)
        score = None
        if self.score is not None:
            own = self.score(model.encoder, model.objective) if self.ranks.first else 0.0
            score = self.ranks.from_first(own)
        loss = sum(totals.values())
        score = None if score is None or math.isnan(score) else score
        value = {"best-score": score, "best-loss": -loss, "last": float(epoch)}[self.settings.checkpoint]
        if epoch > 0:
            self._keep_if_better(model, value, epoch)
        record = {"kind": "validation", "epoch": epoch, "step": at.step, "loss": loss, "terms": totals}
        if score is not None:
            record |= {"score": score, "score_name": self.score_name}
        self._tell("on_record", record | {"seconds": self._seconds()})

    def _keep_if_better(self, model: Step, value: float | None, epoch: int) -> None:
        """Keep the first of the best; without any value the last."""
        at = self.position
        if at.best_value is not None and (value is None or value <= at.best_value):
            at.idle += 1
            return
        at.best_value, at.best_epoch, at.idle = value, epoch, 0
        if self.ranks.first:
            save_weights(self.weights_file, model.state_dict())

    def _kept_model(self) -> Step:
        if self.average is None or int(self.average.n_averaged) == 0:
            return self.net
        module = self.average.module
        assert isinstance(module, Step)
        return module

    def _load_kept(self) -> None:
        self.ranks.wait()
        self.net.load_state_dict(load_weights(self.weights_file))
        self.net.eval()

    def _exhausted(self) -> bool:
        return self.settings.patience is not None and self.position.idle >= self.settings.patience

    def _asked_to_stop(self, asked: bool) -> bool:
        if self.ranks.world > 1 and self.position.step % self.settings.log_every:
            return False  # all processes must decide together, which is not worth a message each step
        return self.ranks.any(asked)

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._resumed_at

    def _tell(self, event: str, *details: Any) -> None:
        for hook in self.hooks if self.ranks.first else ():
            getattr(hook, event)(*details)
