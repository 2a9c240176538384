"""What a run begins with: weights of a reference, kept in its folder until it is trained."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, RunError
from tsrep.objectives.objective import Objective
from tsrep.rng import initial_weights
from tsrep.runs.build import blank_encoder, new_encoder, new_objective
from tsrep.runs.config import Configuration
from tsrep.runs.init.objective import other_classes, start_all, start_matching
from tsrep.runs.init.settings import Init
from tsrep.runs.init.start import Started, refuse_other_architecture, start
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import Reference, resolve
from tsrep.signals import Panel
from tsrep.training.checkpoint import load_weights, save_weights
from tsrep.training.freezing import freeze, frozen_groups

FOLDER, WEIGHTS = "init", "weights.safetensors"
ENCODER, OBJECTIVE = "encoder.", "objective."


@dataclass(frozen=True, eq=False)
class Begun:
    """Encoder and objective as a run starts with them.

    Attributes
    ----------
    encoder : Encoder
        Its frozen layer groups ask for no gradient.
    objective : Objective
    taken : mapping of str to Tensor
        Weights of the objective that came from the reference.
    started : Started
    """

    encoder: Encoder
    objective: Objective
    taken: Mapping[str, Tensor]
    started: Started

    def save(self, folder: Path) -> None:
        """Keep the weights in the folder of a run, from which a training that is stopped starts again."""
        weights = {f"{ENCODER}{name}": value for name, value in self.encoder.state_dict().items()}
        weights |= {f"{OBJECTIVE}{name}": value for name, value in self.taken.items()}
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        save_weights(folder / FOLDER / WEIGHTS, weights)


class Drawn:
    """Random weights, drawn from the seed."""

    weights = None

    def begun(self, config: Configuration, panel: Panel) -> Begun:
        """Encoder and objective of a run."""
        encoder = new_encoder(config, panel, config.seed)
        return Begun(encoder, new_objective(config, encoder, panel, config.seed), {}, Started(0))

    def facts(self, started: Started) -> dict[str, Any]:
        """None, for ``provenance.json``."""
        del started
        return {}

    def save(self, begun: Begun, folder: Path) -> None:
        """Keep nothing, as the seed says it all."""


@dataclass(frozen=True, eq=False)
class FromReference:
    """The reference that a run starts from, opened.

    Attributes
    ----------
    init : Init
    reference : Reference
    loaded : LoadedEncoder
    """

    init: Init
    reference: Reference
    loaded: LoadedEncoder

    @property
    def weights(self) -> str:
        """Digest of its weights."""
        return self.loaded.weights

    def begun(self, config: Configuration, panel: Panel) -> Begun:
        """Encoder and objective of a run with what they have from the reference.

        Raises
        ------
        ConfigError, RunError
            When weights do not fit.
        """
        encoder = new_encoder(config, panel, config.seed)

        def drawn(name: str) -> Tensor:
            with initial_weights(config.seed, "init", name):
                weights: dict[str, Tensor] = blank_encoder(
                    config, len(panel.channels), panel.covariates
                ).state_dict()
                return weights[name]

        started = start(
            encoder, self.loaded, self.init, channels=panel.channels, draw=drawn, seed=config.seed
        )
        objective = new_objective(config, encoder, panel, config.seed)
        taken, told = self._objective(config, objective, panel)
        freeze(encoder, frozen_groups(encoder, self.init.freeze))
        objective = new_objective(config, encoder, panel, config.seed, taken)
        return Begun(encoder, objective, taken, started.with_objective(told, OBJECTIVE))

    def _objective(
        self, config: Configuration, objective: Objective, panel: Panel
    ) -> tuple[dict[str, Tensor], Started]:
        """Weights of the objective that come from the reference."""
        theirs, source = self._theirs, self.reference.text
        if self.init.what == "encoder" or (self.init.what == "all-matching" and theirs is None):
            return {}, Started(0)
        if theirs is None:
            raise ConfigError(
                f"{source} holds an encoder alone; give a run folder, or set init.what to encoder"
            )
        other = self._other_classes(panel) if "label" in objective.needs else None
        if self.init.what == "all-matching":
            if other is not None:
                return {}, Started(0, notes=(f"{other}; it starts fresh",))
            return start_matching(objective, theirs)
        name = self.loaded.recipe.get("objective", {}).get("name")
        if name != config.objective.name or other is not None:
            what = other or f"{source} was trained by {name}, and this run by {config.objective.name}"
            raise ConfigError(f"{what}; give its objective on its labels, or set init.what to encoder")
        taken = start_all(objective, theirs, source)
        return taken, Started(len(taken))

    @cached_property
    def _theirs(self) -> dict[str, Tensor] | None:
        """Weights of the objective of the reference, where they are at hand."""
        objective = self.loaded.objective(self.loaded.encoder)
        return None if objective is None else objective.state_dict()

    def _other_classes(self, panel: Panel) -> str | None:
        data = self.loaded.provenance.get("data", {})
        theirs = tuple(data.get("classes", ())), bool(data.get("multilabel"))
        return other_classes(theirs, (panel.classes, panel.multilabel), self.reference.text)

    def facts(self, started: Started) -> dict[str, Any]:
        """For ``provenance.json``: where the weights come from, and the chain of all before."""
        loaded = self.loaded
        here = {
            "reference": loaded.reference,
            "revision": loaded.provenance.get("revision"),
            "kind": self.reference.kind.name,
            "sha256_of_weights": loaded.weights,
            "contract": loaded.contract.digest,
            "licence": loaded.licence,
        }
        return {"init": here | asdict(started), "chain": [*loaded.provenance.get("chain", []), self._link]}

    @property
    def _link(self) -> dict[str, Any]:
        """The reference as a link of the chain."""
        loaded = self.loaded
        source = loaded.provenance.get("data", {}).get("source")
        return {
            "sha256_of_weights": loaded.weights,
            "sources": [source] if source else loaded.provenance.get("sources") or "unknown",
            "objective": loaded.recipe.get("objective", {}).get("name", "unknown"),
            "licence": loaded.licence,
            "learned_from": loaded.provenance.get("learned_from", []),
            "ledger": None if loaded.ledger is None else loaded.ledger.digest,
        }

    def save(self, begun: Begun, folder: Path) -> None:
        """Keep in the folder of a run what it begins with, and what its weights have seen before."""
        begun.save(folder)
        if self.loaded.ledger is not None:
            self.loaded.ledger.save(folder / FOLDER)


Beginning = Drawn | FromReference


def beginning(config: Configuration) -> Beginning:
    """What the runs of a configuration begin with.

    Raises
    ------
    ConfigError, RunError
        When the reference cannot be opened or has another architecture.
    """
    if config.init is None:
        return Drawn()
    reference = resolve(config.init.source)
    loaded = reference.open()
    refuse_other_architecture(config.encoder, loaded, config.init)
    return FromReference(config.init, reference, loaded)


def begun_before(config: Configuration, facts: Mapping[str, Any], folder: Path) -> Beginning:
    """What the seeds of a run that have not begun begin with, after others have.

    Parameters
    ----------
    config : Configuration
    facts : mapping
        Of the run's ``provenance.json``.
    folder : Path
        Of the run.

    Raises
    ------
    RunError
        When the reference has other weights than then.
    """
    start, then = beginning(config), facts.get("init", {}).get("sha256_of_weights")
    if start.weights != then:
        raise RunError(
            f"{config.init and config.init.source} has other weights than when {folder} was started from it; "
            "restore it, or start a new run"
        )
    return start


def begun_with(folder: Path, config: Configuration, panel: Panel) -> tuple[Encoder, Objective]:
    """Encoder and objective as the run in a folder started with them.

    Raises
    ------
    RunError
        When their weights are missing.
    """
    encoder = new_encoder(config, panel, config.seed)
    if config.init is None:
        return encoder, new_objective(config, encoder, panel, config.seed)
    weights = load_weights(folder / FOLDER / WEIGHTS)
    encoder.load_state_dict(_of(weights, ENCODER))
    freeze(encoder, frozen_groups(encoder, config.init.freeze))
    return encoder, new_objective(config, encoder, panel, config.seed, _of(weights, OBJECTIVE))


def forget(folder: Path) -> None:
    """Remove what a trained run began with."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _of(weights: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(part): value for name, value in weights.items() if name.startswith(part)}
