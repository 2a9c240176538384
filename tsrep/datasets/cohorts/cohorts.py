"""Several data sets as one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Unpack, cast, get_args

import numpy as np
from pydantic import Field, ValidationError

from tsrep.datasets.cohorts.classes import Space, in_classes, joined_classes
from tsrep.datasets.cohorts.joining import joined
from tsrep.datasets.dataset import About, Dataset, Independence, ReadOptions
from tsrep.datasets.findings import counted
from tsrep.errors import ConfigError, ContractError, DataError, TsrepError
from tsrep.registry import DATASETS, SPLITS, explain, nearest
from tsrep.signals.contract import SignalContract, Window
from tsrep.signals.convert import convert
from tsrep.signals.panel import Panel
from tsrep.signals.policies import Policies

Use = Literal["all", "train", "test", "pretrain"]
NAME = re.compile(r"[a-z][a-z0-9_-]*")
TRAIN, VALIDATE, TEST = 1, 9, 10


@DATASETS.register("cohorts")
class Cohorts(Dataset):
    """Several data sets as one, brought to one signal contract and one list of classes.

    Parameters
    ----------
    of : mapping of str to mapping
        Settings of each data set by a name that is chosen here, with ``name`` of the data set, ``root``, its
        folder, and ``use``: ``"all"`` is divided as the data set is by itself; ``"train"`` has no test part;
        ``"test"`` is scored only; ``"pretrain"`` is trained on without its labels.
    labels : {"common", "union"}
        Classes that every cohort states, or that any does; what a cohort says nothing about is unknown.
    channels : tuple of str or None
        Of all; None takes those that all have, in the order of the first. Limb leads are derived.
    rate : float or None
        Hz; None takes the lowest.
    seconds : float or None
        Of a sample; None takes the shortest. Longer recordings are cut into several.

    Examples
    --------
    In a configuration::

        dataset:
          name: cohorts
          of:
            xl: {name: ptb-xl, root: /data/ptb-xl, task: scored}
            georgia: {name: cinc2021, root: /data/cinc, sources: [georgia], merge: harmonised, use: test}
    """

    about = About(
        title="Several data sets as one",
        licence="those of the data sets",
        default_split="official",
        independence="patient",
        notes=(
            "Settings of each data set stand under dataset.of with its folder as root. The folds are 1 for "
            "training, 9 for validation and 10 for the test."
        ),
    )

    def __init__(
        self,
        of: Mapping[str, Mapping[str, Any]],
        labels: Space = "common",
        channels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None,
        rate: Annotated[float, Field(gt=0)] | None = None,
        seconds: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        if len(of) < 2:
            raise ConfigError("dataset.of names fewer than two data sets; give two, or use the one itself")
        self.of, self.labels = of, labels
        self.channels, self.rate, self.seconds = channels, rate, seconds
        odd = next((name for name in of if not NAME.fullmatch(name)), None)
        if odd is not None:
            raise ConfigError(f"{odd!r} cannot name a cohort; use a-z, 0-9, - and _, with a letter first")
        self._refuse_shared()

    @cached_property
    def sets(self) -> dict[str, Dataset]:
        """The data sets by name.

        Raises
        ------
        ConfigError
            When one of their settings is unknown or out of range.
        """
        return {name: built(f"dataset.of.{name}", values) for name, values in self.of.items()}

    @property
    def independence(self) -> Independence:
        """Between recordings where one of the data sets does not know its patients."""
        kinds = {one.independence for one in self.sets.values()}
        return "recording" if "recording" in kinds else next(iter(kinds)) if len(kinds) == 1 else "patient"

    @property
    def holds(self) -> tuple[str, ...]:
        """Those of all."""
        return tuple(dict.fromkeys(held for one in self.sets.values() for held in one.holds))

    @property
    def kin(self) -> tuple[str, ...]:
        """Of all."""
        return tuple(dict.fromkeys(each for one in self.sets.values() for each in one.kin))

    def find(self, root: Path | str | None) -> Path:
        """Of no use: each data set has a folder of its own."""
        if root is not None:
            raise DataError(f"cohorts have no root of their own ({root}); set dataset.of.NAME.root for each")
        return Path()

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of all samples, with the cohort of each.

        Raises
        ------
        DataError
            When one cannot be read, or they do not go together.
        """
        del folder
        read = {name: self._read(name, options) for name in self.sets}
        alike = self._alike(read)
        classes = joined_classes(alike, self.labels)
        made: dict[str, Panel] = {}
        for name, panel in alike.items():
            chosen, left = in_classes(panel, classes)
            if not len(chosen):
                raise DataError(
                    f"no sample of cohort {name} has a class of {', '.join(classes)}; leave it out"
                )
            other = counted({"of a class that not all cohorts have": left}, "sample")
            made[name] = self._divided(name, replace(chosen, excluded=(*chosen.excluded, *other)))
        return joined(made, classes)

    def _read(self, name: str, options: ReadOptions) -> Panel:
        root = self.of[name].get("root")
        try:
            data = self.sets[name].load(root, **options)
        except TsrepError as error:
            raise type(error)(f"cohort {name}: {error}") from error
        return cast(Panel, data)

    def _alike(self, panels: Mapping[str, Panel]) -> dict[str, Panel]:
        """All with the same channels, rate, unit and length."""
        contract = self._contract(panels)
        alike = {}
        for name, panel in panels.items():
            try:
                converted = convert(panel, contract, Policies())
            except ContractError as error:
                raise DataError(f"cohort {name} cannot be brought to the others: {error}") from error
            alike[name] = replace(converted.panel, cache=panel.cache)
        return alike

    def _contract(self, panels: Mapping[str, Panel]) -> SignalContract:
        first = next(iter(panels.values()))
        channels = self.channels or tuple(
            c for c in first.channels if all(c in p.channels for p in panels.values())
        )
        if not channels:
            told = "; ".join(f"{name} has {', '.join(p.channels)}" for name, p in panels.items())
            raise DataError(f"the cohorts have no channel in common: {told}; set dataset.channels")
        slowest = min(panels, key=lambda name: panels[name].sfreq)
        rate = self.rate or panels[slowest].sfreq
        if rate > panels[slowest].sfreq:
            own = f"{panels[slowest].sfreq:g}"
            raise DataError(
                f"cohort {slowest} is sampled at {own} Hz and dataset.rate asks {rate:g} Hz; set it to {own} "
                "or less"
            )
        seconds = self.seconds or min(p.length / p.sfreq for p in panels.values())
        steps = round(seconds * rate)
        return SignalContract(
            modality=first.modality,
            channels=channels,
            reference="as recorded" if first.modality == "eeg" else None,
            sfreq=rate,
            unit=first.unit or "a.u.",
            filter=None,
            window=Window(steps=steps, seconds=steps / rate, least=steps, hop_seconds=steps / rate),
            missing_channels="derive" if first.modality == "ecg" else "refuse",
        )

    def _divided(self, name: str, panel: Panel) -> Panel:
        """The panel with the fold of each sample: 1, 9 or 10."""
        use: Use = self.of[name].get("use", "all")
        fold = np.full(len(panel), TEST if use == "test" else TRAIN)
        if use in ("all", "train"):
            split = SPLITS.build({"name": self.sets[name].default_split})(panel)
            fold[:] = 0  # left out by the rule, such as copies
            fold[split.train], fold[split.validation] = TRAIN, VALIDATE
            fold[split.test] = TEST if use == "all" else TRAIN
        known = np.zeros(panel.label.shape, bool) if use == "pretrain" else panel.known
        return replace(panel, fold=fold, known=known)

    def _refuse_shared(self) -> None:
        """Two cohorts with the same published recordings would score what they have seen."""
        held: dict[str, str] = {}
        for name, one in self.sets.items():
            for each in one.holds:
                if each in held:
                    raise ConfigError(
                        f"cohorts {held[each]} and {name} hold the same recordings, those of {each}; leave "
                        "one out"
                    )
                held[each] = name


def built(place: str, values: Mapping[str, Any]) -> Dataset:
    """A data set from its settings, which stand at a place of a configuration.

    Raises
    ------
    ConfigError
        Naming the first setting that is unknown or out of range.
    """
    if not isinstance(values, Mapping) or "name" not in values:
        raise ConfigError(f"{place} has no name of a data set; known: {', '.join(DATASETS.names())}")
    if values.get("use", "all") not in get_args(Use):
        raise ConfigError(
            f"{place}.use is {values['use']!r}; {nearest(str(values['use']), list(get_args(Use)))}"
        )
    own = {key: value for key, value in values.items() if key not in ("root", "use")}
    entry = DATASETS.entry(str(values["name"]))
    if entry.cls is Cohorts:
        raise ConfigError(f"{place} is cohorts again; name its data sets here")
    try:
        built: Dataset = DATASETS.build(entry.settings.model_validate(own))
    except ValidationError as error:
        raise ConfigError(f"{place}: {explain(error)}") from error
    if entry.task != "panel":
        raise ConfigError(f"{place} is a series, and recordings are wanted; leave it out")
    return built
