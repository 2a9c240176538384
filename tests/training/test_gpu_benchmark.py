"""What `benchmarks/gpu.sh` simulates can be read, and its table is written where nothing compiles."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

import tsrep

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import gpu

    return gpu


def test_recordings_of_full_size_are_those_of_ptb_xl_but_for_their_number(
    gpu: ModuleType, tmp_path: Path
) -> None:
    gpu.simulate(tmp_path / "data", 40, 500)
    panel = tsrep.load("arrays", tmp_path / "data", sfreq=500.0, unit="uV", progress=False)
    assert panel.x.shape == (40, gpu.LEADS, 5_000)
    assert set(panel.classes) <= {f"rhythm {k}" for k in range(4)}


def test_a_machine_without_a_compiler_has_a_table_too(gpu: ModuleType) -> None:
    of_mode = {"milliseconds": 2.0, "megabytes": None}
    steps = {
        "simclr": {"tflop": 0.001, "float32": of_mode, "bfloat16": of_mode},
        "symile": {"refused": "it needs three groups of channels"},
    }
    result = {
        "device": "cpu",
        "steps": steps,
        "tflops_of_matrix_products": {"float32": 1.0, "bfloat16": 1.0},
        "compile_gain": gpu.compile_gain(steps),
        "waits_for_data": {"on_device": 1.0, "from_host": 1.5},
        "largest_batch": None,
        "full_size": {"100 Hz": {"an epoch": 3.0}},
    }
    text = "\n".join(gpu.table(result))
    assert "| simclr | 2.0 | 2.0 | 50% | 50% |" in text
    assert "symile: it needs three groups of channels" in text
    assert "compiled steps take" not in text
