"""The sections of data/README.md on published data sets are what these say of themselves."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_readme_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "docs/data_sections.py"))
    text = page["README"].read_text(encoding="utf-8")
    assert text.count(page["BEGIN"]) == text.count(page["END"]) == 1
    assert page["written"](text) == text, "run: python docs/data_sections.py"
    for part in ("## cinc2021", "| `mitdb` |", "DIR/training/georgia/g1/E00001.hea", "Cite: Moody GB"):
        assert part in text
