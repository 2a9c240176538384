"""The usual forecasting benchmarks: electricity transformers, rates, influenza, weather, load, traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from tsrep.datasets.dataset import About
from tsrep.datasets.series.series_csv import SeriesFile, Variables
from tsrep.datasets.series.time_axis import Duplicates, Gaps
from tsrep.registry import DATASETS

Horizons = tuple[int, ...]
LONG: Horizons = (96, 192, 336, 720)
ETT_COMMIT = "1d16c8f4f943005d613b5bc962e9eeb06058cf07"
AUTOFORMER = "The usual copy came with Autoformer (Wu et al., NeurIPS 2021), github.com/thuml/Autoformer."


@dataclass(frozen=True)
class Reading:
    """How the file of a benchmark is read when nothing else is set."""

    places: tuple[str, ...]
    period: int
    calendar: bool = True
    gaps: Gaps = "refuse"
    duplicates: Duplicates = "refuse"
    missing: tuple[float, ...] = ()


def _register(name: str, about: About, reading: Reading, forecast: Mapping[str, Any]) -> type[SeriesFile]:
    """A data set that differs from a table of the user's by its facts and its reading."""

    class Published(SeriesFile):
        def __init__(
            self,
            variables: Variables = "all",
            target: str = "OT",
            calendar: bool = reading.calendar,
            period: Annotated[int, Field(ge=1)] = reading.period,
            gaps: Gaps = reading.gaps,
            duplicates: Duplicates = reading.duplicates,
            missing: tuple[float, ...] = reading.missing,
        ) -> None:
            super().__init__(
                variables,
                target,
                calendar,
                period=period,
                gaps=gaps,
                duplicates=duplicates,
                missing=missing,
            )

    Published.__name__ = Published.__qualname__ = name.title().replace("-", "")
    Published.__doc__ = SeriesFile.__doc__
    Published.about, Published.places = about, reading.places
    Published.defaults = {"evaluation": {"forecast": dict(forecast)}} if forecast else {}
    return DATASETS.register(name)(Published)


def _register_ett(file: str, title: str, period: int, steps: int, size: float, digest: str) -> None:
    about = About(
        title=f"{file}: {title}",
        licence="CC BY-ND 4.0",
        citation=(
            "Zhou H, Zhang S, Peng J, Zhang S, Li J, Xiong H, Zhang W. Informer: Beyond Efficient "
            "Transformer for Long Sequence Time-Series Forecasting. AAAI (2021)."
        ),
        url="https://github.com/zhouhaoyi/ETDataset",
        base_url=f"https://raw.githubusercontent.com/zhouhaoyi/ETDataset/{ETT_COMMIT}/ETT-small/",
        files=((f"{file}.csv", digest),),
        size_mb=size,
        channels=7,
        steps=steps,
        default_split="ett-months",
        needs=(f"{file}.csv",),
        notes="Oil temperature (OT, the target) and six loads of a transformer, 2016-07-01 to 2018-06-26.",
    )
    horizons: Horizons = (24, 48, 168, 336, 720) if period == 24 else (24, 48, 96, 288, 672)
    reading = Reading((f"{file}.csv", f"ETT-small/{file}.csv", f"ETT/{file}.csv"), period)
    _register(file.lower(), about, reading, {"horizons": horizons})


_register_ett(
    "ETTh1",
    "hourly",
    24,
    17420,
    2.6,
    "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
)
_register_ett(
    "ETTh2",
    "hourly",
    24,
    17420,
    2.4,
    "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b",
)
_register_ett(
    "ETTm1",
    "every 15 min",
    96,
    69680,
    10.4,
    "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e",
)
_register_ett(
    "ETTm2",
    "every 15 min",
    96,
    69680,
    9.7,
    "db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd",
)

_register(
    "exchange-rate",
    About(
        title="Exchange rates of eight countries, daily",
        licence="none stated",
        citation=(
            "Lai G, Chang WC, Yang Y, Liu H. Modeling Long- and Short-Term Temporal Patterns with "
            "Deep Neural Networks. SIGIR (2018)."
        ),
        url="https://github.com/laiguokun/multivariate-time-series-data",
        channels=8,
        steps=7588,
        default_split="chronological",
        needs=("exchange_rate.csv",),
        # the walk has no season: the last value is the simple rule to beat, not that of a week ago
        notes=(
            "The dates of the usual copy were made up (7,588 days on end), so no calendar is given. "
            f"{AUTOFORMER}"
        ),
    ),
    Reading(("exchange_rate.csv", "exchange_rate/exchange_rate.csv"), period=1, calendar=False),
    {"horizons": LONG},
)
_register(
    "ili",
    About(
        title="Influenza-like illness in the USA, weekly",
        licence="public domain (US government)",
        citation="Centers for Disease Control and Prevention, FluView: ILINet, 2002 to 2020.",
        url="https://gis.cdc.gov/grasp/fluview/fluportaldashboard.html",
        channels=7,
        steps=966,
        default_split="chronological",
        needs=("national_illness.csv",),
        notes=AUTOFORMER,
    ),
    Reading(("national_illness.csv", "illness/national_illness.csv", "ili/national_illness.csv"), period=52),
    {"horizons": (24, 36, 48, 60), "context": 104},
)
_register(
    "weather",
    About(
        title="Weather in Jena in 2020, every 10 min",
        licence="none stated; attribution is customary",
        citation="Max Planck Institute for Biogeochemistry, Jena: weather station, 2020.",
        url="https://www.bgc-jena.mpg.de/wetter/",
        channels=21,
        steps=52704,
        default_split="chronological",
        needs=("weather.csv",),
        notes=(
            "The usual copy has one row twice, lacks nine, and has -9999 where a sensor failed: these become "
            f"missing steps and values. {AUTOFORMER}"
        ),
    ),
    Reading(
        ("weather.csv", "weather/weather.csv"),
        period=144,
        gaps="missing",
        duplicates="first",
        missing=(-9999.0,),
    ),
    {"horizons": LONG},
)
_register(
    "electricity",
    About(
        title="Electricity load of 321 clients, hourly",
        licence="CC BY 4.0",
        citation="Trindade A. ElectricityLoadDiagrams20112014. UCI Machine Learning Repository (2015).",
        url="https://archive.ics.uci.edu/dataset/321/electricityloaddiagrams20112014",
        channels=321,
        steps=26304,
        default_split="chronological",
        needs=("electricity.csv",),
        notes=AUTOFORMER,
    ),
    Reading(("electricity.csv", "electricity/electricity.csv"), period=24),
    {"horizons": (24, 48, 168, 336)},
)
_register(
    "traffic",
    About(
        title="Road occupancy at 862 sensors in the San Francisco Bay Area, hourly",
        licence="none stated",
        citation="California Department of Transportation, Performance Measurement System, 2015 to 2016.",
        url="https://pems.dot.ca.gov",
        channels=862,
        steps=17544,
        default_split="chronological",
        needs=("traffic.csv",),
        notes=AUTOFORMER,
    ),
    Reading(("traffic.csv", "traffic/traffic.csv"), period=24),
    {"horizons": LONG},
)
