"""Names for pluggable parts: encoders, objectives, losses, views, samplers, data sets, splits and protocols.

A registry holds classes and, for each, a pydantic model made from its signature, so that a configuration file
is checked before anything runs. The modules of the registry's package are found by themselves, and other
distributions join through an entry point group of the same name. Names are read from the source; a module is
imported when a part that it registers is asked for.
"""

from tsrep.registry.chosen import Chosen
from tsrep.registry.entry import Entry
from tsrep.registry.kinds import (
    CLASSIFIERS,
    DATASETS,
    ENCODERS,
    HEADS,
    LOSSES,
    OBJECTIVES,
    PROTOCOLS,
    REGISTRIES,
    SAMPLERS,
    SPLITS,
    TRACKERS,
    VIEWS,
    list_registered,
)
from tsrep.registry.registry import NAME, Registry
from tsrep.registry.settings import DISTINCT, DeviceName, Settings, explain, nearest

__all__ = [
    "CLASSIFIERS", "DATASETS", "DISTINCT", "ENCODERS", "HEADS", "LOSSES", "NAME", "OBJECTIVES", "PROTOCOLS",
    "REGISTRIES", "SAMPLERS", "SPLITS", "TRACKERS", "VIEWS", "Chosen", "DeviceName", "Entry", "Registry",
    "Settings", "explain", "list_registered", "nearest",
]  # fmt: skip
