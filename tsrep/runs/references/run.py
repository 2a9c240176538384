"""``RUN`` and ``RUN@K``: the folder of a run, or of one of its seeds."""

from __future__ import annotations

from pathlib import Path

from tsrep.runs.folder import Run
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import PLACED, REFERENCES, ReferenceKind


@REFERENCES.register("run")
class RunReference(ReferenceKind):
    """A run that ``tsrep fit`` made; of several seeds the first stands for it where one is wanted."""

    form, rank = "RUN or RUN@K", PLACED

    def matches(self, text: str) -> bool:
        """See :meth:`ReferenceKind.matches`; a seed that there is not is told when it is opened."""
        path = Path(text)
        whole = path.with_name(path.name.rpartition("@")[0] or path.name) if path.name else path
        return any((each / "config.yaml").is_file() for each in (path, whole))

    def open(self, text: str) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`."""
        return self.run(text).loaded()

    def open_every_seed(self, text: str) -> tuple[LoadedEncoder, ...]:
        """See :meth:`ReferenceKind.open_every_seed`."""
        return tuple(run.loaded() for run in self.run(text).by_seed)

    def run(self, text: str) -> Run:
        """See :meth:`ReferenceKind.run`."""
        return Run(text)
