"""The training loop: one for every objective, to be read from top to bottom.

All randomness is a function of (seed, epoch, cursor, rank), so the stored position and the weights
are all that an interrupted run needs to continue bit for bit as if it had not stopped.
"""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from threading import Event
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
from tsrep.training.adamw import AdamW, layered_groups, parameter_groups, slow_parameters
from tsrep.training.averaging import RunningTerms, Step, weight_average
from tsrep.training.checkpoint import (
    Kept,
    Position,
    kept_file,
    load_state,
    load_weights,
    save_state,
    save_weights,
)
from tsrep.training.distributed import Ranks
from tsrep.training.freezing import Thawing, resting_parts
from tsrep.training.hooks import Hook, MetricLog, Plan
from tsrep.training.inner_optimisation import InnerOptimisations
from tsrep.training.interrupt import Interrupted, stop_requests
from tsrep.training.settings import TrainingSettings, learning_rate

ValidationScore = Callable[[Encoder, Objective], Mapping[str, float]]
Diagnose = Callable[[Encoder, Objective], Mapping[str, Any]]


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
        The epoch whose weights are kept.
    value : float or None
        Their validation score or negative loss.
    epochs, steps : int
        Run in all.
    seconds : float
    kept : mapping of str to int
        The epoch that is kept for each score with a name; see :func:`tsrep.training.checkpoint.kept_file`.
    """

    epoch: int
    value: float | None
    epochs: int
    steps: int
    seconds: float
    kept: Mapping[str, int]


@dataclass(eq=False)
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
        ``score(encoder, objective)`` gives scores by name, larger being better, on the validation part only.
        Each keeps an epoch of its own; the first stands for the run, and needs no name where it is alone.
    score_name : str
    diagnose : callable or None
        Gives what a validation logs besides, such as :class:`tsrep.training.diagnostics.Diagnostics`.
    hooks : sequence of Hook
    ranks : Ranks
    resumable : bool
        Whether the state is stored, so that an interrupted run goes on.
    """

    encoder: Encoder
    objective: Objective
    train: Part
    validation: Part
    settings: TrainingSettings
    _: KW_ONLY
    seed: int
    folder: Path
    score: ValidationScore | None = None
    score_name: str = "score"
    diagnose: Diagnose | None = None
    hooks: Sequence[Hook] = ()
    ranks: Ranks = field(default_factory=Ranks)
    resumable: bool = True

    def __post_init__(self) -> None:
        settings, self.device = self.settings, self.train.tensors.device
        self.net = Step(self.encoder, self.objective).to(self.device)
        # First: it takes its parameters out of those that ask for a gradient.
        self.inner = InnerOptimisations(self.net, settings, self.seed, self.device, self.ranks)
        weights = [p for p in self.net.parameters() if p.requires_grad]
        slow = slow_parameters(self.net)  # an objective may train an encoder of its own
        groups = (
            layered_groups(weights, self.encoder, slow, settings.lr, settings.layer_decay)
            if settings.layer_decay < 1
            else parameter_groups(weights, slow, settings.lr)
        )
        self.thawing = Thawing(self.encoder, settings.epochs) if settings.gradual else None
        self.optimizer = AdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay)
        self.average = weight_average(self.net, settings)
        self.position, self.terms = Position(world=self.ranks.world), RunningTerms()
        # What goes into the resumable state beside the position.
        stored = {"net": self.net, "optimizer": self.optimizer, "inner": self.inner, "terms": self.terms}
        self.stored = stored if self.average is None else stored | {"average": self.average}
        self.steps = settings.epochs * len(self.train.sampler.epoch(1))
        self.objective.begin(self.steps)
        self.state_file, self.weights_file = self.folder / "state.pt", self.folder / "weights.safetensors"

    def run(self) -> Outcome:
        """Train, from the stored state if there is one.

        Raises
        ------
        Interrupted
            On Ctrl-C or SIGTERM, after saving the state.
        RunError
            When the loss is not finite.
        """
        self._restore()
        log = MetricLog(self.folder / "metrics.jsonl", self.position.log_bytes) if self.ranks.first else None
        # The log comes before other hooks, which may read it.
        self.hooks = [log, *self.hooks] if log is not None else self.hooks
        self._saved_at = time.monotonic()
        self._began = self._saved_at - self.position.seconds  # as if it had never been interrupted
        if self.settings.compiled:  # replaces the forward pass, after the weights are loaded
            self.net.encoder.compile()

        def save() -> None:
            self.position.seconds = self._seconds()
            self.position.log_bytes = log.size if log is not None else 0
            if self.ranks.first and self.resumable:
                save_state(self.state_file, self.position, **self.stored)
                self._remove_outdated()  # only now, as an earlier state may still refer to it
            self._saved_at = time.monotonic()

        self._notify("on_start", Plan(self.settings.epochs, self.steps, self.position.step))
        try:
            with stop_requests() as stop:
                self._epochs(save, stop)
        finally:
            self._notify("on_end")
        self.ranks.wait()  # until the first process has written the weights kept
        self.net.load_state_dict(load_weights(self.weights_file))
        self.net.eval()
        at = self.position
        main = next(iter(at.kept.values()))
        kept = {name: one.epoch for name, one in at.kept.items() if name}
        return Outcome(main.epoch, main.value, at.epoch - 1, at.step, at.seconds, kept)

    def _epochs(self, save: Callable[[], None], stop: Event) -> None:
        at = self.position
        if at.step == 0:
            self._validate(0)  # where the curves start: the weights that training starts from
        self._wrap()
        while at.epoch <= self.settings.epochs and at.idle < (self.settings.patience or math.inf):
            batches = self.train.sampler.epoch(at.epoch)
            if self.thawing is not None:
                self.thawing.begin(at.epoch)
                self._wrap()
            while at.cursor < len(batches):
                record = self._step(self.train.tensors.batch(batches[at.cursor]), self._due(len(batches)))
                at.cursor += 1
                at.step += 1
                self._notify("on_step", at.step)
                if record:
                    self._notify("on_record", record)
                if self._asked_to_stop(stop):
                    save()
                    raise self._stopped()
                if self.ranks.first and time.monotonic() - self._saved_at >= self.settings.save_seconds:
                    save()
            validated = at.epoch % self.settings.validate_every == 0 or at.epoch == self.settings.epochs
            if validated:
                self._validate(at.epoch)
            at.epoch, at.cursor = at.epoch + 1, 0
            if validated:
                save()
            if self.ranks.any(stop.is_set()):  # asked for during validation, of the last epoch too
                save()
                raise self._stopped()

    def _stopped(self) -> Interrupted:
        resume = shlex.join(["tsrep", "fit", "--resume", str(self.folder)])
        return Interrupted(
            f"stopped after step {self.position.step} of {self.steps}, with the state saved; "
            f"resume with: {resume}"
        )

    def _wrap(self) -> None:
        """The forward pass for the weights that are trained now, which all processes must agree on."""
        self.resting = resting_parts(self.encoder)
        self.parallel: nn.Module = DistributedDataParallel(self.net) if self.ranks.world > 1 else self.net

    def _due(self, batches: int) -> bool:
        """Whether the next step has a line in the log: each so many, and the last of an epoch without any."""
        at, every = self.position, self.settings.log_every
        before = at.step - at.cursor  # steps of earlier epochs
        last = at.cursor + 1 == batches
        return (at.step + 1) % every == 0 or (last and (at.step + 1) // every == before // every)

    def _step(self, batch: Batch, due: bool) -> dict[str, Any] | None:
        """One update; returns a record for the log when one is due."""
        at, began = self.position, time.monotonic()
        rate = learning_rate(self.settings, at.step, self.steps)
        self.optimizer.set_rate(rate)
        self.net.train()
        # Inner optimisations first: the encoder then learns from an augmenter that has just seen it.
        self.inner.step(batch, at, rate / self.settings.lr)
        for part in self.resting:
            part.eval()
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            terms = self.parallel(batch, self._generator("step", at.epoch, at.cursor))
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip or math.inf)
        self.optimizer.step()
        self.net.objective.after_step()
        if self.average is not None:
            self.average.update_parameters(self.net)
        self.terms.add({**terms, "gradient": norm}, len(batch), time.monotonic() - began)
        if not due:
            return None  # nothing was read from the device, so nobody waited for it
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
            **self.inner.record(batch, at),
        }

    @torch.no_grad()
    def _validate(self, epoch: int) -> None:
        """Loss and score of the averaged weights on the validation part; the best are kept."""
        at, running = self.position, RunningTerms("validation ")
        model = self.net if self.average is None else self.average.module
        assert isinstance(model, Step)
        model.eval()
        for k, index in enumerate(self.validation.sampler.epoch(0)):
            # The same draws at each validation, so that losses differ by the weights alone.
            generator = self._generator("validation", k)
            with self._autocast():
                running.add(model(self.validation.tensors.batch(index), generator))
        terms = {name: self.ranks.mean(value) for name, value in running.flush(at.step)[0].items()}
        record = {"kind": "validation", "epoch": epoch, "step": at.step, "loss": sum(terms.values())}
        scores: Mapping[str, float | None] = {}
        if self.score is not None and self.settings.scored:
            # One process scores and tells the others, so that all keep the same weights.
            own = self.score(model.encoder, model.objective) if self.ranks.first else {}
            told = self.ranks.from_first(own)
            scores = {name: None if math.isnan(value) else value for name, value in told.items()}
        if (score := next(iter(scores.values()), None)) is not None:
            record |= {"score": score, "score_name": self.score_name}
        if self.diagnose is not None and self.ranks.first:
            record["diagnostics"] = self.diagnose(model.encoder, model.objective)
        if epoch > 0:  # what training starts from is a point of reference, never what is kept
            record |= self.optimizer.layer_rates()
            by = {"last": {"": float(epoch)}, "loss": {"": -sum(terms.values())}}
            self._keep(model, by.get(self.settings.keep) or scores or {"": None}, epoch)
        self._notify("on_record", record | {"terms": terms, "seconds": self._seconds()})

    def _keep(self, model: Step, values: Mapping[str, float | None], epoch: int) -> None:
        """Keep the first of the best of each value; without any value the last."""
        kept = self.position.kept
        for name, value in values.items():
            held = kept.setdefault(name, Kept())
            if held.value is not None and (value is None or value <= held.value):
                held.idle += 1
            else:
                kept[name] = Kept(value, epoch)
        if not self.ranks.first:
            return
        main, *others = kept.values()
        if main.epoch == epoch:
            save_weights(self.weights_file, model.state_dict())
        if any(one.epoch == epoch for one in others):
            save_weights(kept_file(self.folder, epoch), model.state_dict())

    def _remove_outdated(self) -> None:
        wanted = {kept_file(self.folder, one.epoch) for one in self.position.kept.values()}
        for path in set(kept_file(self.folder, 0).parent.glob("*.safetensors")) - wanted:
            path.unlink()

    def _restore(self) -> None:
        if not self.state_file.exists():
            return
        self.position = load_state(self.state_file, **self.stored)
        if self.position.world != self.ranks.world:
            raise RunError(
                f"{self.folder} was trained by {self.position.world} process(es); resume it with as many"
            )

    def _asked_to_stop(self, stop: Event) -> bool:
        if self.ranks.world > 1 and self.position.step % self.settings.log_every:
            return False  # all processes must decide together, which is not worth a message each step
        return self.ranks.any(stop.is_set())

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.in_bfloat16)

    def _generator(self, *what: Any) -> torch.Generator:
        return torch_generator(self.seed, *what, self.ranks.rank, device=self.device)

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _notify(self, event: str, *details: Any) -> None:
        for hook in self.hooks if self.ranks.first else ():
            getattr(hook, event)(*details)
