"""What a run does with labelled recordings of patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tsrep.datasets.dataset import PATIENTS_UNKNOWN
from tsrep.datasets.tables.identifiers import look_alikes
from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, TsrepError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.forecasts.spans import Part
from tsrep.evaluation.labels.evaluation import LabelEvaluation, draw_name
from tsrep.evaluation.labels.metrics import classes_scored
from tsrep.evaluation.protocols.protocol import protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.objectives.objective import Objective
from tsrep.registry import PROTOCOLS
from tsrep.runs.build import new_encoder
from tsrep.runs.cohort_scores import keep_cohort_scores
from tsrep.runs.config import Configuration
from tsrep.runs.embed import Embeddings, embed_recordings
from tsrep.runs.label_evaluation import Tell, label_evaluation
from tsrep.runs.labels_used import labels_used
from tsrep.runs.ledger import Ledger
from tsrep.runs.ledger_of_run import ledger_of_parts
from tsrep.runs.prepare_panel import PreparedPanel, cut_windows, prepare_panel
from tsrep.runs.prepared import split_by_rule
from tsrep.runs.report_examples import write_snapshots
from tsrep.runs.task.needs import patients_known
from tsrep.runs.task.task import Task, silent
from tsrep.runs.trained import kept_models
from tsrep.runs.unseen import unseen_before
from tsrep.runs.validation_score import (
    PROBE_NAME,
    labelled_parts,
    probe_score,
)
from tsrep.signals import Panel
from tsrep.signals.quality import told
from tsrep.splits.split import Split
from tsrep.text import plural
from tsrep.training.diagnostics import Diagnostics
from tsrep.training.distributed import pick_device
from tsrep.training.loop import Diagnose, ValidationScore

if TYPE_CHECKING:
    from pathlib import Path

    from tsrep.datasets.findings import Finding
    from tsrep.runs.folder import Run
    from tsrep.runs.loaded_encoder import LoadedEncoder
    from tsrep.signals.convert import Policies


class PanelTask(Task):
    """Labelled recordings, scored on patients never seen."""

    name, type, maximises = "panel", Panel, True
    data, divided = "a panel of labelled samples", "divided by patients"

    @property
    def judged_by(self) -> str:
        """See :attr:`Task.judged_by`."""
        return "a probe of the representation"

    def check(self) -> None:
        """See :meth:`Task.check`."""
        super().check()
        if self.objective.forecasts:
            raise ConfigError(
                f"objective {self.config.objective.name} forecasts a series, and {self.config.dataset.name} "
                "is a panel of labelled samples; use another objective or a series such as etth1"
            )

        if self.config.training.keep == "score":
            raise ConfigError(
                f"training.keep is score, the error of forecasts, and {self.config.dataset.name} is "
                f"{self.data}; set it to last, probe or loss"
            )
        if self._keeps_by_draw:
            self._refuse_other_draws()

    @property
    def _keeps_by_draw(self) -> bool:
        return self.config.training.keep == "probe"

    def _refuse_other_draws(self) -> None:
        """Check that no protocol draws labels otherwise than the probe that chooses the epoch."""
        settings = self.config.evaluation
        for name in settings.protocols:
            if PROTOCOLS.entry(name).cls.fits_on_validation and min(settings.labels) < 1:
                raise ConfigError(
                    f"protocol {name} draws its labels from training and validation part together, so that "
                    "training.keep probe would choose by labels that it does not use; set "
                    "evaluation.labels to [1.0], or training.keep to last"
                )

    def candidates(self, run: Run, prepared: Any) -> list[Candidate]:
        """See :meth:`Task.candidates`; with one epoch for each draw of labels, where training kept so."""
        trained, control = super().candidates(run, prepared)
        if not self._keeps_by_draw:
            return [trained, control]
        trained = replace(trained, of_draw=[kept_models(one) for one in run.by_seed])
        evaluation = self.evaluation(prepared, silent)
        for fraction, by in evaluation.draws():  # refused now, and not after the first scores
            for seed in range(evaluation.seeds):
                trained.maker(seed, draw_name(fraction, by, evaluation.seed + seed))
        return [trained, control]

    def prepared(self, data: Panel) -> PreparedPanel:
        """See :meth:`Task.prepared`."""
        return prepare_panel(self.config, data)

    def ledger(self, prepared: PreparedPanel) -> Ledger | None:
        """See :meth:`Task.ledger`."""
        split = prepared.split
        return ledger_of_parts(self.config, prepared.records, prepared.panel, split.train, split.validation)

    def warnings(self, prepared: PreparedPanel) -> Iterator[str]:
        """See :meth:`Task.warnings`."""
        yield from super().warnings(prepared)
        yield from prepared.notes
        yield from told(prepared.records)
        if not self.can_score(prepared):
            yield "the recordings have no labels, so nothing is scored on them"
        yield from self._notes(prepared.split)
        yield from (f"{names} are taken for different patients" for names in look_alikes(prepared.records))

    def _notes(self, split: Split) -> tuple[str, ...]:
        """What a reader of scores should know of patients and parts."""
        return (*split.notes, *(() if patients_known(self.config) else (PATIENTS_UNKNOWN,)))

    def evaluate(self, run: Run, prepared: PreparedPanel, tell: Tell) -> Scores:
        """See :meth:`Task.evaluate`; without recordings that the weights a run began with had seen."""
        scores, settings = self._evaluate(run, prepared, tell), self.config.evaluation
        scores = replace(scores, notes=(*scores.notes, *labels_used(run.provenance)))
        keep_cohort_scores(run.path, prepared.records, scores, settings.n_bootstrap, self.config.seed)
        return scores

    def _evaluate(self, run: Run, prepared: PreparedPanel, tell: Tell) -> Scores:
        if not run.provenance.get("chain"):
            return super().evaluate(run, prepared, tell)
        ledger, part = Ledger.load(run.folders[0]), self.config.evaluation.part
        prepared, found = unseen_before(prepared, part, ledger, str(run.path))
        scores = super().evaluate(run, prepared, tell)
        marked = tuple(replace(score, contamination=found.plain()) for score in scores)
        return replace(scores, scores=marked, notes=(*scores.notes, *found.notes))

    def score(self, candidates: Sequence[Candidate], evaluation: LabelEvaluation) -> Scores:
        """See :meth:`Task.score`."""
        scores = super().score(candidates, evaluation)
        return replace(scores, notes=(*scores.notes, *self._notes(evaluation.split)))

    def findings(self, data: Panel, tell: Tell) -> tuple[list[Finding], TsrepError | None]:
        """See :meth:`Task.findings`."""
        from tsrep.datasets.check import check

        classes = f"{len(data.classes)} class{'es' * (len(data.classes) != 1)}"
        records = len(set(data.trial.tolist()))
        segments = f"{len(data):,} segments of " * (len(data) != records)
        tell(
            f"{data.source}: {segments}{records:,} records of {len(set(data.patient.tolist())):,} patients, "
            f"{plural(len(data.channels), 'channel')} at {data.sfreq:g} Hz, {classes}"
        )
        for line in _targets(data):
            tell(line)
        windows, split = data, None
        try:
            windows = cut_windows(self.config, data)
            split = split_by_rule(self.config, windows)
        except TsrepError as error:
            return check(windows, None), error
        tell(f"{len(windows):,} windows of {windows.length / windows.sfreq:g} s")
        counts = ", ".join(f"{n['patients']} {part}" for part, n in split.counts.items())
        tell(f"split: {split.how}; {counts} patients")
        if not patients_known(self.config):
            tell(PATIENTS_UNKNOWN)
        return check(windows, split), None

    def validation_score(
        self, prepared: PreparedPanel, objective: Objective, device: torch.device
    ) -> tuple[ValidationScore | None, str]:
        """See :meth:`Task.validation_score`."""
        del objective
        train, held = labelled_parts(prepared)
        if not (self.config.training.scored and len(train) and len(held)):
            return None, PROBE_NAME
        draws, judged = {"": train}, {"": held}
        if self._keeps_by_draw:  # a row with few labels chooses its epoch by as few of the validation part
            evaluation = self.evaluation(prepared, silent)
            draws, judged = evaluation.drawn(), evaluation.drawn("validation")
        return probe_score(self.config, prepared, draws, judged, device), PROBE_NAME

    def diagnostics(self, prepared: PreparedPanel, device: torch.device) -> Diagnose | None:
        """See :meth:`Task.diagnostics`; of some windows of validation patients."""
        config = self.config
        return Diagnostics.of(
            prepared.panel,
            prepared.split,
            pooling=config.evaluation.pool,
            seed=config.seed,
            device=device,
            amp=config.training.in_bfloat16,
        )

    def evaluation(self, prepared: PreparedPanel, tell: Tell, folder: Path | None = None) -> LabelEvaluation:
        """See :meth:`Task.evaluation`."""
        config = self.config
        return label_evaluation(
            prepared.panel,
            prepared.split,
            config.evaluation,
            encoders=config.seeds,
            device=pick_device(config.device),
            amp=config.training.in_bfloat16,
            ranks=self.ranks,
            seed=config.seed,
            compile=config.training.compiled,
            folder=folder,
            on_step=tell,
        )

    def take_part(self, prepared: PreparedPanel) -> None:
        """See :meth:`Task.take_part`; a part of the windows is embedded."""
        embed = self.evaluation(prepared, silent).embed
        assert embed is not None
        embed.take_part()

    def comparison(
        self, prepared: PreparedPanel, configs: Sequence[Configuration], part: Part = "test"
    ) -> LabelEvaluation:
        """See :meth:`Task.comparison`."""
        seeds, evaluation = len({config.seed for config in configs}), self.evaluation(prepared, silent)
        return replace(evaluation, part=part, as_for_test=True, fractions=(1.0,), seeds=seeds, heads=None)

    def snapshot(self, run: Run, prepared: PreparedPanel, device: torch.device) -> None:
        """A map of the records and some of them to plot."""
        if not (run.path / "examples.npz").exists():
            random = new_encoder(self.config, prepared.panel, self.config.seed)
            encoders = {"x": run.encoder(), "x_random": random}
            write_snapshots(run.path, prepared, encoders, self.config.evaluation.pool, device)

    @classmethod
    def embed(cls, loaded: LoadedEncoder, data: Panel, batch_size: int, policies: Policies) -> Embeddings:
        """See :meth:`Task.embed`; one vector a window."""
        loaded.refuse_other_task(cls.name, "what is to be embedded")
        return embed_recordings(loaded, data, batch_size, policies)

    def can_score(self, prepared: PreparedPanel) -> bool:
        """See :meth:`Task.can_score`."""
        protocols = [PROTOCOLS.entry(name).cls for name in self.config.evaluation.protocols]
        return bool(prepared.panel.classes) or not all(each.reads_classes for each in protocols)

    def _refuse_unscorable(self, encoder: Encoder, prepared: PreparedPanel) -> None:
        self.config.evaluation.refuse_several_classes(prepared.panel.multilabel)
        for name in self.config.evaluation.protocols:
            protocol_of(self.config.evaluation.of(name)).refuse_encoder(encoder, prepared.panel.sfreq)
        if prepared.panel.classes and (heads := self.config.evaluation.of_heads) is not None:
            heads.refuse_unfit(prepared.panel)
        if not self._keeps_by_draw:
            return
        train, held = map(prepared.panel.select, labelled_parts(prepared))
        if not len(train):
            raise ConfigError(
                "no label of the training part is known, so no probe can choose the epoch; "
                "give it other patients or set training.keep to last or loss"
            )
        if not classes_scored(held.label, len(held.classes), held.class_mask):
            raise ConfigError(
                "no class of the validation part has both values, so no probe can choose the epoch; "
                "give it other patients or set training.keep to last or loss"
            )


def _targets(data: Panel) -> Iterator[str]:
    """What the numbers to predict are, of how many records they are known, and between which values."""
    for column, (name, unit) in enumerate(zip(data.target_names, data.target_units, strict=True)):
        assert data.target is not None
        values = data.target[:, column]
        known = values[np.isfinite(values)]
        of = f"target {name}{f' ({unit})' * bool(unit)}: known of {len(known):,} of {len(data):,} records"
        yield f"{of}, {known.min():g} to {known.max():g}" if len(known) else of
