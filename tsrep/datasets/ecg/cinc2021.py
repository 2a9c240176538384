"""The 2021 challenge's bundle: 88,253 twelve-lead ECGs of eight sources with SNOMED CT diagnoses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Unpack

import numpy as np
from pydantic import Field

from tsrep.datasets.conversion import Job, fingerprint
from tsrep.datasets.converted import Converted
from tsrep.datasets.dataset import About, Independence, ReadOptions
from tsrep.datasets.ecg.cinc_headers import headers_of
from tsrep.datasets.ecg.cinc_labels import Task, labels_of
from tsrep.datasets.ecg.cinc_records import Found, find_records, sources_of
from tsrep.datasets.ecg.cinc_signals import Plan, decode
from tsrep.datasets.ecg.scored_classes import (
    SOURCES,
    Merge,
)
from tsrep.datasets.findings import counted
from tsrep.datasets.quantisation import convert_exactly
from tsrep.datasets.recordings import Channels, Recordings, Renamed
from tsrep.datasets.tables.patients import patients_of
from tsrep.errors import ConfigError, DataError
from tsrep.registry import DATASETS
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Panel
from tsrep.signals.resample import resampled

Source = Literal[
    "cpsc_2018", "cpsc_2018_extra", "st_petersburg_incart", "ptb",
    "ptb-xl", "georgia", "chapman_shaoxing", "ningbo",
]  # fmt: skip
Positive = Annotated[float, Field(gt=0)]
# the native sets of the other three know whose recordings they are
WITHOUT_NATIVE: tuple[Source, ...] = (
    "cpsc_2018",
    "cpsc_2018_extra",
    "georgia",
    "chapman_shaoxing",
    "ningbo",
)
ONE_SOURCE: Mapping[Task, tuple[Source, ...]] = {"cpsc9": ("cpsc_2018",), "rhythm4": ("chapman_shaoxing",)}
TITLES = dict(
    zip(
        SOURCES,
        ("CPSC2018", "CPSC-Extra", "INCART", "PTB", "PTB-XL", "Georgia", "Chapman-Shaoxing", "Ningbo"),
        strict=True,
    )
)
KIN = {
    **dict.fromkeys(("ptb", "ptb-xl"), "the Physikalisch-Technische Bundesanstalt"),
    **dict.fromkeys(("cpsc_2018", "cpsc_2018_extra"), "the China Physiological Signal Challenge 2018"),
    **dict.fromkeys(("chapman_shaoxing", "ningbo"), "one group of annotators in Shaoxing and Ningbo"),
}
NATIVE = {"ptb-xl": "ptb-xl", "ptb": "ptb-diagnostic", "st_petersburg_incart": "incartdb"}


@DATASETS.register("cinc2021")
class Cinc2021(Recordings):
    """The training recordings of the PhysioNet/CinC Challenge 2021, in folders as published or all in one.

    Parameters
    ----------
    task : str
        ``"scored"``: the scored classes that any of the sources states, unknown in those whose annotators
        never did. ``"scored-published"``: the 26 official ones, absent where not stated, as the challenge
        scores. ``"cpsc9"`` and ``"rhythm4"``: the label sets of CPSC2018 and Chapman-Shaoxing. ``"all"``:
        every code with ``min_count`` recordings.
    sources : tuple of str
        Which sources to read. PTB, PTB-XL and INCART are better read from their own publications, which say
        whose a recording is.
    merge : {"official", "harmonised"}
        ``"harmonised"`` makes atrial fibrillation and flutter one class, and counts ventricular ectopics as
        ventricular premature beats, so that classes mean the same in all sources.
    rate : float
        Resample to this rate, Hz.
    seconds : float
        Of a sample.
    short : {"pad", "drop"}
        What becomes of shorter recordings: zeros at their end, or they are left out.
    long : {"first", "windows"}
        What becomes of longer ones: their beginning, or as many samples as fit.
    min_count : int
        Of task ``"all"``.
    patients : str or None
        CSV in the folder with columns ``record`` and ``patient``; without it each recording is taken for one
        person.
    channels : tuple of str or None
        Leads to keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by recorded ones.

    References
    ----------
    Reyna et al., "Will Two Do? Varying Dimensions in Electrocardiography", CinC 2021.
    """

    about = About(
        title="Will Two Do? Varying Dimensions in Electrocardiography: the PhysioNet/CinC Challenge 2021",
        licence="CC BY 4.0",
        citation=(
            "Reyna MA, Sadr N, Perez Alday EA, et al. Will Two Do? Varying Dimensions in "
            "Electrocardiography: The PhysioNet/Computing in Cardiology Challenge 2021. Computing in "
            "Cardiology 48, 1 (2021)."
        ),
        url="https://physionet.org/content/challenge-2021/1.0.3/",
        base_url="https://physionet.org/files/challenge-2021/1.0.3/",
        size_mb=7000,
        records=88253,
        independence="recording",
        layout=(
            "training/georgia/g1/E00001.hea",
            "training/georgia/g1/E00001.mat",
            "... of each source cpsc_2018, cpsc_2018_extra, georgia, chapman_shaoxing, ningbo",
        ),
        notes=(
            "Any folder with its .hea and .mat files, in folders by source or all in one. Patients are not "
            "published; 2,400 recordings are stored twice within a source, and such copies stay in one part. "
            "Sources ptb, ptb-xl and st_petersburg_incart are read only when named: their own publications "
            "have the patients. In CPSC2018 the duration tells the class: set seconds to 6 and short to drop "
            "where that matters."
        ),
    )

    def __init__(
        self,
        task: Task = "scored",
        sources: Annotated[tuple[Source, ...], Field(min_length=1)] = WITHOUT_NATIVE,
        merge: Merge = "official",
        rate: Positive = 100.0,
        seconds: Positive = 10.0,
        short: Literal["pad", "drop"] = "pad",
        long: Literal["first", "windows"] = "first",
        min_count: Annotated[int, Field(ge=1)] = 10,
        patients: str | None = None,
        channels: Channels | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(channels=channels, rename=rename)
        self.label_set, self.sources, self.merge, self.min_count = task, sources, merge, min_count
        self.plan = Plan(rate, round(seconds * rate), short == "pad", long == "windows")
        self.patients = patients
        own = ONE_SOURCE.get(task, sources)
        if task in ONE_SOURCE and sources not in (own, WITHOUT_NATIVE):
            raise ConfigError(f"{task} is defined on {own[0]}; set dataset.sources to [{own[0]}]")
        self.sources = own

    @property
    def independence(self) -> Independence:
        """Between patients where a table names them."""
        return self.about.independence if self.patients is None else "patient"

    @property
    def holds(self) -> tuple[str, ...]:
        """See :attr:`Dataset.holds`."""
        return tuple(NATIVE.get(source, f"{self.name}:{source}") for source in self.sources)

    @property
    def kin(self) -> tuple[str, ...]:
        """See :attr:`Dataset.kin`."""
        return tuple(dict.fromkeys(KIN[source] for source in self.sources if source in KIN))

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of samples, in mV, with source, age (years), sex and duration (s) of each recording.

        Raises
        ------
        DataError
            When there are no such records, headers are of the release of 2020, or (``strict``) a record
            cannot be read.
        """
        every = find_records(folder)
        wanted = [one for one in every if one.source in self.sources]
        if not wanted:
            there = ", ".join(f"{source} ({n:,})" for source, n in sources_of(every).items())
            raise DataError(
                f"{folder} has no records of {', '.join(self.sources)}; it has {there}: set dataset.sources"
            )
        facts, faults = headers_of(wanted, folder, options["cache"])
        readable = [one for one in wanted if one.name in facts]
        converted = self._signals(folder, readable, options)
        told = [facts[one.name] for one in readable]
        recorded = np.unique(converted.source)
        stated = [one.codes for one in told]
        source = np.array([SOURCES.index(one.source) for one in readable])
        labels = labels_of(self.label_set, stated, source, recorded, self.merge, self.min_count)
        keep = np.flatnonzero(labels.keep[converted.source])
        if not len(keep):
            raise DataError(
                f"no readable record of {folder} has a label of the task {self.label_set!r}; "
                "choose another task"
            )
        others = (one.source for one in every if one.source not in self.sources)
        excluded = Counter(f"source {source} is not asked for" for source in others)
        unlabelled = int((~labels.keep[recorded]).sum())
        if unlabelled:
            excluded[f"no label of the task {self.label_set}"] = unlabelled
        of = converted.source[keep]
        kept = np.unique(of)
        whose = patients_of(folder, self.patients, [one.name for one in readable])
        seconds = [one.steps / one.sfreq for one in told]
        number: dict[str, int] = {source: i for i, source in enumerate(self.sources)}
        return converted.panel(
            [one.name for one in readable],
            row=keep,
            trial=of,
            label=labels.label[of],
            known=None if labels.known is None else labels.known[of],
            patient=whose["patient"][of],
            patient_names=whose["patient_names"],
            sfreq=self.plan.rate,
            channels=TWELVE,
            classes=labels.classes,
            unit="mV",
            modality="ecg",
            history=resampled({one.sfreq for one in told}, self.plan.rate),
            cohort=np.array([number[one.source] for one in readable])[of],
            cohort_names=self.sources,
            meta={
                "age": np.array([one.age for one in told])[kept],
                "sex": np.array([one.sex for one in told])[kept],
                "seconds": np.array(seconds)[kept],
            },
            skipped=(*faults, *converted.skipped),
            excluded=counted(excluded, "recording"),
            source=self._source(len(wanted)),
        )

    def _source(self, records: int) -> str:
        if len(self.sources) == 1:
            return f"{TITLES[self.sources[0]]} (in CinC-2021, {records:,} records)"
        return f"CinC-2021 ({', '.join(TITLES[source] for source in self.sources)}; {records:,} records)"

    def _signals(self, folder: Path, found: Sequence[Found], options: ReadOptions) -> Converted:
        """All records whatever the task, so that another task finds them converted."""
        files = [path for one in found for path in (one.header, one.signals)]
        key = {"files": fingerprint(folder, files), "plan": asdict(self.plan)}

        def job(dtype: str) -> Job[Found]:
            return Job(
                name="cinc2021",
                sources=found,
                labels=[one.name for one in found],
                decode=partial(decode, plan=self.plan, dtype=dtype),
                key=key,
                shape=(len(TWELVE), self.plan.steps),
                dtype=dtype,
            )

        return convert_exactly(job, **options)
