"""``hub:owner/name[@revision]``, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tsrep.errors import RunError

PREFIX = "hub:"
FORM = re.compile(
    r"hub:(?P<owner>[A-Za-z0-9][\w.-]*)/(?P<name>[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[A-Za-z0-9][\w./-]*))?"
)


@dataclass(frozen=True)
class HubName:
    """A repository on a hub.

    Attributes
    ----------
    repository : str
        ``"owner/name"``.
    revision : str
        Branch, tag or commit; empty for the main branch.
    """

    repository: str
    revision: str = ""

    @classmethod
    def of(cls, text: str) -> HubName:
        """From a reference.

        Raises
        ------
        RunError
            When it is not of that form.
        """
        found = FORM.fullmatch(text)
        if found is None or ".." in text:
            raise RunError(f"{text} names nothing on a hub; write hub:owner/name or hub:owner/name@revision")
        return cls(f"{found['owner']}/{found['name']}", found["revision"] or "")

    def __str__(self) -> str:
        return f"{self.unpinned}@{self.revision}" if self.revision else self.unpinned

    @property
    def unpinned(self) -> str:
        """The reference without a revision."""
        return f"{PREFIX}{self.repository}"

    @property
    def is_commit(self) -> bool:
        """Whether the revision can be a commit, whole or its first digits, which never changes."""
        return re.fullmatch(r"[0-9a-f]{7,40}", self.revision) is not None


def refuse_unpinned(text: str, where: str) -> None:
    """Check that a reference to a hub names a commit, where something runs for days.

    Parameters
    ----------
    text : str
        Any reference.
    where : str
        Setting that it stands in, for the message.

    Raises
    ------
    RunError
    """
    if text.startswith(PREFIX) and not HubName.of(text).is_commit:
        raise RunError(f"{where} is {text}, which may change while a study runs; pin it with @COMMIT")
