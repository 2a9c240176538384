"""Training compiles the encoder without another result."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.bending import TOGETHER, bending_trainer
from tsrep.training.auto import compile_fault


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # the compiler warns of its own parts
def test_a_compiled_encoder_learns_what_a_plain_one_learns(tmp_path: Path) -> None:
    if fault := compile_fault(torch.device("cpu")):
        pytest.skip(f"nothing can be compiled here: {fault}")
    plain, compiled = (
        bending_trainer(tmp_path / str(how), compile=how, epochs=1, **TOGETHER) for how in (False, True)
    )
    plain.run()
    compiled.run()
    assert compiled.net.encoder._compiled_call_impl is not None
    learned = compiled.net.state_dict()
    assert learned.keys() == plain.net.state_dict().keys()
    for name, weight in plain.net.state_dict().items():
        torch.testing.assert_close(learned[name], weight, rtol=1e-4, atol=1e-5, msg=name)
