"""A thousand ECGs of PTB-XL that ship with tsrep."""

from __future__ import annotations

import hashlib
import lzma
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import About, ReadOptions
from tsrep.datasets.ecg.ptb_xl import SECONDS
from tsrep.datasets.recordings import Recordings
from tsrep.datasets.tables.own_labels import read_records
from tsrep.datasets.tables.own_metadata import ages
from tsrep.datasets.tables.reading import read_table
from tsrep.errors import DataError
from tsrep.files import expanded
from tsrep.registry import DATASETS
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Panel

FOLDER = Path(__file__).parent / "sample"
SIGNALS, RECORDS = "signals.xz", "records.csv"
INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
CLASSES = ("CD", "HYP", "MI", "NORM", "STTC")
RATE = 100


@DATASETS.register("ptb-xl-sample")
class PtbXlSample(Recordings):
    """A thousand ten-second ECGs of PTB-XL, part of tsrep.

    Twelve leads, of which eight are stored: III, aVR, aVL and aVF are sums of I and II. Labels are the five
    diagnostic superclasses, of which a recording can have several.

    Parameters
    ----------
    channels : tuple of str or None
        Leads to keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by recorded ones.
    """

    about = About(
        title="Sample of PTB-XL, part of tsrep",
        licence="CC BY 4.0",
        citation=(
            "Wagner P, Strodthoff N, Bousseljot R-D, Kreiseler D, Lunze FI, Samek W, Schaeffter T. "
            "PTB-XL, a large publicly available electrocardiography dataset. Sci Data 7, 154 (2020)."
        ),
        url="https://physionet.org/content/ptb-xl/1.0.3/",
        records=1001,
        patients=982,
        independence="patient",
        notes=(
            "Twelve leads at 100 Hz, five superclasses, several per record. Large enough to learn from in a "
            "minute, too small for a benchmark: use ptb-xl for results to publish. Nothing to download."
        ),
        kin=("the Physikalisch-Technische Bundesanstalt",),
    )

    @property
    def holds(self) -> tuple[str, ...]:
        """See :attr:`Dataset.holds`."""
        return ("ptb-xl",)

    def find(self, root: Path | str | None) -> Path:
        """The folder in the package, or another in its layout.

        Raises
        ------
        DataError
            When it, or a file in it, is missing.
        """
        folder = FOLDER if root is None else expanded(root)
        missing = [name for name in (SIGNALS, RECORDS) if not (folder / name).is_file()]
        if missing:
            remedy = "install tsrep again" if root is None else "leave out --root to read the one in tsrep"
            raise DataError(f"{folder} has no {missing[0]} of a sample of PTB-XL; {remedy}")
        return folder

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of whole records, in mV.

        Raises
        ------
        DataError
            When a file is damaged.
        """
        del options
        records = read_records(folder / RECORDS, patient="patient_id", label=CLASSES, record="ecg_id")
        store = _signals(folder / SIGNALS, len(records.names))
        about = read_table(folder / RECORDS, ["age", "sex"])
        return Panel.from_store(
            store,
            gain=1e-3,
            **records.fields(np.arange(len(store))),
            meta={
                **ages(map(float, about["age"])),
                "sex": np.array([{"0": "M", "1": "F"}.get(code, "") for code in about["sex"]]),
            },
            sfreq=float(RATE),
            channels=TWELVE,
            unit="mV",
            modality="ecg",
            record_names=[f"{int(name):05d}" for name in records.names],
            source=f"a sample of PTB-XL ({len(store):,} records)",
        ).hashed(hashlib.sha256(store.tobytes()).hexdigest())


def _signals(path: Path, records: int) -> NDArray[np.int16]:
    """Microvolts of all leads, shape (record, lead, time), from differences in time of eight."""
    try:
        steps = np.frombuffer(lzma.decompress(path.read_bytes()), "<i2")
        steps = steps.reshape(records, len(INDEPENDENT), SECONDS * RATE)
    except (lzma.LZMAError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); install tsrep again") from error
    return _twelve(np.cumsum(steps, axis=2, dtype=np.int16))


def _twelve(x: NDArray[np.int16]) -> NDArray[np.int16]:
    """All leads from the independent ones, by Einthoven and Goldberger, in whole microvolts."""
    one, two = x[:, 0].astype(np.int32), x[:, 1].astype(np.int32)
    derived = two - one, -(one + two) // 2, one - two // 2, two - one // 2  # III, aVR, aVL, aVF
    limb = [x[:, 0], x[:, 1], *derived]
    return np.concatenate([np.stack(limb, axis=1).astype(np.int16), x[:, 2:]], axis=1)
