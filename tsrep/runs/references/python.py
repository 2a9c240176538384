"""``module:function`` and ``PATH.py:function``: what a user's code makes, such as an encoder of others."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tsrep.datasets.dataset import cache_folder
from tsrep.encoders.adapters.adapter import Adapter, adapted
from tsrep.encoders.adapters.check import check_foreign
from tsrep.errors import ConfigError, TsrepError
from tsrep.files import write_json
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import PYTHON, REFERENCES, ReferenceKind
from tsrep.runs.weights import weights_digest

NAMED = re.compile(r"(?P<place>.+):(?P<function>[A-Za-z_]\w*)(@(?P<variant>[\w.+-]+))?")


@REFERENCES.register("python")
class PythonReference(ReferenceKind):
    """A function that makes an encoder, by module or file; what follows ``@`` is its ``variant``.

    The code runs, so such a text is taken from a user and never from a file that was downloaded. What it
    makes is tried before its first use; see :func:`tsrep.encoders.adapters.check.check_foreign`.
    """

    form, rank = "module:function or PATH.py:function, with @VARIANT", PYTHON

    def matches(self, text: str) -> bool:
        """See :meth:`ReferenceKind.matches`."""
        found = NAMED.fullmatch(text)
        return found is not None and (found["place"].endswith(".py") or _is_module(found["place"]))

    def open(self, text: str) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`."""
        maker = _Maker.of(text)
        encoder = maker()
        digest = weights_digest(encoder.state_dict())
        _check_once(maker, encoder, digest)
        return LoadedEncoder(
            encoder,
            encoder.contract,
            text,
            digest,
            name=encoder.description.name,
            licence=encoder.description.licence,
            citation=encoder.description.citation,
            provenance={
                "parameters_from": encoder.description.parameters_from,
                "data": {"source": ", ".join(encoder.description.sources) or "unknown data"},
            },
            recipe={"evaluation": {"pool": "mean"}},
            draw=encoder.untrained,
        )

    def check(self, text: str) -> tuple[str, ...]:
        """What is found when the encoder is tried, a sentence each.

        Raises
        ------
        ContractError, ConfigError
            Naming the first fault.
        """
        maker = _Maker.of(text)
        return check_foreign(maker, maker.function)


@dataclass(frozen=True)
class _Maker:
    """A function of a module or file, with its variant."""

    place: str
    function: str
    variant: str | None

    @classmethod
    def of(cls, text: str) -> _Maker:
        found = NAMED.fullmatch(text)
        if found is None:
            raise ConfigError(f"{text} names no function; write module:function or PATH.py:function")
        return cls(found["place"], found["function"], found["variant"])

    def __call__(self) -> Adapter:
        name = f"{Path(self.place).name}:{self.function}"
        with _importing(Path(self.place).parent), _told(name):
            make = self._make(name)
            made = make() if self.variant is None else make(variant=self.variant)
            return adapted(made, name).eval()

    def _make(self, name: str) -> Any:
        path = Path(self.place)
        if path.suffix != ".py":
            module = importlib.import_module(self.place)
        elif path.is_file():
            module = _executed(path.resolve())
        else:
            raise ConfigError(f"{path} does not exist; give the path of the file that has {self.function}")
        make: Any = getattr(module, self.function, None)
        if not callable(make):
            raise ConfigError(f"{name} is no function; let {self.place} define it")
        return make


@cache
def _executed(path: Path) -> Any:
    """The module of a file, which a name of its own keeps apart from all that are installed."""
    spec = importlib.util.spec_from_file_location(f"_foreign_{path.stem}_{abs(hash(path))}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be read as Python; give a .py file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def _importing(folder: Path) -> Iterator[None]:
    """Imports from the working directory and from the folder of the file come first, as in a script."""
    before = list(sys.path)
    sys.path[:0] = [str(Path.cwd()), str(folder.resolve())]
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tell any error of the function in one sentence."""
    try:
        yield
    except TsrepError:
        raise
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{name} needs the module {error.name}; install it, or put it into the working directory"
        ) from error
    except (Exception, SystemExit) as error:  # whatever the code of others raises
        what = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        raise ConfigError(f"{name} failed: {what}; correct the function, or what it reads") from error


def _is_module(place: str) -> bool:
    return all(part.isidentifier() for part in place.split("."))


def _check_once(maker: _Maker, encoder: Adapter, digest: str) -> None:
    """Try an encoder unless these weights under this contract were tried before."""
    verdict = cache_folder(None) / "foreign" / f"{digest[:32]}-{encoder.contract.digest[:16]}.json"
    if verdict.exists():
        return
    found = check_foreign(maker, maker.function)
    if not encoder.description.random:  # others next time
        write_json(verdict, {"reference": f"{maker.place}:{maker.function}", "found": found})
