"""``FOLDER``: a packed encoder, as ``tsrep hub push`` writes it and ``tsrep hub pull`` fetches it."""

from __future__ import annotations

from pathlib import Path

from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.open_packed import open_packed
from tsrep.runs.packed_config import CONFIG, WEIGHTS
from tsrep.runs.references.reference import PLACED, REFERENCES, ReferenceKind


@REFERENCES.register("packed")
class PackedReference(ReferenceKind):
    """A folder with ``config.json`` and weights; a run's folder, which has none, is another kind."""

    form, rank = "FOLDER", PLACED

    def matches(self, text: str) -> bool:
        """See :meth:`ReferenceKind.matches`."""
        return any((Path(text) / name).is_file() for name in (CONFIG, WEIGHTS, "pytorch_model.bin"))

    def open(self, text: str) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`."""
        return open_packed(Path(text), text)
