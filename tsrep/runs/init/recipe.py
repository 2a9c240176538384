"""Settings of a run that come from the encoder that it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tsrep.errors import ConfigError, RunError
from tsrep.runs.init.signals import shown_alike

if TYPE_CHECKING:
    from tsrep.runs.architecture import Architecture
    from tsrep.runs.loaded_encoder import LoadedEncoder

# of the run that is trained further; not what is new each time
FURTHER = (
    "dataset", "root", "strict", "quality", "window", "split", "objective", "sampler", "training",
    "evaluation",
)  # fmt: skip


def with_reference(given: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of a configuration that starts from a reference, with what follows from that.

    Without the name of an encoder that of the reference is taken, and without a contract its contract, so
    that the configuration is complete without the reference. To train the objective further also takes data,
    objective and training of the reference, where they are not given.

    Parameters
    ----------
    given : mapping
        With a checked ``init``.

    Raises
    ------
    RunError
        When the reference cannot be opened.
    """
    values, init = dict(given), given["init"]
    theirs = init.get("contract", "theirs") == "theirs"
    # settings without a name change those of the reference, which may not go with its weights
    unnamed = "name" not in (encoder := _by_name(values.get("encoder")))
    if not unnamed and (values.get("contract") is not None or not theirs):
        return values
    from tsrep.runs.references.reference import resolve

    loaded = resolve(init["from"]).open()
    if init.get("what") == "encoder+objective":
        values = _further(loaded, values)
    if unnamed:
        values["encoder"] = architecture_of(loaded).settings.model_dump(mode="json") | encoder
    if values.get("contract") is None and theirs and loaded.task == "panel":
        values |= shown_alike(loaded, values.get("window") or {})
    return values


def _by_name(encoder: Any) -> dict[str, Any]:
    return {"name": encoder} if isinstance(encoder, str) else dict(encoder or {})


def architecture_of(loaded: LoadedEncoder) -> Architecture:
    """The registered architecture of a reference, which a run can build again.

    Raises
    ------
    RunError
        When it has none.
    """
    if loaded.architecture is None:
        raise RunError(
            f"{loaded.reference} is no encoder of tsrep, and a run must be able to build its encoder again; "
            f"train it on labels with: tsrep evaluate {loaded.reference} --protocol finetune"
        )
    return loaded.architecture


def short_form(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of a configuration with ``encoder: {from: REF}`` written as ``init: {from: REF}``.

    Raises
    ------
    ConfigError
        When ``encoder.from`` stands beside other settings, or another reference.
    """
    encoder, rest = values.get("encoder"), {k: v for k, v in values.items() if k != "encoder"}
    if not isinstance(encoder, Mapping) or "from" not in encoder:
        return dict(values)
    reference = encoder["from"]
    if others := [name for name in encoder if name != "from"]:
        raise ConfigError(
            f"encoder.from takes the whole encoder of {reference}; leave encoder.{others[0]} out"
        )
    init = values.get("init") or {}
    if isinstance(init, Mapping) and init.get("from", reference) != reference:
        raise ConfigError(f"encoder.from is {reference} and init.from {init['from']}; leave one of them out")
    return rest | {"init": {**init, "from": reference}}


def _further(loaded: LoadedEncoder, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values on top of the recipe that trained the reference, but for data when others are named."""
    from tsrep.runs.config import merged

    recipe = {key: loaded.recipe[key] for key in FURTHER if key in loaded.recipe}
    given = values.get("dataset")
    name = given.get("name") if isinstance(given, Mapping) else given
    if name is not None and name != recipe.get("dataset", {}).get("name"):
        recipe = {key: recipe[key] for key in recipe if key not in ("dataset", "root", "split")}
    return merged(recipe, values)
