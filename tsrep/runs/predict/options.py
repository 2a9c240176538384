"""Options of predictions."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from tsrep.errors import ConfigError
from tsrep.registry import nearest
from tsrep.runs.predict.sources import Request
from tsrep.signals.convert import Policies


@dataclass(frozen=True)
class Options:
    """How recordings are predicted.

    Attributes
    ----------
    head : str or None
        Name of a kept head; None is the one that was kept as the best.
    calibration : bool
        Whether probabilities are calibrated; decisions always rest on calibrated ones.
    probabilities : bool
        Whether the table has them, beside the decisions.
    policies : Policies
        How signals may be converted; ``strict`` refuses to go on once a recording gives no prediction.
    request : Request
        What files and data sets are asked for.
    batch_size : int
        Windows at a time.
    device : str or None
        None is that of the encoder's run.
    workers : int
        Threads that read ahead; 0 for none.
    max_failed : float
        Share of recordings without a prediction above which all are refused.

    Raises
    ------
    ConfigError
        When a number is out of range.
    """

    head: str | None = None
    calibration: bool = True
    probabilities: bool = True
    policies: Policies = field(default_factory=Policies)
    request: Request = field(default_factory=Request)
    batch_size: int = 256
    device: str | None = None
    workers: int = 2
    max_failed: float = 0.5

    def __post_init__(self) -> None:
        for name, value, least in (
            ("batch size", self.batch_size, 1),
            ("number of workers", self.workers, 0),
        ):
            if value < least:
                raise ConfigError(f"the {name} is {value}; give at least {least}")
        if not 0 <= self.max_failed <= 1:
            raise ConfigError(f"max-failed is {self.max_failed:g}; give a share from 0 to 1")

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Options from keywords: attributes of this class, of Request and of Policies alike.

        Raises
        ------
        ConfigError
            Naming the first that there is not.
        """
        parts = {"policies": Policies, "request": Request}
        names = {part: {each.name for each in fields(kind)} for part, kind in parts.items()}
        own = {each.name for each in fields(cls)} - parts.keys()
        known = sorted(own.union(*names.values()))
        for key in values:
            if key not in known:
                raise ConfigError(f"predict has no option {key!r}; {nearest(key, known)}")
        made: dict[str, Any] = {
            part: kind(**{key: values[key] for key in names[part] & values.keys()})
            for part, kind in parts.items()
        }
        return cls(**made, **{key: values[key] for key in own & values.keys()})
