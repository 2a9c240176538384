"""Labels at the door of a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tsrep.errors import DataError


def labels_at_the_door(y: Any) -> Any:
    """Labels as an array where they are a list, tuple or categorical; anything else as it is.

    Raises
    ------
    DataError
        Naming the first instance that has no label.
    """
    if isinstance(y, list | tuple):
        y = np.array(y, dtype=object if any(each is None for each in y) else None)
    if isinstance(y, pd.Categorical):
        y = np.asarray(y)
    if isinstance(y, np.ndarray | pd.Series | pd.DataFrame):
        missing = np.argwhere(np.asarray(pd.isna(y)))
        if len(missing):
            raise DataError(
                f"the label of instance {missing[0, 0]} is missing; fill it in or leave the instance out"
            )
    return y
