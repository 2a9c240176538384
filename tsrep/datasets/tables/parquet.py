"""Reading Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tsrep.errors import ConfigError, DataError

PARQUET = (".parquet", ".pq")


def read_parquet(path: Path) -> Any:
    """A Parquet file as a data frame.

    Raises
    ------
    ConfigError
        When no package that reads Parquet is installed.
    DataError
        When the file cannot be read.
    """
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise ConfigError(
            f"{path} cannot be read without pyarrow; install tsrep[parquet] or save the table as CSV"
        ) from error
    except Exception as error:  # of its engine, which has classes of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} cannot be read as a Parquet file ({reason})") from error
