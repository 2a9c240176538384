"""The configuration of a run: one versioned tree, checked before any data are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, create_model, field_validator

from tsrep.errors import ConfigError
from tsrep.files import expanded
from tsrep.registry import (
    DATASETS,
    ENCODERS,
    OBJECTIVES,
    SAMPLERS,
    SPLITS,
    TRACKERS,
    Chosen,
    DeviceName,
    Registry,
    Settings,
    explain,
)
from tsrep.runs.evaluation_settings import checked_evaluation
from tsrep.runs.init.recipe import short_form, with_reference
from tsrep.runs.init.settings import Init
from tsrep.signals.contract import SignalContract
from tsrep.signals.standardise import Standardisation
from tsrep.signals.usable import Policy
from tsrep.training.settings import TrainingSettings

if TYPE_CHECKING:
    from tsrep.objectives.objective import Objective, TrainingWindows

DATASET, ENCODER, OBJECTIVE = "ptb-xl-sim", "dilated-conv", "comet"
PARTS = (("dataset", DATASETS, DATASET), ("objective", OBJECTIVES, OBJECTIVE))  # which have defaults
SERIES_DEFAULTS: Mapping[str, Any] = {
    "window": {"seconds": None, "standardise": "channel"},
    "encoder": {"name": "dilated-conv-ar"},
    "objective": {"name": "autotcl"},
    "training": {
        "epochs": 20,
        "batch_size": 32,
        "lr": 2e-4,
        "average": "uniform",
        "keep": "score",  # an error of forecasts, which needs no label
        "log_score": True,
        "validate_every": 5,
    },
    "evaluation": {"protocols": ["forecast"]},
}
SERIES = ("any series", SERIES_DEFAULTS)


class WindowSettings(Settings):
    """How records become samples."""

    seconds: Annotated[float, Field(gt=0)] | None = Field(
        2.5, description="length of a sample; null takes whole records"
    )
    hop_seconds: Annotated[float, Field(gt=0)] | None = Field(
        None, description="from one sample to the next; null means no overlap"
    )
    steps: Annotated[int, Field(ge=1)] | None = Field(
        None, description="length in time steps, instead of seconds; what a series is cut into"
    )
    hop_steps: Annotated[int, Field(ge=1)] | None = Field(None, description="likewise")
    standardise: Standardisation = Field("global", description="what to divide by; see the guide")


class ReportSettings(Settings):
    """What may stand on the page of a run."""

    identifiers: bool = Field(
        False, description="name records and patients and show their signals, though data are not public"
    )


class Configuration(Settings):
    """What a run is made from: parts by name with their settings, and how they are trained and scored."""

    version: Literal[1] = 1
    name: str | None = Field(None, pattern=r"^[\w.-]+$", description="of the run folder")
    seed: Annotated[int, Field(ge=0)] = 0
    seeds: Annotated[int, Field(ge=1)] = Field(
        1, description="encoders to train: one from seed, one from seed + 1, and so on"
    )
    device: DeviceName = "auto"
    dataset: Annotated[Any, Chosen(DATASETS, DATASET)] = DATASET
    root: Path | None = Field(None, description="folder of the data; null looks in the data cache")
    strict: bool = Field(False, description="refuse data with unreadable records instead of leaving them out")
    quality: Policy = Field(
        "mark",
        description="of recordings with faults: mark leaves out those without a lead that moves or with an "
        "infinite value, and tells the others; drop leaves out all but those with missing values; keep none",
    )
    ledger: Literal["full", "none"] = Field(
        "full", description="fingerprints of the recordings it is trained on, kept in the run's folder"
    )
    window: WindowSettings = WindowSettings()
    split: Annotated[Any, Chosen(SPLITS)] | None = Field(
        None, description="null takes the one that the data set has by default"
    )
    init: Init | None = Field(
        None, description="start from the weights of another encoder; null draws them from the seed"
    )
    contract: SignalContract | None = Field(
        None, description="what signals are converted to; null makes it of dataset, window and data"
    )
    encoder: Annotated[Any, Chosen(ENCODERS, ENCODER)] = ENCODER
    objective: Annotated[Any, Chosen(OBJECTIVES, OBJECTIVE)] = OBJECTIVE
    sampler: Annotated[Any, Chosen(SAMPLERS)] | None = Field(
        None, description="null takes the one that suits the objective"
    )
    pretrain: TrainingSettings | None = Field(
        None, description="first train by the contrast of objective forecast alone, so; null does not"
    )
    training: TrainingSettings = TrainingSettings()
    tracking: Annotated[Any, Chosen(TRACKERS)] | None = Field(
        None, description="also tell every number to this program; nothing is sent unless it is told to"
    )
    evaluation: Any = Field({}, description="what is scored, and how")
    report: ReportSettings = ReportSettings()

    @field_validator("evaluation", mode="before")
    @classmethod
    def _of_protocols(cls, value: Any) -> Any:
        """Checked with the settings of the protocols that are used."""
        return value if isinstance(value, BaseModel) else checked_evaluation(value)

    @property
    def objective_class(self) -> type[Objective]:
        """Class of the objective."""
        cls: type[Objective] = OBJECTIVES.entry(self.objective.name).cls
        return cls

    @property
    def training_windows(self) -> TrainingWindows | None:
        """How the objective wants a series cut; None where it leaves that to the run."""
        return self.objective_class.training_windows(self.objective)

    @property
    def by_seed(self) -> tuple[Configuration, ...]:
        """Of the run of each encoder, which are ordinary runs."""
        changes = ({"seed": self.seed + k, "seeds": 1} for k in range(self.seeds))
        return tuple(self.model_copy(update=each) for each in changes)

    def at(self, root: Path | str | None) -> Configuration:
        """The same on data in another folder, where one is given."""
        return self if root is None else self.model_copy(update={"root": expanded(root).resolve()})


NAMED: Mapping[str, Registry] = {
    "dataset": DATASETS,
    "split": SPLITS,
    "encoder": ENCODERS,
    "objective": OBJECTIVES,
    "sampler": SAMPLERS,
    "tracking": TRACKERS,
}
_OTHERS: dict[str, Any] = {
    name: (Annotated[field.annotation, field], field.default)
    for name, field in Configuration.model_fields.items()
    if name not in (*NAMED, "evaluation", "init", "contract")
}
_WithoutParts: type[Settings] = create_model("WithoutParts", __base__=Settings, **_OTHERS)


def configure(values: Mapping[str, Any] | Configuration | None = None) -> Configuration:
    """Checked configuration from plain values; what is not said takes its default.

    Raises
    ------
    ConfigError
        Naming the first setting that is unknown or out of range.
    """
    if isinstance(values, Configuration):
        return values
    values = short_form(values or {})
    _refuse_typos(values)
    try:
        if values.get("init") is not None:
            # before the reference is opened
            Configuration.model_validate({k: values[k] for k in ("init", "window") if k in values})
            values = with_reference(values)
        config = Configuration.model_validate(merged(_together(suited(values)), values))
    except ValidationError as error:
        raise ConfigError(_blamed(error, values) + explain(error)) from error
    from tsrep.runs.task import task_of

    task_of(config).check()
    return config


def _refuse_typos(values: Mapping[str, Any]) -> None:
    """Check what can be checked without the classes of parts, most of which load torch.

    Raises
    ------
    ConfigError
        Naming the first name or setting that is not valid.
    """
    for key, registry in NAMED.items():
        part = values.get(key)
        name = part.get("name") if isinstance(part, Mapping) else part
        if isinstance(name, str) and name not in registry.names():
            registry.entry(name)  # of a plug-in whose names cannot be read, or refused
    own = {key: value for key, value in values.items() if key in _WithoutParts.model_fields}
    try:
        for unknown in values.keys() - Configuration.model_fields.keys():
            Configuration.model_validate({unknown: None})  # refused before anything else is looked at
        with suppress(ConfigError):  # of settings together, which defaults of the parts may change
            _WithoutParts.model_validate(own)
    except ValidationError as error:
        raise ConfigError(explain(error)) from error


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values, those ``above`` winning.

    A part that goes by another name above replaces the one below as a whole, since its settings belong
    to its name.
    """
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        old = {"name": old} if isinstance(old, str) and isinstance(value, Mapping) else old
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            renamed = "name" in value and value["name"] != old.get("name", value["name"])
            result[key] = dict(value) if renamed else merged(old, value)
        elif not (isinstance(old, Mapping) and isinstance(value, str) and old.get("name") == value):
            result[key] = value
    return result


def suited(values: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What suits the chosen data set and objective better than the general defaults, as their classes say.

    Returns
    -------
    list of (str, mapping)
        Whose defaults they are, and settings; later ones win. Where data set and objective want the same
        encoder, or the values name that of the data set, its size is the one that suits the data.
    """
    layers: list[tuple[str, Mapping[str, Any]]] = []
    for part, registry, default in PARTS:
        chosen = values.get(part) or _together(layers).get(part, default)
        name = chosen.get("name", default) if isinstance(chosen, Mapping) else chosen
        if isinstance(name, str):
            entry = registry.entry(name)
            if entry.task == "series" and SERIES not in layers:
                layers.insert(0, SERIES)
            defaults = getattr(entry.cls, "defaults", {})
            if not isinstance(defaults, Mapping):
                raise ConfigError(f"{entry} has defaults {defaults!r}, which must be settings by name")
            layers.append((f"{part} {name}", _sized(defaults, _together(layers), values.get("encoder"))))
    return layers


def _sized(defaults: Mapping[str, Any], below: Mapping[str, Any], chosen: Any) -> Mapping[str, Any]:
    """Defaults without a size of the encoder that those below have too, or that is theirs and chosen."""
    own, other = (each.get("encoder") for each in (defaults, below))
    if not (isinstance(own, Mapping) and isinstance(other, Mapping)):
        return defaults
    if own.get("name") == other.get("name"):
        return {**defaults, "encoder": {"name": own["name"]}}
    name = chosen.get("name") if isinstance(chosen, Mapping) else chosen
    without = {key: value for key, value in defaults.items() if key != "encoder"}
    return without if name == other.get("name") else defaults


def _together(layers: Sequence[tuple[str, Mapping[str, Any]]]) -> Mapping[str, Any]:
    below: Mapping[str, Any] = {}
    for _, settings in layers:
        below = merged(below, settings)
    return below


def _blamed(error: ValidationError, values: Mapping[str, Any]) -> str:
    """Whose defaults a complaint is about, where it is not about a value of the user."""
    first = error.errors()[0]
    path = [*first["loc"], *filter(None, [first.get("ctx", {}).get("key")])]
    for part, registry, default in PARTS:
        chosen = values.get(part, default)
        name = chosen.get("name", default) if isinstance(chosen, Mapping) else chosen
        entry = registry.entry(name if isinstance(name, str) else default)
        if _holds(getattr(entry.cls, "defaults", {}), path) and not _holds(values, path):
            return f"the defaults of {entry}: "
    return ""


def _holds(values: Any, path: Sequence[Any]) -> bool:
    """Whether nested values have an entry at a path."""
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return isinstance(values, list | tuple)  # a complaint about one of a list
        values = values[key]
    return True


def plain(config: Configuration) -> dict[str, Any]:
    """Values as they go into YAML or JSON."""
    return config.model_dump(mode="json")
