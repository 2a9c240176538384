"""A run with a head that was kept, for what predicts and exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY


@pytest.fixture(scope="session")
def probed_run(data_cache: Path) -> Path:
    """Folder of a finished run on a small synthetic cohort, evaluated by a linear probe."""
    from tsrep.runs.evaluate import evaluate
    from tsrep.runs.fit import fit

    run = fit(TINY, out=data_cache / "probed-run", progress=False)
    evaluate(run, protocols=["probe"], labels=[1.0], seeds=1, progress=False)
    return run.path
