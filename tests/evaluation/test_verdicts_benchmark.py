"""The benchmark of verdicts runs on simulated features, and seeds are what patients alone forget."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "verdicts.py"


def test_the_quick_form_ends_with_rates_that_hold() -> None:
    command = [sys.executable, str(BENCHMARK), "--quick"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = json.loads(said[-1])
    assert found["name"] == "verdicts"
    assert found["repetitions"] == 20
    heads, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in said[:-1]]
    rates = [dict(zip(heads, row, strict=True)) for row in rows]
    assert [(each["labels"], each["patients"]) for each in rates] == [
        ("100 %", "50"), ("100 %", "400"), ("10 %", "50"), ("10 %", "400"),
    ]  # fmt: skip

    def mean(name: str) -> float:
        return sum(float(each[name]) for each in rates) / len(rates)

    assert mean("one encoder") <= 0.12
    assert mean("five") <= 0.12
    assert mean("five: patients only") > 0.2
    for name in ("coverage, one value", "coverage, mean value", "coverage, gain"):
        assert mean(name) >= 0.88
