"""Fixtures shared by all tests."""

from __future__ import annotations

import base64
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import typer.main
from filelock import FileLock

from tests.registered import undone

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it puts into the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGycXHgAAAABJRU5ErkJggg=="
)
TINY: dict[str, Any] = {
    "dataset": {"name": "ptb-xl-sim", "patients": 60, "records_per_patient": 1.0},
    "window": {"seconds": 1.25},
    "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3},
    "training": {"epochs": 2, "batch_size": 64, "log_every": 2},
    "evaluation": {
        "labels": [1.0, 0.1],
        "seeds": 2,
        "n_bootstrap": 100,
        "finetune": {"epochs": 1, "min_steps": 2},
    },
}


def _shared_root() -> Path:
    return Path(os.environ.get("TSREP_SHARED", Path(__file__).parents[2] / "shared")).resolve()


@pytest.fixture(scope="session")
def shared_path() -> Callable[[str], Path]:
    """Path of a reference file or real recording; skips the test where they are not at hand."""

    def find(relative: str) -> Path:
        path = _shared_root() / relative
        if not path.exists():
            pytest.skip(
                f"needs {relative} under TSREP_SHARED ({_shared_root()}), which is not on this machine"
            )
        return path

    return find


@pytest.fixture(scope="session", autouse=True)
def data_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Simulated and converted recordings go to a temporary folder, never to the user's cache."""
    folder = tmp_path_factory.mktemp("data-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSREP_CACHE", str(folder / "panels"))
        patch.setenv("TSREP_DATA", str(folder / "data"))
        yield folder


def pytest_collection_finish() -> None:
    """Search what was imported for garbage no more, and the rest seldom: it took a fourteenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session", autouse=True)
def commands_made_once() -> Iterator[None]:
    """Making all commands with their options takes longer than many a command."""
    made = cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", made)
        patch.setattr("typer.testing._get_command", made)
        yield


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two gloo processes found; see :mod:`tests.ranks`. Their folder is under ``folder``.

    Of several workers of pytest the first starts them for all.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "ranks"
    folder.mkdir(exist_ok=True)
    found = [folder / f"rank{rank}.pt" for rank in range(2)]
    with FileLock(folder / "lock"):
        if not all(path.exists() for path in found):
            _start_ranks(folder)
    return [torch.load(path, weights_only=True) | {"folder": folder} for path in found]


def _start_ranks(folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.ranks", str(rank), "2", str(folder)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=240)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope="session")
def tiny_run(data_cache: Path) -> Path:
    """Folder of a finished run: two epochs of COMET on a small synthetic cohort."""
    from tsrep.runs.fit import fit

    return fit(TINY, out=data_cache / "run", progress=False).path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder on the path, where plug-ins are installed for a test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    with undone(folder):
        yield folder


@pytest.fixture
def plain_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without figures, which take longer than small runs and are tested where they are made."""
    monkeypatch.setattr("tsrep.report.rendering.figures_of", lambda contents: [])


@pytest.fixture
def one_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made, and those of PNG files not rendered, which takes longest."""
    from tsrep.inspect.figures import style

    whole = style.rendered
    monkeypatch.setattr(style, "rendered", lambda f, kind: ONE_PIXEL if kind == "png" else whole(f, kind))


@pytest.fixture(autouse=True)
def unrendered(request: pytest.FixtureRequest) -> None:
    """PNG files are rendered in the tests of figures alone."""
    if request.path.parent.name in ("cli", "docs", "report", "runs", "studies"):
        request.getfixturevalue("one_pixel")
