"""What is compared: encoders, data sets, protocols and fractions of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from tsrep.errors import ConfigError
from tsrep.evaluation.labels.label_fractions import SubsampleBy
from tsrep.files import expanded
from tsrep.registry import DATASETS, DISTINCT, PROTOCOLS, DeviceName, Settings, explain
from tsrep.runs.naming import run_name
from tsrep.yaml_files import read_settings

HUB = "hub:"
CONFIG = "config.yaml"  # of a run, which is called as its folder


class EncoderEntry(Settings):
    """An encoder of the table, or several of one method.

    Attributes
    ----------
    refs : tuple of str
        References; several make a claim about the method, with the variance of training in its intervals.
    name : str
        What the table calls it; by default what its scores are called, see :func:`distinct_names`.
    """

    refs: Annotated[tuple[str, ...], DISTINCT] = Field(min_length=1)
    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        """A text, path or run, ``ref`` with an optional ``variant``, or ``refs``."""
        spelt = getattr(value, "path", value)
        if isinstance(spelt, str | Path):
            return {"refs": (str(spelt),)}
        if not isinstance(value, Mapping) or "ref" not in value:
            return value
        others = {key: each for key, each in value.items() if key not in ("ref", "variant")}
        variant = f"@{value['variant']}" if value.get("variant") else ""
        return others | {"refs": (f"{value['ref']}{variant}",)}

    @property
    def unpinned(self) -> list[str]:
        """References to a hub that do not say which revision."""
        return [ref for ref in self.refs if ref.startswith(HUB) and "@" not in ref]


class DataEntry(Settings):
    """A data set of the table.

    Attributes
    ----------
    dataset : mapping
        Its settings, with its registered ``name``.
    root : Path or None
        Folder of the data; None looks in the data cache.
    split : mapping or None
        How it is divided; None as it is by default.
    title : str
        What the table calls it; by default the name.
    use : {"all", "test"}
        Whether it is divided, or all of it is scored and nothing fitted on it.
    """

    dataset: Mapping[str, Any]
    root: Path | None = None
    split: Mapping[str, Any] | None = None
    title: str = ""
    use: Literal["all", "test"] = "all"

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """A name, or its settings beside ``root``, ``split``, ``title`` and ``use``."""
        if isinstance(value, str):
            return {"dataset": {"name": value}}
        if not isinstance(value, Mapping) or "dataset" in value:
            return value
        own = {key: each for key, each in value.items() if key in ("root", "split", "title", "use")}
        return own | {"dataset": {key: each for key, each in value.items() if key not in own}}

    @model_validator(mode="after")
    def _named(self) -> DataEntry:
        if "name" not in self.dataset:
            raise ConfigError("a data set of the table does not say its name; give name")
        return self

    @property
    def called(self) -> str:
        """What the table calls it."""
        return self.title or str(self.dataset["name"])


class Table(Settings):
    """A comparison, as ``TABLE.yaml`` holds it."""

    encoders: tuple[EncoderEntry, ...] = Field(min_length=1)
    datasets: tuple[DataEntry, ...] = Field((), description="none compares stored predictions of runs")
    protocols: Annotated[tuple[str, ...], DISTINCT] = Field(
        ("probe",), min_length=1, description="verdicts are of the first one"
    )
    labels: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], DISTINCT] = Field((1.0,), min_length=1)
    subsample_by: Annotated[tuple[SubsampleBy, ...], DISTINCT] = Field(("patient",), min_length=1)
    label_seeds: Annotated[int, Field(ge=1)] = Field(
        5, description="draws of labels, and random initialisations"
    )
    evaluation: Mapping[str, Any] = Field({}, description="further settings of the evaluation, such as pool")
    policies: Mapping[str, Any] = Field({}, description="how signals may be converted")
    primary: str = Field(
        "",
        description="encoder whose gain on the first data set is the primary contrast, not corrected",
    )
    seed: Annotated[int, Field(ge=0)] = 0
    device: DeviceName = "auto"

    @model_validator(mode="after")
    def _refuse_what_cannot_be_compared(self) -> Table:
        names = [entry.name for entry in self.encoders if entry.name]
        if (twice := _twice(names)) is not None:
            raise ConfigError(f"two encoders are called {twice}; give one another name")
        references = [ref for entry in self.encoders for ref in entry.refs]
        if (twice := _twice(references)) is not None:
            raise ConfigError(f"{twice} is in the table twice; leave it out once")
        if (twice := _twice([entry.called for entry in self.datasets])) is not None:
            raise ConfigError(f"two data sets are called {twice}; give one a title")
        for entry in self.datasets:
            kind = DATASETS.entry(str(entry.dataset["name"])).task
            if kind != "panel":
                raise ConfigError(
                    f"{entry.called} is a {kind} without labels; compare on labelled recordings"
                )
        for protocol in self.protocols:
            scoring = PROTOCOLS.entry(protocol)
            if scoring.task != "panel" or not scoring.cls.reads_classes:
                raise ConfigError(f"protocol {protocol} scores no labels; use probe")
        return self

    def refuse_other_primary(self, names: Sequence[str]) -> None:
        """Check that the primary contrast is of one of the encoders.

        Raises
        ------
        ConfigError
        """
        if self.primary and self.primary not in names:
            raise ConfigError(
                f"primary is {self.primary}, which is none of {', '.join(names)}; name one of them"
            )

    @property
    def warnings(self) -> list[str]:
        """What may make the table differ tomorrow, a sentence each."""
        return [
            f"{ref} may change; pin it with {ref}@REVISION"
            for entry in self.encoders
            for ref in entry.unpinned
        ]


def table_of(values: Mapping[str, Any]) -> Table:
    """A table from plain values.

    Raises
    ------
    ConfigError
        Naming the first setting that is unknown or out of range.
    """
    try:
        return Table.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error)) from error


def read_table(path: Path, changes: Mapping[str, Any] | None = None) -> Table:
    """A table from a file; roots in it are relative to its folder.

    Raises
    ------
    ConfigError
        When it cannot be read, or a setting is unknown or out of range.
    """
    values = read_settings(path, "table")
    table = table_of({**values, **(changes or {})})
    placed = [_below(path.parent, entry) for entry in table.datasets]
    return table.model_copy(update={"datasets": tuple(placed)})


def data_entry(text: str, root: Path | None = None) -> DataEntry:
    """A data set by its name, or by a file: an entry of a table, or the configuration of a run.

    Parameters
    ----------
    text : str
    root : Path, optional
        Folder of the data; by default as the file says, from its own folder.

    Raises
    ------
    ConfigError
        When the file cannot be read, or names no data set.
    """
    own = {} if root is None else {"root": expanded(root).resolve()}
    if not text.endswith((".yaml", ".yml")):
        return _checked(text, {"name": text, **own})
    path = Path(text)
    title = f"data of {path.resolve().parent.name}" if path.name == CONFIG else path.stem
    values = {"title": title, **read_settings(path, "data set")}
    if not values.keys() & {"name", "dataset"}:
        raise ConfigError(f"data set {text} does not say its name; give name")
    if "dataset" in values:  # of a configuration only what is about the data
        named = values["dataset"]
        values = {key: values[key] for key in DataEntry.model_fields if key in values}
        values["dataset"] = named if isinstance(named, Mapping) else {"name": named}
    return _below(path.parent, _checked(text, values | own))


def _checked(text: str, values: Mapping[str, Any]) -> DataEntry:
    try:
        return DataEntry.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{text}: {explain(error)}") from error


def distinct_names(entries: Sequence[EncoderEntry], found: Sequence[str]) -> list[str]:
    """What encoders are called: as the table says, else as was found, unless another one is called so too.

    Those that would share a name are called as their folder or file, and where that is shared as well, as
    they are referred to.

    Raises
    ------
    ConfigError
        When a name that was given is that of another encoder.
    """
    names = [entry.name or name for entry, name in zip(entries, found, strict=True)]
    for name_of in (_folder, str):
        names = [
            ", ".join(map(name_of, entry.refs)) if names.count(name) > 1 and not entry.name else name
            for entry, name in zip(entries, names, strict=True)
        ]
    if (twice := _twice(names)) is not None:
        raise ConfigError(f"two encoders are called {twice}; give one another name in the table")
    return names


def _folder(ref: str) -> str:
    """Name of a run's folder or of a file; of other references all of it."""
    return run_name(Path(ref)) if Path(ref).parent.is_dir() else ref


def _below(folder: Path, entry: DataEntry) -> DataEntry:
    if entry.root is None or entry.root.is_absolute():
        return entry
    return entry.model_copy(update={"root": folder / expanded(entry.root)})


def _twice(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)
