"""References: texts that name an encoder, each of a registered kind."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tsrep.errors import RunError
from tsrep.registry import Registry

if TYPE_CHECKING:
    from tsrep.runs.folder import Run
    from tsrep.runs.loaded_encoder import LoadedEncoder

REFERENCES = Registry("reference", "tsrep.runs.references")
PREFIXED, PLACED, PYTHON = 0, 1, 2  # ranks: by a prefix, by what lies at a path, by what a module has


class ReferenceKind(ABC):
    """A way of naming an encoder; registered with ``@REFERENCES.register("name")``.

    Attributes
    ----------
    form : str
        How such a text is written, for messages and help: ``"hub:owner/name[@revision]"``.
    rank : int
        Kinds of a lower rank are asked first whether a text is theirs.
    """

    name: ClassVar[str] = "unregistered"
    form: ClassVar[str]
    rank: ClassVar[int] = PLACED

    @abstractmethod
    def matches(self, text: str) -> bool:
        """Whether a text is of this kind, as far as can be told without opening anything."""

    @abstractmethod
    def open(self, text: str) -> LoadedEncoder:
        """The encoder that a text of this kind names.

        Raises
        ------
        RunError, ConfigError, ContractError
            When it is missing or broken; nothing is executed that was downloaded.
        """

    def open_every_seed(self, text: str) -> tuple[LoadedEncoder, ...]:
        """The encoders of all seeds, where a text names a run of several; else the one."""
        return (self.open(text),)

    def check(self, text: str) -> tuple[str, ...]:
        """Try the encoder on small batches before anything is computed with it; what was found, in sentences.

        Raises
        ------
        ContractError
            When it is not what its contract says, or depends on what else is in a batch.
        """
        from tsrep.runs.encoder_checks import check_encoder

        return check_encoder(self.open(text))

    def run(self, text: str) -> Run:
        """The run that a text names, with its own data, objective and forecasts.

        Raises
        ------
        RunError
            When it names none.
        """
        raise RunError(
            f"{text} is no run folder, so it has no data and no objective of its own; name data with "
            "--dataset, or give a run that tsrep fit made"
        )


@dataclass(frozen=True)
class Reference:
    """A text with the kind of reference that it is."""

    text: str
    kind: ReferenceKind

    def __str__(self) -> str:
        return self.text

    def open(self) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`."""
        return self.kind.open(self.text)

    def open_every_seed(self) -> tuple[LoadedEncoder, ...]:
        """See :meth:`ReferenceKind.open_every_seed`."""
        return self.kind.open_every_seed(self.text)

    def check(self) -> tuple[str, ...]:
        """See :meth:`ReferenceKind.check`."""
        return self.kind.check(self.text)

    @property
    def run(self) -> Run:
        """See :meth:`ReferenceKind.run`."""
        return self.kind.run(self.text)


def resolve(text: Reference | Run | Path | str) -> Reference:
    """What a text names.

    Parameters
    ----------
    text : str, Path, Run or Reference
        A run folder or ``RUN@K``, a packed folder, ``hub:owner/name@revision``, ``FILE.safetensors``,
        ``module:function``, ``random:NAME``, ``simple:NAME`` or ``features:FILE``.

    Raises
    ------
    RunError
        When it fits no kind; the message names the nearest run folder.
    """
    if isinstance(text, Reference):
        return text
    spelt = str(getattr(text, "path", text))
    kinds: list[ReferenceKind] = [REFERENCES.build({"name": name}) for name in REFERENCES.names()]
    for kind in sorted(kinds, key=lambda kind: (kind.rank, kind.name)):
        if kind.matches(spelt):
            return Reference(spelt, kind)
    raise RunError(
        f"`{spelt}` is no run folder, file, hub reference (hub:owner/name) nor module:function"
        f"{_nearest_run(Path(spelt))}"
    )


def _nearest_run(path: Path) -> str:
    """A hint at the run folder whose path is most like one that does not exist."""
    runs = [str(folder) for folder in _runs_near(path)]
    close = difflib.get_close_matches(str(path), runs, n=1, cutoff=0.6)
    return (
        f"; nearest run folder: {close[0]}" if close else "; see tsrep encoder --help for what may be given"
    )


def _runs_near(path: Path) -> Iterator[Path]:
    for place in dict.fromkeys((path.parent, Path("runs"))):
        if place.is_dir():
            yield from sorted(child for child in place.iterdir() if (child / "config.yaml").is_file())
