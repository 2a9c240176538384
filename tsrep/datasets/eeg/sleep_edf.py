"""Sleep-EDF expanded: nights of 78 healthy persons and of 22 with mild insomnia, staged every 30 s."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import Job, Pieces, fingerprint
from tsrep.datasets.dataset import About, ReadOptions, Unreadable
from tsrep.datasets.eeg.reading import header_of, opened, silent_mne
from tsrep.datasets.findings import counted
from tsrep.datasets.quantisation import convert_exactly, stored
from tsrep.datasets.recordings import Recordings, Renamed
from tsrep.datasets.tables.reading import codes
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.resample import resample

RATE, EPOCH = 100.0, 30.0
STEPS = round(RATE * EPOCH)
CLASSES = ("W", "N1", "N2", "N3", "R")
# stages 3 and 4 of Rechtschaffen and Kales are N3 of today's rules
STAGES = {"W": 0, "1": 1, "2": 2, "3": 3, "4": 3, "R": 4}
UNSCORED, MOVEMENT = -1, -2
REASONS = {UNSCORED: "without a stage", MOVEMENT: "of movement"}
# as they are called without their type by whom reads the files
RECORDED = {"Fpz-Cz": "Fpz-Cz", "Pz-Oz": "Pz-Oz", "EOG": "horizontal"}
PSG = re.compile(r"(?P<person>(?:SC4|ST7)\d\d)(?P<night>\d)\w+-PSG\.edf")
SUBSETS = {
    "sc20": re.compile(r"SC4[01]\d\d"),
    "sc78": re.compile(r"SC4\d{3}"),
    "telemetry": re.compile(r"ST7\d{3}"),
}
AGE, SEX = re.compile(r"_(\d{1,3})yr", re.I), re.compile(r"\b([FM])\b")
Channel = Literal["Fpz-Cz", "Pz-Oz", "EOG"]


@dataclass(frozen=True)
class Night:
    """A recording with its hypnogram: the stage of each epoch, and the epochs to read."""

    psg: Path
    person: str
    stages: tuple[int, ...]
    first: int
    stop: int


@DATASETS.register("sleep-edf")
class SleepEdf(Recordings):
    """Epochs of 30 s with their sleep stage; an epoch is a trial, and splits divide persons.

    Parameters
    ----------
    subset : {"sc78", "sc20", "telemetry"}
        Nights of the 78 persons of the cassette study, of its first 20 persons, or of the telemetry study.
    channels : tuple of str
        Of ``"Fpz-Cz"``, ``"Pz-Oz"`` and ``"EOG"``, in this order.
    wake_minutes : float or None
        Of wake before the first and after the last epoch of sleep to keep; None keeps all. Scores depend
        on it.
    rename : mapping of str to str, or None
        New names by old ones.

    References
    ----------
    Kemp et al., "Analysis of a sleep-dependent neuronal feedback loop", IEEE TBME 2000.
    """

    about = About(
        title="Sleep-EDF Database Expanded",
        licence="ODC-By 1.0",
        citation=(
            "Kemp B, Zwinderman AH, Tuk B, Kamphuisen HAC, Oberye JJL. Analysis of a sleep-dependent "
            "neuronal feedback loop: the slow-wave microcontinuity of the EEG. IEEE Trans Biomed Eng 47, "
            "1185 (2000)."
        ),
        url="https://physionet.org/content/sleep-edfx/1.0.0/",
        base_url="https://physionet.org/files/sleep-edfx/1.0.0/",
        size_mb=8100,
        records=197,
        patients=100,
        independence="subject",
        layout=(
            "sleep-cassette/SC4001E0-PSG.edf",
            "sleep-cassette/SC4001EC-Hypnogram.edf",
            "sleep-telemetry/ST7011J0-PSG.edf",
            "sleep-telemetry/ST7011JP-Hypnogram.edf",
        ),
        notes=(
            "Some of the nights are enough. Hypnograms are found by the first six letters of a recording's "
            "name. Stages 3 and 4 are N3; epochs without a stage and of movement are left out."
        ),
    )

    def __init__(
        self,
        subset: Literal["sc78", "sc20", "telemetry"] = "sc78",
        channels: Annotated[tuple[Channel, ...], Field(min_length=1)] = ("Fpz-Cz",),
        wake_minutes: Annotated[float, Field(ge=0)] | None = 30.0,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(channels=channels, rename=rename)
        self.subset, self.leads, self.wake_minutes = subset, channels, wake_minutes

    def chosen(self, panel: Panel) -> Panel:
        """As it is: no other channels are read."""
        return panel

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of epochs, in µV, with age (years) and sex of the persons.

        Raises
        ------
        DataError
            When there are no such nights, or (``strict``) one cannot be read.
        """
        files = _recordings(folder, self.subset)
        nights, skipped = self._nights(files)
        if not nights:
            name, reason = skipped[0]
            raise DataError(f"none of {len(files)} nights can be used; the first, {name}: {reason}")
        if options["strict"] and skipped:
            raise DataError(
                f"{skipped[0][0]} cannot be used: {skipped[0][1]}; load without --strict to skip it"
            )
        names = [night.psg.stem.removesuffix("-PSG") for night in nights]
        key: dict[str, Any] = {
            "files": fingerprint(folder, [night.psg for night in nights]),
            "leads": self.leads,
        }
        key |= {"epochs": [[night.first, night.stop] for night in nights]}

        def job(dtype: str) -> Job[Night]:
            return Job(
                name=self.name,
                sources=nights,
                labels=names,
                decode=partial(_decode, leads=self.leads, dtype=dtype),
                key=key,
                shape=(len(self.leads), STEPS),
                dtype=dtype,
                pieces=float(np.mean([night.stop - night.first for night in nights])),
            )

        signals = convert_exactly(job, **options)
        first = np.array([night.first for night in nights])
        at = zip(signals.source.tolist(), (signals.piece + first[signals.source]).tolist(), strict=True)
        stage = np.array([nights[source].stages[epoch] for source, epoch in at], np.int64)
        keep = np.flatnonzero(stage >= 0)
        counts = Counter(REASONS[code] for code in stage[stage < 0].tolist())
        patient, patient_names = codes([night.person for night in nights])
        source = signals.source[keep]
        told = [_person(night.psg) for night in nights]
        age, sex = np.array([age for age, _ in told]), np.array([sex for _, sex in told])
        return signals.panel(
            names,
            row=keep,
            label=stage[keep],
            trial=np.arange(len(keep)),
            patient=patient[source],
            patient_names=patient_names,
            sfreq=RATE,
            channels=self.leads,
            classes=CLASSES,
            unit="µV",
            modality="eeg",
            meta={"age": age[source], "sex": sex[source]},
            skipped=(*skipped, *signals.skipped),
            excluded=counted(counts, "epoch"),
            source=f"Sleep-EDF ({self.subset}, {len(nights)} nights)",
        )

    def _nights(self, files: Sequence[Path]) -> tuple[list[Night], list[tuple[str, str]]]:
        nights: list[Night] = []
        skipped: list[tuple[str, str]] = []
        for file in files:
            try:
                nights.append(_night(file, self.wake_minutes))
            except Unreadable as reason:
                skipped.append((file.stem.removesuffix("-PSG"), str(reason)))
        return nights, skipped


def _recordings(folder: Path, subset: str) -> list[Path]:
    found = sorted(path for path in folder.rglob("*-PSG.edf") if PSG.fullmatch(path.name))
    files = [path for path in found if SUBSETS[subset].match(path.name)]
    if not found and next(folder.rglob("*.hyp"), None) is not None:
        raise DataError(
            f"{folder} has the release of 2013 (61 recordings, .hyp); get Sleep-EDF Expanded 1.0.0"
        )
    if not files:
        has = f"; it has {len(found)} of others, set dataset.subset" if found else ""
        raise DataError(f"{folder} has no nights of {subset} (such as SC4001E0-PSG.edf){has}; check --root")
    return files


def _night(psg: Path, wake_minutes: float | None) -> Night:
    name = psg.name[:6]
    found = sorted(psg.parent.glob(f"{name}*-Hypnogram.edf"))
    if len(found) != 1:
        there = ", ".join(path.name for path in found)
        raise Unreadable(f"it has {len(found)} hypnograms ({there})" if found else f"no hypnogram ({name}*)")
    stages = read_stages(found[0])
    first, stop = _span(stages, wake_minutes)
    return Night(psg, psg.name[:5], tuple(stages.tolist()), first, stop)


def read_stages(path: Path) -> Ints:
    """Stage of each epoch of a night, or why it has none.

    Raises
    ------
    Unreadable
        When the file is no hypnogram.
    """
    try:
        with silent_mne() as (mne, _):
            notes = mne.read_annotations(path)
    except Exception as error:  # of MNE's parser, without a common class
        raise Unreadable(f"its hypnogram cannot be read ({' '.join(str(error).split())[:120]})") from error
    first = np.rint(np.asarray(notes.onset) / EPOCH).astype(int)
    last = np.rint((np.asarray(notes.onset) + np.asarray(notes.duration)) / EPOCH).astype(int)
    stages = np.full(int(last.max(initial=0)), UNSCORED)
    for start, stop, text in zip(first, last, notes.description, strict=True):
        stage = str(text).removeprefix("Sleep stage ").strip()
        stages[start:stop] = MOVEMENT if stage == "Movement time" else STAGES.get(stage, UNSCORED)
    if not (stages > 0).any():
        raise Unreadable("its hypnogram has no epoch of sleep")
    return stages


def _span(stages: Ints, wake_minutes: float | None) -> tuple[int, int]:
    """First epoch to read and the one after the last."""
    if wake_minutes is None:
        return 0, len(stages)
    sleep, around = np.flatnonzero(stages > 0), round(wake_minutes * 60 / EPOCH)
    return max(int(sleep[0]) - around, 0), min(int(sleep[-1]) + 1 + around, len(stages))


def _decode(night: Night, leads: tuple[str, ...], dtype: str) -> Pieces:
    picks = [RECORDED[lead] for lead in leads]
    with opened(night.psg) as raw:
        header = header_of(raw, night.psg)
        absent = next((name for name in picks if name not in header.channels), None)
        if absent is not None:
            raise Unreadable(f"channel {absent} is missing; it has {', '.join(header.channels)}")
        rename = dict(zip(raw.ch_names, header.channels, strict=True))
        raw.rename_channels(rename)
        rate = header.sfreq
        start, stop = round(night.first * EPOCH * rate), round(night.stop * EPOCH * rate)
        # a hypnogram may run on after the signals have ended
        volts: NDArray[Any] = raw.get_data(picks=picks, start=start, stop=min(stop, header.steps))
        values = volts * np.array([header.correction(name) for name in picks])[:, None] * 1e6
    values = resample(values, rate, RATE)
    count = values.shape[1] // STEPS
    if not count:
        raise Unreadable("it ends before its first epoch of sleep")
    # (channel, epoch, time) to (epoch, channel, time)
    epochs = values[:, : count * STEPS].reshape(len(leads), count, STEPS).transpose(1, 0, 2)
    return Pieces(*stored(epochs, leads, dtype))


def _person(psg: Path) -> tuple[float, str]:
    """Age (years, NaN unknown) and sex, from the header, such as ``X F X Female_33yr``."""
    with psg.open("rb") as stream:
        text = stream.read(88)[8:].decode("latin-1")
    age, sex = AGE.search(text), SEX.search(text)
    return float(age[1]) if age else float("nan"), sex[1] if sex else ""
