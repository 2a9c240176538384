"""Exported programs give what the originals give, at every size, and say what they take."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.encoders.small import SMALL
from tests.evaluation.test_look_backs import HORIZON, LOOKBACK, make
from tests.runs.test_forecast_own import own_table, trained, written
from tsrep.cli import main
from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, RunError
from tsrep.objectives.forecaster import Forecaster
from tsrep.registry import ENCODERS
from tsrep.runs.export import traced
from tsrep.runs.export.export import export
from tsrep.runs.export.traced import (
    Lengths,
    compare,
    noise,
    onnx_bytes,
    onnx_runner,
    pt2_bytes,
    pt2_runner,
    trace,
)
from tsrep.runs.export.traced_recurrent import recurrent_layers_whole
from tsrep.runs.folder import Run
from tsrep.runs.trained import shared_scaler

pytestmark = pytest.mark.usefixtures("one_onnx_registry")

KINDS = {"informer": "fixed", "xresnet1d": "fixed"} | dict.fromkeys(
    ["conv-s4d", "inverted-transformer", "lead-wise", "resnet1d", "s4d"], "multiple"
)
# written as ONNX with other encoders below, or, as add_ is, by the command
AS_OTHERS = (
    "_assert_tensor_metadata.default add.Tensor add_.Tensor alias.default any.dim arange.default "
    "arange.start_step avg_pool1d.default avg_pool2d.default bitwise_not.default chunk.default "
    "contiguous.default conv1d.default conv2d.default cos.default div.Tensor flatten.using_ints gelu.default "
    "isnan.default layer_norm.default linear.default mT.default mean.dim mul.Tensor neg.default "
    "new_zeros.default pad.default permute.default pow.Scalar relu.default relu_.default reshape.default "
    "scaled_dot_product_attention.default sin.default slice.Tensor squeeze.dim stack.default "
    "sym_size.int to.dtype transpose.int unflatten.int unsqueeze.default where.ScalarOther where.self "
    "zeros_like.default"
)
STEPS, ODD = 48, 47


def small(name: str) -> Encoder:
    torch.manual_seed(0)
    encoder: Encoder = ENCODERS.build({"name": name, **SMALL.get(name, {})}, channels=3)
    return encoder.eval()


@pytest.mark.long
@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_encoder_in_both_formats_at_a_length_that_is_no_multiple_of_its_stride(name: str) -> None:
    """As ONNX those are written that have all operations between them; the others consist of the same."""
    encoder, example = small(name), [noise(3, 3, ODD)]
    program, lengths = trace(encoder, example, encoder.stride)
    assert lengths.kind == ("fixed" if KINDS.get(name) == "multiple" else KINDS.get(name, "any"))
    assert compare(encoder, pt2_runner(pt2_bytes(program, "{}")), example, lengths) < 1e-5
    if operations(program) - set(AS_OTHERS.split()):
        again = onnx_runner(onnx_bytes(program, "{}", ["x"]))
        assert compare(encoder, again, example, lengths) < 1e-5


def operations(program: torch.export.ExportedProgram) -> set[str]:
    calls = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    return {call.removeprefix("aten.") for call in calls - {"<built-in function getitem>"}}


@pytest.mark.long
@pytest.mark.parametrize("name", ["inverted-transformer", "resnet1d"])
def test_encoders_with_a_stride_take_its_multiples(name: str) -> None:
    encoder, example = small(name), [noise(3, 3, STEPS)]
    program, lengths = trace(encoder, example, encoder.stride)
    assert lengths == Lengths("multiple", encoder.stride)
    assert compare(encoder, program.module(), example, lengths) < 1e-5


def test_what_torch_cannot_trace_is_one_sentence() -> None:
    class Asking(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * len(str(float(x.sum())))

    with pytest.raises(RunError, match=r"^Asking cannot be traced by torch.export \(.*\); use it in Python$"):
        trace(Asking(), [torch.ones(3, 3, 4)], None)


def test_recurrent_layers_are_themselves_again_after_a_trace() -> None:
    kernels = {op: dict(op.py_kernels) for op in (torch.ops.aten.gru.input, torch.ops.aten.lstm.input)}
    assert all(kernels.values())
    encoder, x = small("lstm"), noise(2, 3, 9)
    before = encoder(x)
    with recurrent_layers_whole():
        assert all(op.py_kernels != own for op, own in kernels.items())
        torch.testing.assert_close(encoder(x), before, rtol=0, atol=0)  # outside of a trace as ever
    assert all(op.py_kernels == own for op, own in kernels.items())


@pytest.mark.long
@pytest.mark.parametrize(("mixing", "calendar"), [("independent", True), ("mixed", False)])
def test_forecasters_with_covariates(mixing: str, calendar: bool) -> None:
    case = make(mixing, "mean-std", 2, calendar)
    forecaster = Forecaster(case.encoder, case.objective).eval()
    example = [noise(3, 5, LOOKBACK), noise(3, 2, HORIZON)]
    program, lengths = trace(forecaster, example, None)
    assert lengths == Lengths("fixed", LOOKBACK)
    compare(forecaster, pt2_runner(pt2_bytes(program, "{}")), example, lengths)
    compare(forecaster, onnx_runner(onnx_bytes(program, "{}", ["past", "ahead"])), example, lengths)


def test_a_program_that_differs_is_refused() -> None:
    encoder, other = small("identity"), small("identity")
    lengths = Lengths("any", 2)
    with pytest.raises(RunError, match=r"differs from the original by .* nothing was written"):
        compare(encoder, lambda x: other(x) + 1e-2, [noise(3, 3, STEPS)], lengths)
    with pytest.raises(RunError, match="gives shape"):
        compare(encoder, lambda x: other(x)[..., 1:], [noise(3, 3, STEPS)], lengths)
    with pytest.raises(RunError, match="differs"):
        compare(encoder, lambda x: other(x) * torch.nan, [noise(3, 3, STEPS)], lengths)


def test_what_onnx_does_not_know_is_one_sentence() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvals(x.mT @ x).real

    program, _ = trace(Odd(), [torch.ones(3, 3, 4)], None)
    with pytest.raises(RunError, match=r"cannot be written as ONNX .*; use the format pt2"):
        onnx_bytes(program, "{}", ["x"])


def test_a_panel_run_as_a_file(tiny_run: Path, tmp_path: Path) -> None:
    x, encoder = noise(4, 12, 125), Run(tiny_run).encoder()
    done = export(tiny_run, out=tmp_path / "own.pt2")
    extra = {"tsrep.json": ""}
    found = torch.export.load(done.path, extra_files=extra).module()(x)
    torch.testing.assert_close(found, encoder(x), rtol=1e-4, atol=1e-5)
    metadata = json.loads(extra["tsrep.json"])
    scaler = shared_scaler(Run(tiny_run))
    np.testing.assert_allclose(metadata["contract"]["standardise"]["mean"], scaler.mean[0])
    assert metadata["channels"] == Run(tiny_run).provenance["data"]["channels"]
    assert metadata["inputs"] == {"x": ["batch", 12, "time"]}
    assert (metadata["time"]["kind"], metadata["contract"]["sfreq"]) == ("any", 100.0)
    assert metadata["preprocessing"] == {"inside": [], "before": ["standardise"], "why": ""}
    assert [path.name for path in tmp_path.iterdir()] == ["own.pt2"]


def test_the_same_as_onnx_by_the_command(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "encoder.onnx"
    monkeypatch.setattr(
        sys, "argv", ["tsrep", "export", str(tiny_run), "--format", "onnx", "--out", str(path)]
    )
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    assert not left.value.code, printed.err
    assert "batches of any size and signals of any length" in printed.out
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = noise(2, 12, 77)
    np.testing.assert_allclose(
        session.run(None, {"x": x.numpy()})[0], Run(tiny_run).encoder()(x).detach(), rtol=1e-3, atol=1e-5
    )
    assert json.loads(session.get_modelmeta().custom_metadata_map["tsrep"])["what"] == "encoder"


@pytest.fixture(scope="module")
def forecasting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    return trained(written(own_table(), place), place / "run").path


def test_a_forecasting_run_as_a_file(forecasting: Path, tmp_path: Path) -> None:
    forecaster = Run(forecasting).forecaster()
    done = export(forecasting, what="forecaster", out=tmp_path / "f.pt2")
    inputs = [noise(4, *shape[1:]) for shape in done.metadata["inputs"].values()]
    found = torch.export.load(done.path).module()(*inputs)
    ahead = inputs[1] if len(inputs) > 1 else inputs[0].new_zeros(4, 0, forecaster.horizon)
    torch.testing.assert_close(found, forecaster(inputs[0], ahead), rtol=1e-4, atol=1e-5)
    assert done.lengths == Lengths("fixed", forecaster.lookback)
    assert done.metadata["normalisation"] == "last"


def refusal(work: Callable[[], Any]) -> str:
    with pytest.raises((ConfigError, RunError)) as error:
        work()
    return str(error.value)


def test_refusals(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "makes no forecasts" in refusal(lambda: export(tiny_run, what="forecaster"))
    assert "does not end in .onnx" in refusal(lambda: export(tiny_run, format="onnx", out=tmp_path / "a.pt2"))
    assert "less than two strides" in refusal(lambda: export(tiny_run, steps=1))
    assert "are too long to compare" in refusal(lambda: export(tiny_run, steps=99_999_999))
    monkeypatch.setattr(traced, "find_spec", lambda name: None if name == "onnxruntime" else object())
    said = refusal(lambda: export(tiny_run, format="onnx"))
    assert said == "ONNX files need the package onnxruntime, which is not installed; install tsrep[onnx]"
    assert not list(tiny_run.glob("*.onnx"))


def test_a_file_that_would_differ_is_not_written(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tsrep.runs.export.export.pt2_runner", lambda content: lambda x: torch.zeros(len(x), 8, x.shape[2])
    )
    assert "nothing was written" in refusal(lambda: export(tiny_run, out=tmp_path / "a.pt2"))
    assert not list(tmp_path.iterdir())
