"""What a run asks of its task: to load, split, cut, score and describe data of one kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, TsrepError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.forecasts.spans import Part
from tsrep.evaluation.protocols.protocol import Protocol, outcome, protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.objectives.objective import Objective
from tsrep.registry import PROTOCOLS, SPLITS, Registry
from tsrep.runs.batches import across_chunks
from tsrep.runs.config import Configuration
from tsrep.runs.embed import Embeddings
from tsrep.runs.label_evaluation import Tell
from tsrep.runs.ledger import Ledger
from tsrep.runs.prepared import Prepared
from tsrep.runs.task.candidates import random_initialisations, trained
from tsrep.runs.task.needs import refuse_unmet_needs
from tsrep.runs.task.reading import read_data
from tsrep.runs.task.temperatures import low_temperatures
from tsrep.signals import Panel, Series
from tsrep.training.distributed import ALONE, Ranks
from tsrep.training.loop import Diagnose, ValidationScore

if TYPE_CHECKING:
    from pathlib import Path

    from tsrep.datasets.findings import Finding
    from tsrep.runs.folder import Run
    from tsrep.runs.loaded_encoder import LoadedEncoder
    from tsrep.signals.convert import Policies


def silent(_what: str) -> None:
    """Told what comes next, say nothing."""


class Task(ABC):
    """A configuration with all that depends on its kind of data.

    Parameters
    ----------
    config : Configuration
    ranks : Ranks
        Processes that take part in scoring.

    Attributes
    ----------
    name : str
        Of the kind, as data sets, split rules and protocols declare it.
    type : type
        Of the data.
    data, divided : str
        What the data are and how they are divided, for messages.
    maximises : bool
        Whether the validation score is larger for better weights by itself, and not minus an error.
    """

    name: ClassVar[str]
    type: ClassVar[type[Panel] | type[Series]]
    data: ClassVar[str]
    divided: ClassVar[str]
    maximises: ClassVar[bool]

    def __init__(self, config: Configuration, ranks: Ranks = ALONE) -> None:
        self.config, self.ranks = config, ranks
        self.objective = config.objective_class

    def load(self, *, progress: bool = True) -> Any:
        """The data set.

        Raises
        ------
        DataError
            When it is missing or broken.
        """
        return read_data(self.config, type(self), progress=progress)

    def prepare(self, *, progress: bool = True) -> Prepared:
        """Read the data, split and cut them, and standardise.

        Raises
        ------
        ConfigError, DataError, SplitError
            When settings and data do not go together.
        """
        return self.prepared(self.load(progress=progress))

    def check(self) -> None:
        """Check that split, protocols and objective go with the kind of the data, before any are read.

        Raises
        ------
        ConfigError
            Naming the first part that does not.
        """
        config, data = self.config, self.config.dataset.name
        if config.split is not None and SPLITS.entry(config.split.name).task != self.name:
            fitting = " or ".join(self._fitting(SPLITS))
            raise ConfigError(f"{data} is {self.divided}, not by {config.split.name}; use {fitting}")
        for protocol in config.evaluation.protocols:
            if PROTOCOLS.entry(protocol).task != self.name:
                raise ConfigError(
                    f"{data} is {self.data}, which the protocol {protocol} does not score; use "
                    f"{' or '.join(self._fitting(PROTOCOLS))}"
                )
            protocol_of(config.evaluation.of(protocol))
        if config.pretrain is not None:
            self._refuse_pretraining(config.pretrain.keep)

    def _refuse_pretraining(self, keep: str) -> None:
        if keep not in ("last", "loss"):
            raise ConfigError(
                f"pretrain.keep is {keep}, but pre-training by a contrast is not scored; set "
                "it to last or loss"
            )
        if self.objective.pretraining(self.config.objective) is None:
            raise ConfigError(
                f"pretrain trains by the contrast of an objective alone, and objective "
                f"{self.config.objective.name} has none; set objective.contrast or leave pretrain out"
            )

    def _fitting(self, registry: Registry) -> list[str]:
        """Names of what goes with this kind of data, without plug-ins that cannot be loaded."""
        found = []
        for name in registry.names():
            with suppress(ConfigError):
                found += [name] if registry.entry(name).task == self.name else []
        return found

    def refuse_unmet_needs(self, encoder: Encoder, objective: Objective, prepared: Prepared) -> None:
        """Check that the training part has what the objective contrasts, and that the score can choose.

        Raises
        ------
        ConfigError
            When there is nothing to train, samples are shorter than the encoder's stride, no trial or patient
            has two samples, there is one patient only, or no class of the validation part has both values;
            for a series also when a part is too short for a horizon, or the context for the encoder.
        """
        refuse_unmet_needs(self.config, encoder, objective, prepared)
        self._refuse_unscorable(encoder, prepared)

    @property
    @abstractmethod
    def judged_by(self) -> str:
        """What the validation score is of; scores of different things are not comparable.

        Raises
        ------
        ConfigError
            When the objective trains nothing that is judged.
        """

    @abstractmethod
    def prepared(self, data: Any) -> Prepared:
        """Data that were read, split, cut and standardised."""

    @abstractmethod
    def findings(self, data: Any, tell: Tell) -> tuple[list[Finding], TsrepError | None]:
        """What a look at the data finds, and what `tsrep fit` would refuse.

        Parameters
        ----------
        data : Panel or Series
        tell : callable
            Told what the data are and how they are cut and split.
        """

    @abstractmethod
    def validation_score(
        self, prepared: Any, objective: Objective, device: torch.device
    ) -> tuple[ValidationScore | None, str]:
        """The scores by which training may choose its weights, larger being better, and what the first is."""

    def diagnostics(self, prepared: Any, device: torch.device) -> Diagnose | None:
        """What every validation of training logs of representations; None where nothing."""
        del prepared, device
        return None

    @abstractmethod
    def evaluation(self, prepared: Any, tell: Tell, folder: Path | None = None) -> Any:
        """What protocols are given.

        Parameters
        ----------
        prepared : Prepared
        tell : callable
            Told in words what comes next.
        folder : Path, optional
            Where protocols that train keep their state.
        """

    def refuse_unscored(self, prepared: Any) -> None:
        """Check before training that every protocol of the configuration can score the data.

        Raises
        ------
        ConfigError, DataError
            When one cannot.
        """
        self._scorers(self.evaluation(prepared, silent))

    def _scorers(self, evaluation: Any) -> list[Protocol]:
        """Protocols of the configuration, each of which can score the data."""
        protocols = [
            protocol_of(self.config.evaluation.of(name)) for name in self.config.evaluation.protocols
        ]
        for protocol in protocols:
            protocol.refuse_unfit(evaluation)
        return protocols

    def score(self, candidates: Sequence[Candidate], evaluation: Any) -> Scores:
        """Scores under every protocol of the configuration, beside its baselines."""
        scores = Scores()
        for protocol in self._scorers(evaluation):
            scores += outcome(protocol, candidates, evaluation)
        return scores

    @abstractmethod
    def comparison(self, prepared: Any, configs: Sequence[Configuration], part: Part = "test") -> Any:
        """What a protocol is given to compare runs with all labels and all seeds.

        Parameters
        ----------
        prepared : Prepared
        configs : sequence of Configuration
            Of the runs of all methods, on the same data and split.
        part : {"test", "validation"}
            Where it is the validation part, models are chosen as they are for the test part.
        """

    def baseline_error(self, prepared: Any) -> float | None:
        """Validation error that others are relative to; None where the validation score is no error."""
        del prepared
        return None

    def evaluate(self, run: Run, prepared: Any, tell: Tell) -> Scores:
        """Scores of a finished run; what else the evaluation counts goes into its folder."""
        evaluation = self.evaluation(prepared, tell, run.path / "finetune")
        return self.score(self.candidates(run, prepared), evaluation)

    def take_part(self, prepared: Any) -> None:
        """Take part in the :meth:`evaluate` that the first process runs, until it has ended."""
        del prepared
        self.ranks.from_first(None)

    @abstractmethod
    def snapshot(self, run: Run, prepared: Any, device: torch.device) -> None:
        """Keep in a finished run's folder what only a reader of the run wants."""

    @classmethod
    @abstractmethod
    def embed(cls, loaded: LoadedEncoder, data: Any, batch_size: int, policies: Policies) -> Embeddings:
        """Representations of data of this kind by an encoder.

        Raises
        ------
        RunError, ContractError
            When the encoder takes data of another kind, or cannot be shown such signals.
        """

    def candidates(self, run: Run, prepared: Prepared) -> list[Candidate]:
        """What is scored: what was trained, and random initialisations of its architecture."""
        return [trained(run), random_initialisations(self.config, run, prepared.panel)]

    def warnings(self, prepared: Any) -> Iterator[str]:
        """What a user should know before training, a sentence each."""
        yield from low_temperatures(self.config.objective.model_dump(), "objective")
        if (chunks := across_chunks(self.config, prepared.panel)) is not None:
            yield chunks

    def ledger(self, prepared: Any) -> Ledger | None:
        """Fingerprints of what training sees; None where there can be none, or none are wanted."""
        del prepared
        return None

    def can_score(self, prepared: Any) -> bool:
        """Whether data say what protocols score, as those of recordings without labels do not."""
        del prepared
        return True

    def meaningless(self) -> list[str]:
        """Settings of the evaluation that mean nothing for such data."""
        return []

    @abstractmethod
    def _refuse_unscorable(self, encoder: Encoder, prepared: Any) -> None:
        """Refuse data that cannot be scored as the run will be."""
