"""Ctrl-C on a terminal reaches all processes at once; it ends a pool quietly, jobs under way told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys, time
from functools import partial
from pathlib import Path

import pytest

def wait(folder, stubborn, k):
    double(k)
    (folder / f"began-{k}").touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (folder / f"told-{k}").touch()
        if stubborn:
            time.sleep(60)
        raise

def double(k):
    import torch
    from threadpoolctl import threadpool_info
    assert torch.get_num_threads() == 1
    assert all(pool["num_threads"] == 1 for pool in threadpool_info()), threadpool_info()
    return 2 * k

if __name__ == "__main__":
    from tsrep.studies.work.processes import pool
    from tsrep.training.interrupt import Interrupted
    try:
        with pool(2) as processes:
            print(processes.map(double, range(5)), flush=True)
            processes.map(partial(wait, Path(sys.argv[1]), sys.argv[2] == "stubborn"), range(6))
    except Interrupted:
        sys.exit(3)
"""


def begun(folder: Path, manner: str) -> subprocess.Popen[str]:
    """The program, both of its processes at work."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(program), str(folder), manner],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    await_files(folder, "began", process)
    return process


def await_files(folder: Path, what: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while len(list(folder.glob(f"{what}-*"))) < 2 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)


def test_interrupted_jobs_are_told_and_the_others_do_not_begin(tmp_path: Path) -> None:
    process = begun(tmp_path, "obedient")
    try:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said, warned = process.communicate(timeout=60)
    finally:
        process.kill()
    assert said == "[0, 2, 4, 6, 8]\n", warned
    assert process.returncode == 3, warned
    assert warned == ""
    assert {path.name for path in tmp_path.glob("*-*")} == {"began-0", "began-1", "told-0", "told-1"}


@pytest.mark.long
def test_a_second_interrupt_does_not_wait_for_them(tmp_path: Path) -> None:
    process = begun(tmp_path, "stubborn")
    try:
        os.killpg(process.pid, signal.SIGINT)
        await_files(tmp_path, "told", process)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)  # half of what its jobs would sleep
    finally:
        process.kill()
    assert process.returncode == 3
