"""Run folders whose files were edited or lost since they were made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import tsrep
from tsrep.cli import main
from tsrep.errors import ConfigError, RunError
from tsrep.runs.unchanged import refuse_changed_settings


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def edit(run: Path, section: str, **values: Any) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    if section:
        config[section] |= values
    else:
        config |= values
    (run / "config.yaml").write_text(yaml.safe_dump(config))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("training", "epochs", 7),
        ("", "seed", 5),
        ("objective", "temperature", 0.7),
        ("window", "seconds", 1.0),
    ],
)
def test_other_settings_are_not_resumed_with(run: Path, section: str, key: str, value: Any) -> None:
    (run / "encoder.safetensors").unlink()
    edit(run, section, **{key: value})
    name = f"{section}.{key}".lstrip(".")
    with pytest.raises(RunError, match=rf"^{name} in .*config.yaml is {value}, but the run was started with"):
        tsrep.fit(resume=run, progress=False)


def test_settings_that_training_does_not_depend_on_may_change(run: Path) -> None:
    edit(run, "training", save_seconds=1)
    edit(run, "evaluation", seeds=1)
    refuse_changed_settings(tsrep.Run(run))


def test_a_protocol_that_is_not_installed_is_told_with_the_file(run: Path) -> None:
    edit(run, "evaluation", protocols=["probe", "pr-x"])
    with pytest.raises(ConfigError, match=r"config.yaml: unknown protocol 'pr-x'; .*if a plug-in has it"):
        tsrep.evaluate(run, progress=False)


@pytest.mark.parametrize(
    ("text", "told"), [(None, "is missing; restore it"), ("{}", "is not as it was written")]
)
def test_a_missing_split_is_one_sentence(run: Path, text: str | None, told: str) -> None:
    (run / "split.json").unlink()
    if text is not None:
        (run / "split.json").write_text(text)
    with pytest.raises(RunError, match=f"split.json {told}"):
        tsrep.evaluate(run, progress=False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--labels", ""], "evaluation.labels.0 is ''"),
        (["--protocol", "probe", "--protocol", "probe"], "evaluation.protocols names probe twice"),
        (["--protocol", "probe,knn"], "--protocol probe,knn names several; repeat --protocol for each"),
    ],
)
def test_words_of_evaluate_are_told(
    run: Path,
    words: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["tsrep", "evaluate", str(run), *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert told in capsys.readouterr().err
