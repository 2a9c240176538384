"""A run with a head that was kept, for what predicts and exports."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
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


@pytest.fixture(scope="module")
def one_onnx_registry() -> Iterator[None]:
    """Operators of ONNX are collected once: for each export they would take longer than the program does."""
    from torch.onnx._internal.exporter._registration import onnxscript_apis

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxscript_apis, "get_torchlib_ops", cache(onnxscript_apis.get_torchlib_ops))
        yield
