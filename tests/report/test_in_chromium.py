"""The page of a run in a browser: no overflow, alternative text, readable colours, and a map that answers."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.run_folder import make_run
from tsrep.inspect.figures.embedding_map import Projection
from tsrep.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, a package of Debian")

PROBE = Path(__file__).with_name("probe.js")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything on it, and with the probe."""
    run = make_run(tmp_path_factory.mktemp("browser") / "run")
    embeddings = np.load(run / "embeddings.npz")
    trial = embeddings["trial"][embeddings["part"] == 2]
    outline = np.random.default_rng(0).integers(-127, 128, (len(trial), 2, 50)).astype(np.int8)
    np.savez(
        run / "traces.npz", trial=trial, outline=outline, scale=np.ones(len(trial)),
        record=[f"r{t}" for t in trial], patient=["p"] * len(trial),
        channels=["I", "II"], seconds=2.5, unit="mV",
    )  # fmt: skip

    def first_two(x: np.ndarray) -> Projection:
        return Projection(np.asarray(x[:, :2], np.float64), np.arange(len(x)), "two numbers")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsrep.inspect.figures.embedding_map.project", first_two)
        report = write_report(run)
    probe = f"<script>{PROBE.read_text(encoding='utf-8')}</script></body>"
    report.write_text(report.read_text(encoding="utf-8").replace("</body>", probe), encoding="utf-8")
    return report


def opened(page: Path, width: int, *flags: str) -> dict[str, Any]:
    """What the probe finds in a window that is so many pixels wide."""
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900", *flags]
    command += [f"--user-data-dir={page.parent / f'profile-{width}'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return dict(json.loads(html.unescape(found[1])))


@pytest.mark.parametrize(
    ("width", "flags"),
    [(390, ()), (1280, ("--blink-settings=preferredColorScheme=0",))],
    ids=["narrow", "dark"],
)
def test_it_can_be_read_and_used(page: Path, width: int, flags: tuple[str, ...]) -> None:
    found = opened(page, width, *flags)
    assert found["wide"] <= found["window"]
    assert found["poor"] == []
    assert found["silent"] == 0
    assert found["points"] > 20
    assert found["first"].startswith("Record r")
    assert found["second"] != found["first"]
    assert found["back"] != found["second"]
    assert found["traces"] == 2
