"""A transfer that was planted is found."""

from __future__ import annotations

from pathlib import Path

import pytest

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.mark.long
def test_what_was_learnt_on_one_cohort_helps_on_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(STUDIES)
    import planted_transfer

    (found,) = planted_transfer.transfer(tmp_path, planted_transfer.QUICK)
    assert found.primary
    assert found.adjusted_p < 0.05
    assert found.difference.low > 0
    assert found.difference.covers == "patients and training seeds"
