"""What is known of a foreign encoder besides its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tsrep.errors import ConfigError
from tsrep.registry import explain, nearest
from tsrep.signals.contract import SignalContract
from tsrep.yaml_files import read_settings


class Description(BaseModel):
    """What an encoder must be shown, what it has seen, and whose it is.

    Attributes
    ----------
    name : str
        Which tables call it by; with its variant where it has several.
    contract : SignalContract
    licence : str
        SPDX identifier, or ``"none stated"``.
    citation : str
    parameters_from : str
        Where the weights came from, in words; begins with ``"random"`` where they are meant to be random.
    sources : tuple of str
        Data sets that it was trained on, as its authors state; empty where they do not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    contract: SignalContract
    licence: str = "none stated"
    citation: str = ""
    parameters_from: str = "not stated"
    sources: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _contract_names_sources(cls, values: Any) -> Any:
        """The contract travels further than the description, and says what was trained on too."""
        given = values if isinstance(values, Mapping) else {}
        sources, contract = given.get("sources"), given.get("contract")
        plain = contract.model_dump() if isinstance(contract, BaseModel) else contract
        if not sources or not isinstance(plain, Mapping):
            return values
        trained_on = {"sources": tuple(sources)} | {
            key: each for key, each in (plain.get("trained_on") or {}).items() if each
        }
        return {**values, "contract": {**plain, "trained_on": trained_on}}

    @property
    def random(self) -> bool:
        """Whether the weights are meant to be random."""
        return self.parameters_from.startswith("random")


def described(recipe: Path | str, variant: str = "authors") -> Description:
    """The description beside a recipe: ``ecgfounder.yaml`` beside ``ecgfounder.py``.

    The file holds the fields of :class:`Description`, the contract as far as all variants share it, and under
    ``variants`` what each of them changes of the contract.

    Parameters
    ----------
    recipe : path
        Of the Python file, usually ``__file__``, or of the description itself.
    variant : str
        ``"authors"``: prepared as the authors do. ``"benchmark"``: as a published benchmark did.

    Raises
    ------
    ConfigError
        When the file is missing or broken, or has no such variant.
    """
    path = Path(recipe).with_suffix(".yaml")
    try:
        content = read_settings(path, "recipe")
        variants = content.pop("variants")
        shared = content.pop("contract")
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} has no contract with variants ({error}); restore it") from error
    if variant not in variants:
        raise ConfigError(f"{path} has no variant {variant!r}; {nearest(variant, list(variants))}")
    contract = _merged(shared, variants[variant] or {})
    try:
        return Description(**content | {"name": f"{content['name']} ({variant})", "contract": contract})
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error)}") from error


def _merged(shared: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with some of them changed."""
    merged = dict(shared)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
