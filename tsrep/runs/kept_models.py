"""Models of the epochs that training kept, by the draw of labels that chose each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tsrep.errors import RunError
from tsrep.evaluation.candidate import Model


class KeptModels(dict[str, Callable[[], Model]]):
    """Models by the draw of labels that chose their epoch; draws with the same epoch have the same one.

    Raises
    ------
    RunError
        When it is asked for a draw that chose none.
    """

    def __init__(self, path: Path, models: Mapping[str, Callable[[], Model]]) -> None:
        super().__init__(models)
        self.path = path

    def __missing__(self, draw: str) -> Callable[[], Model]:
        fraction, by, seed = draw.rsplit("-", 2)
        raise RunError(
            f"{self.path} kept no epoch for {100 * float(fraction):g} % of labels by {by} that are drawn "
            f"with seed {seed}; evaluate with the labels, subsample_by and seeds that it was trained with, "
            "or train it with training.keep last"
        )
