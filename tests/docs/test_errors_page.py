"""The page on errors has every class of error and every exit code, and no other."""

from __future__ import annotations

import re

import tsrep.errors
from tests.docs.snippets import ROOT
from tsrep.training.interrupt import Interrupted


def test_every_error_class_is_explained() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    own = (value for value in vars(tsrep.errors).values() if isinstance(value, type))
    classes = {cls for cls in own if issubclass(cls, tsrep.errors.TsrepError)} | {Interrupted}
    assert told == {cls.__name__ for cls in classes}
    for cls in classes:
        assert f"| {cls.exit_code} |" in page
