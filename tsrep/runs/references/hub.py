"""``hub:owner/name[@revision]``: a packed encoder on a hub, in its cache, or in a folder that is the hub."""

from __future__ import annotations

from dataclasses import replace

from tsrep.runs.hub import fetch
from tsrep.runs.hub_name import PREFIX, HubName
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.open_packed import open_packed
from tsrep.runs.references.reference import PREFIXED, REFERENCES, ReferenceKind


@REFERENCES.register("hub")
class HubReference(ReferenceKind):
    """A packed encoder that others shared; nothing of it is executed."""

    form, rank = "hub:owner/name[@revision]", PREFIXED

    def matches(self, text: str) -> bool:
        """See :meth:`ReferenceKind.matches`."""
        return text.startswith(PREFIX)

    def open(self, text: str) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`; the commit stands in its provenance."""
        snapshot = fetch(HubName.of(text))
        loaded = open_packed(snapshot.folder, text)
        return replace(loaded, provenance={**loaded.provenance, "revision": snapshot.revision})
