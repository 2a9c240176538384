"""``FILE.safetensors``: the encoder file of a run, alone."""

from __future__ import annotations

from pathlib import Path

from tsrep.runs.encoder_file import read_encoder_file
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import PLACED, REFERENCES, ReferenceKind


@REFERENCES.register("file")
class FileReference(ReferenceKind):
    """Weights as safetensors whose metadata say which encoder they belong to and what it must be shown."""

    form, rank = "FILE.safetensors", PLACED

    def matches(self, text: str) -> bool:
        """See :meth:`ReferenceKind.matches`; a missing file is told as such."""
        return text.endswith(".safetensors") and not Path(text).is_dir()

    def open(self, text: str) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`."""
        file = read_encoder_file(Path(text))
        return LoadedEncoder(file.encoder(), file.contract, text, file.digest, architecture=file.architecture)
