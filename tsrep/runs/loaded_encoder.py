"""An encoder with all that travels with it, wherever it came from."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS, Pooling
from tsrep.errors import RunError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.kept import FOLDER, load_heads
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.objectives.objective import Objective
from tsrep.runs.architecture import Architecture
from tsrep.runs.evaluation_settings import checked_evaluation
from tsrep.signals import Panel
from tsrep.signals.convert import Converted, Policies, convert
from tsrep.training.distributed import pick_device

if TYPE_CHECKING:
    from tsrep.evaluation.heads.head import Head
    from tsrep.objectives.objective import Objective
    from tsrep.runs.ledger import Ledger
    from tsrep.signals.contract import SignalContract


def no_objective(_encoder: Encoder) -> None:
    """That of an encoder that came without one."""


DATA = {"panel": "labelled records", "series": "a series"}  # by the task that data sets declare


@dataclass(frozen=True, eq=False)
class LoadedEncoder:
    """An encoder, what it must be shown, what was fitted on it and what it was trained on.

    Nothing that is given one asks which kind of reference it was loaded from.

    Attributes
    ----------
    encoder : Encoder
        On the CPU, in evaluation mode.
    contract : SignalContract
        What the encoder must be shown.
    reference : str
        The text that named it.
    weights : str
        Digest of the encoder's weights; see :func:`tsrep.runs.weights.weights_digest`.
    name : str
        What its scores are called: of a run the objective, else the reference.
    heads : mapping of str to Head
        Kept heads by name; the first is used when none is named.
    ledger : Ledger or None
        Fingerprints of the recordings that it was trained on; None where that is not known.
    licence, citation, card : str
        Of the weights; empty where not known. The card is Markdown.
    provenance : mapping
        Versions, data and chain of ancestors.
    recipe : mapping
        Plain configuration of the run that trained it; empty where there is none.
    architecture : Architecture or None
        Settings of a registered encoder; None where somebody else's code made it.
    draw : callable or None
        From a seed to a random initialisation, where there is no ``architecture``.
    objective : callable
        From the encoder to the objective that it was trained with, or to None where it came without one.
    stored : callable or None
        Of vectors computed elsewhere: from a panel to one vector for each of its windows, shape
        (window, dim). The encoder then refuses to be called.
    shows : callable or None
        How recordings are shown where that depends on them and not on ``contract``: from recordings and
        policies to windows.
    """

    encoder: Encoder
    contract: SignalContract
    reference: str
    weights: str
    name: str = ""
    heads: Mapping[str, Head] = field(default_factory=dict)
    ledger: Ledger | None = None
    licence: str = ""
    citation: str = ""
    card: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    architecture: Architecture | None = None
    draw: Callable[[int], Encoder] | None = None
    objective: Callable[[Encoder], Objective | None] = no_objective
    stored: Callable[[Panel], Array] | None = None
    shows: Callable[[Panel, Policies], Converted] | None = None

    def head(self, name: str | None = None) -> Head:
        """A kept head.

        Parameters
        ----------
        name : str, optional
            By default the one that was kept as the best; or the folder of an evaluation on other data, of
            which the best is taken.

        Raises
        ------
        RunError
            When there is no head, none of that name, or it was fitted on other weights.
        """
        elsewhere = load_heads(Path(name) / FOLDER) if name else {}
        heads, name = (elsewhere, None) if elsewhere else (self.heads, name)
        if not heads:
            unlabelled = self.provenance.get("data", {}).get("classes") == []
            on = " --dataset LABELLED" if unlabelled else ""
            raise RunError(
                f"{self.reference} has no head; fit one with: tsrep evaluate {self.reference}{on} -p probe "
                "(one in another folder is named by --head FOLDER)"
            )
        wanted = name or next(iter(heads))
        if wanted not in heads:
            raise RunError(f"{self.reference} has no head {wanted}; it has {', '.join(heads)}")
        heads[wanted].refuse_other_encoder(self.weights)
        return heads[wanted]

    @property
    def pool(self) -> Pooling:
        """How vectors of time steps become one of a window, where a caller does not say."""
        pool: Pooling = self.recipe.get("evaluation", {}).get("pool", "max-mean")
        return pool

    @property
    def has_random_initialisation(self) -> bool:
        """Whether :meth:`untrained` can make one; there is none of an encoder without weights."""
        known = self.architecture is not None or self.draw is not None
        return known and any(True for _ in self.encoder.parameters())

    def untrained(self, seed: int) -> Encoder:
        """A random initialisation of the same architecture, for the same contract.

        Raises
        ------
        RunError
            When the architecture is not known.
        """
        draw = self.draw if self.architecture is None else self.architecture.drawn
        if draw is None:
            raise RunError(
                f"{self.reference} holds vectors or weights without an architecture, of which no random "
                "initialisation can be made"
            )
        return draw(seed).eval()

    @property
    def task(self) -> str:
        """Kind of data that it was trained on, as data sets declare it: ``"panel"`` or ``"series"``."""
        return str(self.provenance.get("task", "panel"))

    def refuse_other_task(self, task: str, data: str) -> None:
        """Check that data are of the kind that the encoder was trained on.

        Parameters
        ----------
        task : str
            Of the data.
        data : str
            What they are called.

        Raises
        ------
        RunError
        """
        if task != self.task:
            raise RunError(
                f"{self.reference} was trained on {DATA[self.task]}, and {data} is {DATA[task]}; choose an "
                "encoder for such data"
            )

    def shown(self, records: Panel, policies: Policies) -> Converted:
        """Windows of recordings as the encoder must be shown them.

        Parameters
        ----------
        records : Panel
            Whole recordings in their unit.
        policies : Policies

        Raises
        ------
        ContractError
            When the encoder cannot be shown such signals.
        """
        if self.shows is not None:
            return self.shows(records, policies)
        return convert(records, self.contract, policies)

    def vectors(self, windows: Panel, batch_size: int = 256) -> Array:
        """One vector for each window that :meth:`shown` gives, shape (window, dim)."""
        if self.stored is not None:
            return self.stored(windows)
        device = pick_device(self.device)
        encoder = copy.deepcopy(self.encoder).to(device)
        encoder.see(windows.channels)
        return embed(encoder, windows, pool=POOLS[self.pool], batch_size=batch_size, device=device)

    @property
    def encoder_name(self) -> str:
        """Of the architecture."""
        return type(self.encoder).__name__ if self.architecture is None else self.architecture.name

    @property
    def context(self) -> int:
        """Steps of a series that it is shown at once, where it forecasts by a ridge."""
        context: int = checked_evaluation(self.recipe.get("evaluation", {})).of("forecast").context
        return context

    @property
    def device(self) -> str:
        """Where it computes, unless a caller says."""
        return str(self.recipe.get("device", "auto"))

    def candidate(self, panel: Panel) -> Candidate:
        """The encoder as what a protocol scores on a panel of windows that its contract made."""
        name = self.name or self.reference
        if self.stored is not None:
            return Candidate.of_features(name, self.stored(panel))
        self.encoder.see(panel.channels)  # random initialisations take the names over
        return Candidate(name, "method", [self._model], weights=self.weights, contract=self.contract.digest)

    def control(self, seed: int, count: int) -> Candidate:
        """Random initialisations of the same architecture, of the seeds from ``seed`` on."""
        starts = [partial(self._start, seed + k) for k in range(count)]
        return Candidate(RANDOM_INIT, "control", starts)

    def _model(self) -> Model:
        return copy.deepcopy(self.encoder), None

    def _start(self, seed: int) -> Model:
        return self.untrained(seed), None
