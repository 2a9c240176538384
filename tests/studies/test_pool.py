"""Ctrl-C on a terminal reaches all processes at once; it ends a pool quietly, jobs under way told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import sys, time
from functools import partial
from pathlib import Path

def wait(folder, k):
    (folder / f"began-{k}").touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (folder / f"told-{k}").touch()
        raise

def double(k):
    import torch
    from threadpoolctl import threadpool_info
    assert torch.get_num_threads() == 1
    assert all(pool["num_threads"] == 1 for pool in threadpool_info())
    return 2 * k

if __name__ == "__main__":
    from tsrep.studies.confirm.pool import pool
    from tsrep.training.interrupt import Interrupted
    try:
        with pool(2) as processes:
            print(processes.map(double, range(5)), flush=True)
            processes.map(partial(wait, Path(sys.argv[1])), range(6))
    except Interrupted:
        sys.exit(3)
"""


def test_interrupted_jobs_are_told_and_the_others_do_not_begin(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(tmp_path)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        until = time.monotonic() + 120
        while len(list(tmp_path.glob("began-*"))) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said, warned = process.communicate(timeout=60)
    finally:
        process.kill()
    assert said == "[0, 2, 4, 6, 8]\n"
    assert process.returncode == 3, warned
    assert warned == ""
    assert {path.name for path in tmp_path.glob("*-*")} == {"began-0", "began-1", "told-0", "told-1"}
