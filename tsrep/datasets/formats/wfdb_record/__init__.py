"""One WFDB record on disk: read as int16 counts, and written in format 16.

Most ECG databases use format 16 (little-endian int16, interleaved), which is read here directly; every
other format goes through the ``wfdb`` package, which takes some thirty-five times as long.
"""

from tsrep.datasets.formats.wfdb_record.header import WfdbHeader, is_segment, one_unit, signal_files
from tsrep.datasets.formats.wfdb_record.reading import read_header, read_wfdb
from tsrep.datasets.formats.wfdb_record.record import MISSING, write_wfdb

__all__ = [
    "MISSING",
    "WfdbHeader",
    "is_segment",
    "one_unit",
    "read_header",
    "read_wfdb",
    "signal_files",
    "write_wfdb",
]
