"""The command line as a user runs it, in a process of its own where a signal or an import matters."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.cli.conftest import Command
from tests.conftest import TINY
from tests.report.run_folder import make_run
from tsrep.registry import REGISTRIES
from tsrep.training.checkpoint import load_weights


def tsrep(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tsrep", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=_environment(),
        timeout=300,
        check=False,
    )


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


def test_what_answers_at_once_needs_no_heavy_import(tmp_path: Path) -> None:
    heavy = {"torch", "numpy", "pandas", "sklearn", "wfdb", "scipy", "mne", "optuna", "matplotlib", "sktime"}
    words = (["--help"], ["evaluate", "--help"], ["list"], ["list", "encoders"], ["data", "list"])
    (make_run(tmp_path / "run") / "report.html").touch()
    (tmp_path / "typo.yaml").write_text("training: {epocs: 3}\n")
    typo, run = str(tmp_path / "typo.yaml"), str(tmp_path / "run")
    after = (["show", run], ["runs", str(tmp_path)], ["show", str(tmp_path)], ["fit", "-c", typo])
    code = (
        "import sys; from typer.testing import CliRunner; from tsrep.cli.app import app; "
        f"print([CliRunner().invoke(app, words).exit_code for words in {words}]); "
        f"print(sorted({heavy} & sys.modules.keys())); "
        f"print([CliRunner().invoke(app, words).exit_code == 0 for words in {after}]); "
        f"print(sorted({heavy - {'numpy'}} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = ["[0, 0, 0, 0, 0]", "[]", "[True, True, False, False]", "[]"]
    assert done.stdout.splitlines() == expected
    assert "Pre-train an encoder" in tsrep("--help").stdout


def test_fit_evaluates_and_reports(config: Path, tmp_path: Path, command: Command) -> None:
    done = command("fit", "--config", config, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout
    assert "random initialisation" in done.stdout
    page = (tmp_path / "run" / "report.html").read_text()
    assert "synthetic" in page.lower()
    assert 'src="http' not in page
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["scores"]


@pytest.mark.usefixtures("plain_reports")
def test_a_killed_fit_resumes_to_the_same_weights(
    config: Path, tiny_run: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "run"
    arguments = ["fit", "--config", config, "--out", out, "--set", "training.save_seconds=0", "--no-evaluate"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tsrep", *map(str, arguments)], env=_environment(), stderr=subprocess.PIPE
    )
    _wait_for(lambda: _steps(out) >= 3, process)
    process.kill()
    process.communicate()
    assert not (out / "encoder.safetensors").exists()
    done = command("fit", "--resume", out, "--no-evaluate")
    assert done.returncode == 0, done.stderr
    mine, whole = (load_weights(p / "encoder.safetensors") for p in (out, tiny_run))
    assert all(torch.equal(mine[k], whole[k]) for k in whole)


def test_ctrl_c_saves_and_says_how_to_resume(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["fit", "--config", config, "--out", out, "--set", "training.epochs=500"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tsrep", *map(str, arguments)],
        env=_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(lambda: _steps(out) >= 1, process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"resume with: tsrep fit --resume {out}" in error
    assert "Traceback" not in error
    assert (out / "state.pt").exists()


def _steps(out: Path) -> int:
    state = out / "state.pt"
    if not state.exists():
        return 0
    return int(torch.load(state, weights_only=True)["position"]["step"])


def _wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[str] | subprocess.Popen[bytes]
) -> None:
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, "the command ended before it could be interrupted"
        time.sleep(0.05)
    raise AssertionError("nothing happened for a minute")


@pytest.mark.usefixtures("plain_reports")
def test_evaluate_embed_and_show_work_on_a_finished_run(
    tiny_run: Path, tmp_path: Path, command: Command
) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    done = command("evaluate", run, "--protocol", "knn", "--labels", "1.0", "--seeds", "1")
    assert done.returncode == 0, done.stderr
    assert "Nearest neighbours" in done.stdout
    assert done.stdout.startswith(f"evaluating {run}; reading the data\n")
    done = command("embed", run, "--out", tmp_path / "e.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "e.npz") as stored:
        assert len(stored["x"]) == len(stored["patient"]) == len(stored["start"])
    assert "report:" in command("show", run).stdout
    before = (run / "scores.json").read_bytes()
    done = command("evaluate", run, "--protocol", "prob")
    assert done.returncode == 2
    assert done.stderr == "tsrep: unknown protocol 'prob'; did you mean 'probe'?\n"
    done = command("evaluate", run, "--labels", "1.0,half")
    assert done.returncode == 2
    assert done.stderr.startswith("tsrep: evaluation.labels.1 is 'half': it must be a number")
    assert (run / "scores.json").read_bytes() == before


def test_list_tells_what_there_is(command: Command) -> None:
    kinds = command("list").stdout
    assert [line.split()[0] for line in kinds.splitlines()] == list(REGISTRIES)
    assert "dilated-conv, " in kinds
    for kind, registry in REGISTRIES.items():
        lines = command("list", kind).stdout.splitlines()
        assert [line.split()[0] for line in lines] == registry.names()
    assert "[He et al." in command("list", "objectives").stdout
    assert "knn, " in command("evaluate", "--help").stdout


def test_data_commands(tmp_path: Path, command: Command) -> None:
    assert "ptb-xl-sim" in command("data", "list").stdout
    assert "CC BY 4.0" in command("data", "info", "ptb-xl").stdout
    done = command("data", "simulate", "ptb-xl", "--patients", "20", "--out", tmp_path / "sim")
    assert done.returncode == 0, done.stderr
    done = command("data", "check", "ptb-xl", "--root", tmp_path / "sim")
    assert done.returncode == 0, done.stderr
    assert "12 channels at 100 Hz" in done.stdout


def test_show_config_prints_a_configuration_that_fit_takes(tmp_path: Path, command: Command) -> None:
    done = command("fit", "--dataset", "ptb-xl", "--objective", "simclr", "--show-config")
    values = yaml.safe_load(done.stdout)
    assert (values["dataset"]["name"], values["objective"]["name"]) == ("ptb-xl", "simclr")
    (tmp_path / "c.yaml").write_text(done.stdout)
    assert command("fit", "--config", tmp_path / "c.yaml", "--show-config").stdout == done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--dataset", "ptb-xll"], "unknown dataset 'ptb-xll'; did you mean 'ptb-xl'?"),
        (["fit", "--dataset", "ptb-xl", "--root", "/nowhere"], "no folder /nowhere"),
        (["fit", "--set", "objective.temprature=1"], "did you mean 'temperature'?"),
        (["fit", "--set", "objective"], "is not of the form path=value"),
        (["fit", "--set", "objective.loss={name:dcl,temperature:0.2}"], "no space after a colon"),
        (["fit", "--config", "/nowhere.yaml"], "/nowhere.yaml cannot be read"),
        (["fit", "--resume", "/nowhere"], "/nowhere is not a run folder"),
        (["fit", "--resume", "/nowhere", "--seed", "1"], "--resume takes all settings from the run"),
        (["fit", "--resume", "/nowhere", "--init", "x"], "has its start already; leave --init out"),
        (
            ["fit", "--resume", "/a", "--set", "seed=1"],
            "tsrep fit --init /a --set init.what=encoder+objective",
        ),
        (["fit", "--init", "/nowhere"], "`/nowhere` is no run folder"),
        (["fit", "--any-modality"], "options of conversion go with --init; name an encoder"),
        (["fit", "--init", "x", "--freeze", "groups"], "init.freeze is 'groups': write none, all"),
        (["fit", "--set", "evaluation.finetune.layer_decay=0"], "evaluation.finetune.layer_decay is 0"),
        (["fit", "--bogus"], "`tsrep fit` has no option --bogus; known: --dataset"),
        (["fit", "--resume", "/nowhere", "--show-config"], "--resume takes all settings from the run"),
        (["fit", "--out", "/proc/nowhere/run", "--set", "dataset.patients=20"], "cannot be written"),
        (["evaluate", "/nowhere"], "is no run folder"),
        (["list", "encoder"], "there is no list of 'encoder'; did you mean 'encoders'?"),
        (["show", "/nowhere"], "is not a run folder"),
        (["data", "info", "ptbxl"], "did you mean 'ptb-xl'?"),
        (["data", "simulate", "mnist", "--out", "x"], "there is no simulator"),
        (["data", "check", "ptb-xl", "--root", "/nowhere"], "no folder /nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command(*arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
