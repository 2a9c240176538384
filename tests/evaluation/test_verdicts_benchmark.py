"""The benchmark of verdicts runs on simulated features, and seeds are what patients alone forget."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "verdicts.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program as a module, in the quick form and without processes of its own."""
    spec = spec_from_file_location("verdicts", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "verdicts", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(sys, "argv", [str(BENCHMARK), "--quick"])
    return module


@pytest.mark.long
def test_the_quick_form_ends_with_rates_that_hold(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.main()
    said = capsys.readouterr().out.splitlines()
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
