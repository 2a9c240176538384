"""What is registered, for tests that install plug-ins."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsrep.datasets.unlabelled.format import RECORDINGS
from tsrep.objectives.autotcl import FORMS
from tsrep.registry import CLASSIFIERS, REGISTRIES
from tsrep.registry.registry import installed
from tsrep.runs.predict.writers.writer import WRITERS
from tsrep.runs.references.reference import REFERENCES

ALL = (*REGISTRIES.values(), CLASSIFIERS, FORMS, RECORDINGS, REFERENCES, WRITERS)


def look_again() -> None:
    """Forget which plug-ins are installed."""
    installed.cache_clear()
    for each in ALL:
        vars(each).pop("_sources", None)


@contextmanager
def undone(folder: Path) -> Iterator[None]:
    """Forget afterwards what modules of a folder have registered, and the modules."""
    known = [set(each.names()) for each in ALL]
    yield
    for each, before in zip(ALL, known, strict=True):
        for name in each._entries.keys() - before:
            del each._entries[name]
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{folder}/"):
            del sys.modules[name]
    look_again()
