"""Settings of what a run starts from."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import ConfigDict, Field, PlainValidator, create_model

from tsrep.registry import Settings
from tsrep.signals.policies import Policies
from tsrep.training.freezing import Frozen

What = Literal["encoder", "encoder+objective", "all-matching"]
Channels = Literal["refuse", "adapt", "adapt-rescale", "fresh"]


_hints = get_type_hints(Policies)
_fields: dict[str, Any] = {each.name: (_hints[each.name], each.default) for each in fields(Policies)}
PolicySettings = create_model("PolicySettings", __base__=Settings, __doc__=Policies.__doc__, **_fields)


class Init(Settings):
    """Which weights a run starts from, how much of them it takes, and what of them stays as it is.

    Attributes
    ----------
    source : str
        The reference of an encoder; ``from`` in a configuration.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    source: str = Field(
        alias="from", min_length=1, description="reference of an encoder: a run folder, hub:owner/name, ..."
    )
    what: What = Field(
        "encoder",
        description="encoder: its weights; encoder+objective: those of the objective too, to train further; "
        "all-matching: every weight whose name and shape match",
    )
    freeze: Frozen = Field(
        "none", description="none, all, layer groups by number such as 'groups 0-3', or a list of their names"
    )
    channels: Channels = Field(
        "adapt",
        description="weights of other input channels: refuse, adapt by name, adapt-rescale (a subset is "
        "scaled up), or fresh (drawn anew)",
    )
    strict: bool = Field(
        True, description="every weight of the encoder comes from the reference, but for fresh channels"
    )
    contract: Literal["theirs", "mine"] = Field(
        "theirs", description="rate, unit, window and standardisation of the reference, or of this run"
    )
    policies: Annotated[Any, PlainValidator(PolicySettings.model_validate)] = Field(
        {}, description="how signals may be converted to the contract of the reference, such as any_modality"
    )

    @property
    def conversion(self) -> Policies:
        """The policies of conversion."""
        return Policies(**dict(self.policies))
