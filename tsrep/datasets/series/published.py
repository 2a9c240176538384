"""The usual forecasting benchmarks: electricity transformers, rates, influenza, weather, load, traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tsrep.datasets.dataset import About
from tsrep.datasets.series.series_csv import SeriesFile
from tsrep.datasets.series.time_axis import Duplicates, Gaps
from tsrep.errors import DataError
from tsrep.registry import DATASETS

AUTOFORMER = "The usual copy came with Autoformer (Wu et al., NeurIPS 2021), github.com/thuml/Autoformer."
ETT_CHECKSUMS = {
    "ETTh1": "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
    "ETTh2": "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b",
    "ETTm1": "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e",
    "ETTm2": "db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd",
}


def ett_about(name: str, **facts: Any) -> About:
    """Facts about one of the four files of the electricity transformers."""
    return About(
        citation=(
            "Zhou H, Zhang S, Peng J, Zhang S, Li J, Xiong H, Zhang W. Informer: Beyond Efficient "
            "Transformer for Long Sequence Time-Series Forecasting. AAAI (2021)."
        ),
        url="https://github.com/zhouhaoyi/ETDataset",
        base_url=(
            "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/"
            "1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/"
        ),
        default_split="ett-months",
        notes="Oil temperature (OT, the target) and six loads of a transformer, 2016-07-01 to 2018-06-26.",
        needs=(f"{name}.csv",),
        files=((f"{name}.csv", ETT_CHECKSUMS[name]),),
        **facts,
    )


def ett_places(name: str) -> tuple[str, ...]:
    """Where the file of an electricity transformer may lie."""
    return tuple(f"{folder}{name}.csv" for folder in ("", "ETT-small/", "ETT/"))


def benchmark(file: str, **facts: Any) -> About:
    """Facts about a benchmark that is divided in the order of time."""
    return About(needs=(file,), default_split="chronological", **facts)


def scored_at(*horizons: int, **settings: int) -> Mapping[str, Any]:
    """Defaults of a run that forecasts so many steps ahead."""
    return {"evaluation": {"forecast": {"horizons": horizons, **settings}}}


HOURLY_ETT = scored_at(24, 48, 168, 336, 720)
QUARTER_HOURLY_ETT = scored_at(24, 48, 96, 288, 672)
LONG = scored_at(96, 192, 336, 720)


@dataclass
class Published(SeriesFile):
    """A benchmark in a file of known name; settings are those of ``series-csv``."""

    target: str | None = "OT"

    def find(self, root: Path | str | None) -> Path:
        """The file; that of one benchmark is not read under the name of another."""
        path = super().find(root)
        if path.name not in self.about.needs:
            for other in Published.__subclasses__():
                if path.name in other.about.needs:
                    name = other.name
                    raise DataError(
                        f"{path} is the file of the data set {name}; give that name, or series-csv"
                    )
        return path


@DATASETS.register("etth1")
class ETTh1(Published):
    """Electricity transformer 1, hourly.

    References
    ----------
    Zhou et al., "Informer", AAAI 2021.
    """

    about = ett_about(
        "ETTh1", title="ETTh1: hourly", licence="CC BY-ND 4.0", size_mb=2.6, channels=7, steps=17420
    )
    places = ett_places("ETTh1")
    defaults = HOURLY_ETT


@DATASETS.register("etth2")
class ETTh2(Published):
    """Electricity transformer 2, hourly.

    References
    ----------
    Zhou et al., "Informer", AAAI 2021.
    """

    about = ett_about(
        "ETTh2", title="ETTh2: hourly", licence="CC BY-ND 4.0", size_mb=2.4, channels=7, steps=17420
    )
    places = ett_places("ETTh2")
    defaults = HOURLY_ETT


@DATASETS.register("ettm1")
class ETTm1(Published):
    """Electricity transformer 1, every 15 min.

    References
    ----------
    Zhou et al., "Informer", AAAI 2021.
    """

    about = ett_about(
        "ETTm1", title="ETTm1: every 15 min", licence="CC BY-ND 4.0", size_mb=10.4, channels=7, steps=69680
    )
    places = ett_places("ETTm1")
    defaults = QUARTER_HOURLY_ETT


@DATASETS.register("ettm2")
class ETTm2(Published):
    """Electricity transformer 2, every 15 min.

    References
    ----------
    Zhou et al., "Informer", AAAI 2021.
    """

    about = ett_about(
        "ETTm2", title="ETTm2: every 15 min", licence="CC BY-ND 4.0", size_mb=9.7, channels=7, steps=69680
    )
    places = ett_places("ETTm2")
    defaults = QUARTER_HOURLY_ETT


@DATASETS.register("exchange-rate")
@dataclass
class ExchangeRate(Published):
    """Eight exchange rates, daily."""

    about = benchmark(
        "exchange_rate.csv",
        title="Exchange rates of eight countries, daily",
        licence="none stated",
        citation=(
            "Lai G, Chang WC, Yang Y, Liu H. Modeling Long- and Short-Term Temporal Patterns with "
            "Deep Neural Networks. SIGIR (2018)."
        ),
        url="https://github.com/laiguokun/multivariate-time-series-data",
        channels=8,
        steps=7588,
        notes=(
            "The dates of the usual copy were made up (7,588 days on end), so no calendar is given. "
            f"{AUTOFORMER}"
        ),
    )
    places = ("exchange_rate.csv", "exchange_rate/exchange_rate.csv")
    defaults = LONG

    # the walk has no season: the last value is the simple rule to beat, not that of a week ago
    calendar: bool = False
    period: Annotated[int, Field(ge=1)] | None = 1


@DATASETS.register("ili")
class InfluenzaLikeIllness(Published):
    """Influenza-like illness, weekly."""

    about = benchmark(
        "national_illness.csv",
        title="Influenza-like illness in the USA, weekly",
        licence="public domain (US government)",
        citation="Centers for Disease Control and Prevention, FluView: ILINet, 2002 to 2020.",
        url="https://gis.cdc.gov/grasp/fluview/fluportaldashboard.html",
        channels=7,
        steps=966,
        notes=AUTOFORMER,
    )
    places = ("national_illness.csv", "illness/national_illness.csv", "ili/national_illness.csv")
    defaults = scored_at(24, 36, 48, 60, context=104)


@DATASETS.register("weather")
@dataclass
class Weather(Published):
    """A weather station, every 10 min."""

    about = benchmark(
        "weather.csv",
        title="Weather in Jena in 2020, every 10 min",
        licence="none stated; attribution is customary",
        citation="Max Planck Institute for Biogeochemistry, Jena: weather station, 2020.",
        url="https://www.bgc-jena.mpg.de/wetter/",
        channels=21,
        steps=52704,
        notes=(
            "The usual copy has one row twice, lacks nine, and has -9999 where a sensor failed: these become "
            f"missing steps and values. {AUTOFORMER}"
        ),
    )
    places = ("weather.csv", "weather/weather.csv")
    defaults = LONG

    gaps: Gaps = "missing"
    duplicates: Duplicates = "first"
    missing: tuple[float, ...] = (-9999.0,)


@DATASETS.register("electricity")
class Electricity(Published):
    """Electricity load of clients, hourly."""

    about = benchmark(
        "electricity.csv",
        title="Electricity load of 321 clients, hourly",
        licence="CC BY 4.0",
        citation="Trindade A. ElectricityLoadDiagrams20112014. UCI Machine Learning Repository (2015).",
        url="https://archive.ics.uci.edu/dataset/321/electricityloaddiagrams20112014",
        channels=321,
        steps=26304,
        notes=AUTOFORMER,
    )
    places = ("electricity.csv", "electricity/electricity.csv")
    defaults = scored_at(24, 48, 168, 336)


@DATASETS.register("traffic")
class Traffic(Published):
    """Road occupancy, hourly."""

    about = benchmark(
        "traffic.csv",
        title="Road occupancy at 862 sensors in the San Francisco Bay Area, hourly",
        licence="none stated",
        citation="California Department of Transportation, Performance Measurement System, 2015 to 2016.",
        url="https://pems.dot.ca.gov",
        channels=862,
        steps=17544,
        notes=AUTOFORMER,
    )
    places = ("traffic.csv", "traffic/traffic.csv")
    defaults = LONG
