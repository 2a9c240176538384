"""Jobs of a cluster take the trials of a study; a process of this machine stands in for the cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.studies.test_trial import study
from tsrep.errors import ConfigError, RunError
from tsrep.studies.keep.tickets import progress
from tsrep.studies.study import Study, begin
from tsrep.studies.submit import Resources, submit

pytest.importorskip("submitit", reason="needs the extra tsrep[slurm]")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return begin(study(budget={"trials": 2}), folder=tmp_path_factory.mktemp("study") / "tiny")


@pytest.mark.long
def test_a_job_takes_all_trials(begun: Study) -> None:
    (job,) = submit(begun, 1, Resources(hours=0.1), cluster="local")
    assert job.result() == "no trial is left to begin, or no time", job.stderr()
    with begun.opened() as opened:
        assert progress(opened).complete == 2


def test_what_machines_cannot_share_or_may_not_read_is_refused(
    begun: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="a file of this machine"):
        submit(begun, 1, Resources())
    for address in (
        "postgresql+psycopg://me:secret@host/db",
        "postgresql+psycopg://me@host/db?password=secret",
    ):
        with pytest.raises(ConfigError, match="PGPASSWORD") as refused:
            submit(replace(begun, storage=address), 1, Resources())
        assert "secret" not in str(refused.value)
    monkeypatch.setattr(type(begun.place), "storage", "postgresql+psycopg://me@host/db")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RunError, match="no job was submitted"):
        submit(begun, 1, Resources())


def test_slurm_is_asked_for_what_was_wanted(
    begun: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An `sbatch` that keeps what it is given and answers as Slurm does."""
    (tmp_path / "srun").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/asked.sh\necho Submitted batch job 12\n')
    for name in ("srun", "sbatch"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(type(begun.place), "storage", "postgresql+psycopg://me@host/db")
    wanted = Resources(hours=2, cpus=3, gpus=1, memory=16, options={"partition": "gpu", "account": "lab"})
    jobs = submit(begun, 2, wanted)
    assert [job.job_id for job in jobs] == ["12_0", "12_1"]
    asked = (tmp_path / "asked.sh").read_text()
    for line in (
        "time=120",
        "cpus-per-task=3",
        "gpus-per-node=1",
        "mem=16GB",
        "partition=gpu",
        "account=lab",
    ):
        assert f"#SBATCH --{line}\n" in asked, asked
