"""Settings of data that an encoder was not trained on, and of what is scored on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from tsrep.errors import ConfigError
from tsrep.files import expanded
from tsrep.registry import DATASETS, SPLITS, Chosen, DeviceName, Settings, explain
from tsrep.runs.config import merged
from tsrep.runs.config_files import parse_assignment
from tsrep.runs.evaluation_settings import checked_evaluation
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.signals.convert import Policies
from tsrep.yaml_files import write_yaml

FILE = "evaluation.yaml"
SECTIONS = ("dataset", "split", "evaluation")


class OtherData(Settings):
    """Data to show an encoder, how they are converted and divided, and what is scored."""

    version: Literal[1] = 1
    seed: Annotated[int, Field(ge=0)] = Field(0, description="of label draws and random initialisations")
    device: DeviceName = "auto"
    dataset: Annotated[Any, Chosen(DATASETS)]
    root: Path | None = Field(None, description="folder of the data; null looks in the data cache")
    strict: bool = Field(False, description="refuse data with unreadable records instead of leaving them out")
    policies: Mapping[str, Any] = Field({}, description="how signals may be converted")
    split: Annotated[Any, Chosen(SPLITS)] | None = Field(
        None, description="null takes the one that the data set has by default"
    )
    evaluation: Any = Field({}, description="what is scored, and how")

    @field_validator("evaluation", mode="before")
    @classmethod
    def _of_protocols(cls, value: Any) -> Any:
        return value if isinstance(value, BaseModel) else checked_evaluation(value)

    @classmethod
    def of(
        cls,
        encoder: LoadedEncoder,
        dataset: str | Mapping[str, Any],
        *,
        root: Path | str | None = None,
        policies: Policies | None = None,
        assignments: Sequence[str] = (),
        **given: Any,
    ) -> OtherData:
        """Checked settings: those given, else those of the encoder's run, else the data set's own.

        Parameters
        ----------
        encoder : LoadedEncoder
        dataset : str or mapping
            Name of a data set, or its settings with a ``name`` and, if not given otherwise, a ``root``.
        root : Path, optional
            Folder of the data.
        policies : Policies, optional
        assignments : sequence of str
            ``path=value`` for ``dataset``, ``split`` and ``evaluation``.
        **given
            Further settings, such as ``split`` and ``evaluation``.

        Raises
        ------
        ConfigError
            Naming the first setting that is unknown or out of range, or a ``root`` that is given twice.
        """
        chosen = policies or Policies()
        values = {"dataset": dataset, "root": root} | given
        values |= {"policies": asdict(chosen), "strict": chosen.strict}
        for each in assignments:
            if each.partition(".")[0] not in SECTIONS:
                raise ConfigError(f"--set {each!r} is not about other data; set {', '.join(SECTIONS)}")
            values = merged(values, parse_assignment(each))
        values = _with_root(values)
        try:
            return cls.model_validate(merged(_below(encoder, values["dataset"]), values))
        except ValidationError as error:
            raise ConfigError(explain(error)) from error

    def to_yaml(self, **above: Any) -> str:
        """All settings, after what else the file of an evaluation says."""
        return write_yaml(above | self.model_dump(mode="json"))


def _with_root(values: dict[str, Any]) -> dict[str, Any]:
    """The folder of the data beside the data set, wherever it was given."""
    dataset, root = values["dataset"], values["root"]
    if isinstance(dataset, Mapping) and "root" in dataset:
        if root is not None:
            raise ConfigError(f"root is {root} and dataset.root is {dataset['root']}; give one of them")
        root = dataset["root"]
        dataset = {key: value for key, value in dataset.items() if key != "root"}
    return values | {"dataset": dataset, "root": root and expanded(root).resolve()}


def _below(encoder: LoadedEncoder, dataset: Any) -> dict[str, Any]:
    """What holds where nothing is given."""
    name = dataset.get("name") if isinstance(dataset, Mapping) else dataset
    own: Any = getattr(DATASETS.entry(str(name)).cls, "defaults", {})
    theirs = {key: encoder.recipe[key] for key in ("seed", "device", "evaluation") if key in encoder.recipe}
    return merged({"evaluation": own.get("evaluation", {})}, theirs)
