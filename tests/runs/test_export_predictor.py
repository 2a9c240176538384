"""A file with everything in: raw windows to probabilities, used without this package."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import TINY
from tsrep.cli import main
from tsrep.errors import TsrepError
from tsrep.runs.evaluate_other import evaluate_other
from tsrep.runs.export.export import Exported, export
from tsrep.runs.export.quantised import Loss
from tsrep.runs.folder import Run
from tsrep.runs.predict.options import Options
from tsrep.runs.predict.predict import predict
from tsrep.runs.prepare_panel import PreparedPanel

pytestmark = pytest.mark.usefixtures("one_onnx_registry")

ALONE = """\
import sys
sys.modules["tsrep"] = sys.modules["torch"] = None  # neither can be imported
{source}
print(json.dumps([predict(x) for x in np.load("records.npy")]))
"""


@pytest.fixture(scope="module")
def records(probed_run: Path) -> Any:
    prepared: Any = Run(probed_run).prepare()
    assert isinstance(prepared, PreparedPanel)
    return prepared.records.select(np.arange(3))


@pytest.fixture(scope="module")
def as_onnx(probed_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime, which the extra tsrep[onnx] brings")
    path = tmp_path_factory.mktemp("exported") / "predictor.onnx"
    return export(
        probed_run, format="onnx", what="predictor", out=path, further=["z"], quantise="int8", force=True
    )


@pytest.mark.long
def test_ten_lines_without_this_package_predict_as_it_does(
    as_onnx: Exported, probed_run: Path, records: Any
) -> None:
    np.save(as_onnx.path.parent / "records.npy", records.take(np.arange(3)))
    (as_onnx.path.parent / "alone.py").write_text(ALONE.format(source=as_onnx.metadata["snippet"]))
    done = subprocess.run(
        [sys.executable, "-I", "alone.py"],
        cwd=as_onnx.path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table = predict(probed_run, records, options=Options(calibration=False)).to_frame()
    for row, found in zip(table.to_dict("records"), json.loads(done.stdout), strict=True):
        for name, probability in found.items():
            assert probability == pytest.approx(row[f"p_{name}"], abs=1e-5)


def test_the_file_says_what_a_user_must_know(as_onnx: Exported, probed_run: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(as_onnx.path, providers=["CPUExecutionProvider"])
    said = json.loads(session.get_modelmeta().custom_metadata_map["tsrep"])
    assert said == as_onnx.metadata
    loaded = Run(probed_run).loaded()
    assert said["contract"]["digest"] == loaded.contract.digest
    assert (said["weights"], said["calibrated"]) == (loaded.weights, False)
    assert said["head"]["classes"] == list(loaded.head().classes)
    assert said["preprocessing"] == {"inside": ["standardise"], "before": [], "why": ""}
    assert "windows of the validation part" in said["checked"]
    assert [output.name for output in session.get_outputs()] == ["probability", "z"]
    x = np.zeros((4, 12, 125), np.float32)
    assert [each.shape for each in session.run(None, {"x": x})] == [(4, 5), (4, 16)]
    assert as_onnx.difference < 1e-5


def test_weights_of_eight_bits_stand_beside(as_onnx: Exported) -> None:
    import onnxruntime

    assert as_onnx.quantised == as_onnx.path.with_suffix(".int8.onnx")
    assert as_onnx.loss is not None
    session = onnxruntime.InferenceSession(as_onnx.quantised, providers=["CPUExecutionProvider"])
    said = json.loads(session.get_modelmeta().custom_metadata_map["tsrep"])
    assert said["quantised"] == as_onnx.loss.plain()
    assert said["snippet"]
    x = np.random.default_rng(0).normal(0, 0.3, (3, 12, 125)).astype(np.float32)
    assert session.run(["probability"], {"x": x})[0].shape == (3, 5)


def test_what_eight_bits_may_cost() -> None:
    def loss(decisions: float, auroc: float | None) -> str:
        return Loss(0.3, 0.01, decisions, auroc, "all", 1.0, 1.0).refusal

    assert loss(0.01, 0.002) == loss(0.0, None) == loss(0.005, -0.1) == ""
    assert loss(0.0, 0.003).startswith("macro AUROC falls by 0.0030")
    assert loss(0.02, None).startswith("2.0% of decisions change")


def test_fewer_leads_in_a_program_of_torch(probed_run: Path, records: Any, tmp_path: Path) -> None:
    leads = ("II", "I", "V1", "V2", "V3", "V4", "V5", "V6")
    done = export(
        f"{probed_run}@0", what="predictor", leads=leads, calibrated=True, further=["steps"],
        out=tmp_path / "p.pt2",
    )  # fmt: skip
    assert done.metadata["channels"] == list(leads)
    loaded, extra = Run(probed_run).loaded(), {"tsrep.json": ""}
    program = torch.export.load(done.path, extra_files=extra).module()
    assert json.loads(extra["tsrep.json"]) == done.metadata
    windows = records.take(np.arange(3))[..., :125]
    channels = loaded.contract.channels or ()
    given = torch.from_numpy(windows[:, [channels.index(name) for name in leads]])
    full = torch.from_numpy(windows)
    by_name = {name: full[:, i] for i, name in enumerate(channels)}
    one, two = by_name["I"], by_name["II"]
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    shown = torch.cat([torch.stack(limb, dim=1), full[:, 6:]], dim=1)
    how = loaded.contract.standardise
    x = (shown - torch.tensor(how.mean)[:, None]) / torch.tensor(how.std)[:, None]
    with torch.no_grad():
        z = loaded.encoder(x)
        found, steps = program(given)
    pooled = torch.cat([z.amax(dim=-1), z.mean(dim=-1)], dim=-1)
    torch.testing.assert_close(steps, z, rtol=1e-4, atol=1e-5)
    wanted = loaded.head().calibrated(loaded.head().classifier.predict(pooled.numpy()))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=1e-5)


def refusal(work: Callable[[], Any]) -> str:
    with pytest.raises(TsrepError) as error:
        work()
    return str(error.value)


def test_refusals(tiny_run: Path, probed_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def said(run: Path = probed_run, **options: Any) -> str:
        return refusal(lambda: export(run, **({"what": "predictor"} | options)))

    assert "has no head probe-9; it has probe-1-0" in said(head="probe-9")
    assert "V1, V2, V3, V4, V5, V6 do not follow from I, II" in said(leads=["I", "II"])
    assert "write --with z or --with steps" in said(further=["probabilities"])
    assert "8-bit weights are those of an ONNX file, not of pt2" in said(quantise="int8")
    assert "--head says nothing of the encoder" in said(what="encoder", head="probe-1-0")
    assert "--steps says nothing of the forecaster" in said(what="forecaster", steps=3)
    assert "is no run folder" in said(run=Path("nothing"))
    assert "makes no forecasts" in said(what="forecaster")
    assert not list(tmp_path.iterdir())


def test_by_the_command(
    probed_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(probed_run), "--preprocessing", "full", "--leads", "I,V1"]
    monkeypatch.setattr(sys, "argv", ["tsrep", *arguments, "--out", str(tmp_path / "e.pt2")])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "do not follow from I, V1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


FOREIGN = """\
from torch import nn

def load(variant="authors"):
    import torch
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv1d(12, 6, 9, stride=4, padding=4), nn.ReLU())
    network.contract = {
        "modality": "ecg", "sfreq": 100, "unit": "mV", "scale": 10,
        "channels": ["I", "II", "III", "aVR", "aVL", "aVF", *(f"V{n}" for n in range(1, 7))],
        "window": {"steps": 125}, "missing_values": "interpolate",
        "output": {"dim": 6, "stride": 4, "time": True},
    }
    return network
"""


def test_an_encoder_of_somebody_else_with_the_head_of_an_evaluation(
    tmp_path: Path, records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("foreign.py").write_text(FOREIGN)
    settings = {key: value for key, value in TINY["dataset"].items() if key != "name"}
    evaluate_other(
        "foreign.py:load", {"name": "ptb-xl-sim", **settings}, out="scores", protocols=["probe"],
        labels=[1.0], seeds=1, progress=False,
    )  # fmt: skip
    assert "has no head" in refusal(lambda: export("foreign.py:load", what="predictor"))
    done = export("foreign.py:load", what="predictor", head="scores")
    assert done.path == Path("predictor.pt2")
    assert done.metadata["preprocessing"]["inside"] == ["clip and scale"]
    x = records.take(np.arange(3))[..., :125]
    (found,) = torch.export.load(done.path).module()(torch.from_numpy(x))
    options = Options(head="scores", calibration=False)
    table = predict("foreign.py:load", records, windows=True, options=options).to_frame()
    wanted = table[table.window == 0][[f"p_{name}" for name in done.metadata["head"]["classes"]]]
    np.testing.assert_allclose(found.detach(), wanted, rtol=0, atol=1e-5)
