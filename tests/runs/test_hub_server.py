"""What a hub answers, with the package huggingface_hub and a hub on 127.0.0.1."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from safetensors.torch import load_file, save_file

from tests.runs.hub_server import Hub, serving
from tests.runs.test_packed import announced_again, loaded
from tsrep.runs.packed import save_pretrained

if importlib.util.find_spec("huggingface_hub") is None:
    pytest.skip("needs the package huggingface_hub", allow_module_level=True)

FIRST, SECOND = "3cff4f9" + 33 * "0", "ab12345" + 33 * "1"
# constants of the package are read when it is imported, so that everything happens in another process
PROGRAM = """
import contextlib, io, json, os, sys
from tsrep.errors import TsrepError
from tsrep.runs.hub import push_folder
from tsrep.runs.hub_name import HubName
from tsrep.runs.references.reference import resolve
for line in sys.stdin:
    text, more = json.loads(line)
    os.environ.update(more)
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        try:
            if text.startswith("push "):
                push_folder(*text.split()[1:2], HubName.of(text.split()[2]))
            loaded = resolve(text).open()
            found = [loaded.weights, loaded.provenance["revision"]]
        except TsrepError as error:
            found = str(error)
    for name in more:
        del os.environ[name]
    print(json.dumps([found, told.getvalue()]), flush=True)
"""


class Opened(NamedTuple):
    """Weights and commit that a reference gives, or the sentence; and what was told on the way."""

    found: Any
    told: str


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def served() -> Iterator[Hub]:
    """A hub without anything."""
    with serving() as hub:
        yield hub


@pytest.fixture(scope="module")
def process(served: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """Another process that opens references."""
    home = tmp_path_factory.mktemp("hub")
    environment = {
        **os.environ, "HF_ENDPOINT": served.address, "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "XDG_CONFIG_HOME": str(home / "settings"),
    }  # fmt: skip
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "TSREP_HUB", "TSREP_ACCEPT_LICENCES"):
        environment.pop(name, None)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def hub(served: Hub, tmp_path: Path) -> Hub:
    """A hub with one encoder in two commits, in a repository of its own for each test."""
    served.clear(f"o/{tmp_path.name.replace('_', '-')}")
    for commit, licence in ((FIRST, "cc-by-4.0"), (SECOND, "mit")):
        served.commits[commit] = save_pretrained(loaded(), tmp_path / commit, licence=licence)
    served.refs = {"main": SECOND, "v1": FIRST}
    return served


@pytest.fixture
def opened(hub: Hub, process: subprocess.Popen[str]) -> Open:
    """Open a revision of the repository, or another reference."""
    assert process.stdin is not None
    assert process.stdout is not None
    channel = process.stdin, process.stdout

    def ask(revision: str = "", text: str = "", **more: str) -> Opened:
        asked, answers = channel
        asked.write(json.dumps([text or f"hub:{hub.name}{revision}", more]) + "\n")
        asked.flush()
        found, told = json.loads(answers.readline())
        return Opened(found if isinstance(found, list) else found.replace(hub.name, "o/n"), told)

    return ask


def test_revisions_are_pinned_and_the_cache_serves_offline(hub: Hub, opened: Open) -> None:
    weights = loaded().weights
    first = opened()
    assert first.found == [weights, SECOND]
    assert f"tsrep: hub:{hub.name}: CC BY 4.0, 2026-11-28" in first.told
    assert f"tsrep: hub:{hub.name} is at ab12345; pin it with hub:{hub.name}@ab12345" in first.told
    assert opened("@3cff4f9").found == opened("@v1").found == [weights, FIRST]
    assert opened("@v9").found == "hub:o/n has no revision v9; it has main, v1"
    assert opened(text="hub:o/elsewhere").found.startswith("there is no repository hub:o/elsewhere, or it is")
    hub.asked.clear()
    assert opened(HF_HUB_OFFLINE="1").found == opened("@ab12345").found == [weights, SECOND]
    assert opened("@3cff4f9").found == [weights, FIRST]
    only = opened("@9999999", HF_HUB_OFFLINE="1").found
    assert "is in the cache at 3cff4f9, ab12345 only, not at 9999999" in only
    missing = opened(text="hub:o/elsewhere", HF_HUB_OFFLINE="1").found
    assert "hub:o/elsewhere is not in the local cache and HF_HUB_OFFLINE is set" in missing
    assert hub.asked == []


def test_a_branch_that_moved_is_followed_and_a_commit_is_not(hub: Hub, opened: Open) -> None:
    hub.refs["main"] = FIRST
    assert opened().found[1] == FIRST
    hub.refs["main"] = SECOND
    assert (opened().found[1], opened("@3cff4f9").found[1]) == (SECOND, FIRST)


def test_only_files_of_a_package_are_fetched(hub: Hub, opened: Open) -> None:
    (hub.commits[SECOND] / "notes.txt").write_text("x")
    assert len(opened().found) == 2
    assert any(path.endswith("/model.safetensors") for path in hub.asked)
    assert not any("notes.txt" in path for path in hub.asked)


def test_code_pickles_and_renamed_weights_are_refused(hub: Hub, opened: Open) -> None:
    folder = hub.commits[SECOND]
    (folder / "hubconf.py").write_text("")
    assert "holds hubconf.py, which is code" in opened().found
    (folder / "hubconf.py").rename(folder / "model.bin")
    assert "holds model.bin, which is a pickle" in opened().found
    (folder / "model.bin").unlink()
    tensors = load_file(folder / "model.safetensors")
    save_file({f"net.{name}": value for name, value in tensors.items()}, folder / "model.safetensors")
    hub.commits["5" * 40], hub.refs["main"] = folder, "5" * 40
    assert "is not what config.json announces" in opened().found
    announced_again(folder)
    hub.commits["6" * 40], hub.refs["main"] = folder, "6" * 40
    assert "so that weights would stay random" in opened().found
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "hub:o/n holds pickled weights only (pytorch_model.bin)" in opened().found


def test_nothing_is_fetched_before_a_licence_is_accepted(hub: Hub, opened: Open) -> None:
    hub.licence = "cc-by-nc-4.0"
    assert "is under CC BY-NC 4.0 (no commercial use); accept it with" in opened().found
    assert not any("resolve" in path for path in hub.asked)
    assert len(opened(TSREP_ACCEPT_LICENCES="cc-by-nc-4.0").found) == 2
    hub.licence = ""
    assert "what may be done with them is not stated" in opened("@v1").found


def test_nobody_pushes_who_is_not_logged_in(hub: Hub, opened: Open) -> None:
    told = opened(text=f"push {hub.commits[FIRST]} hub:o/mine").found
    assert told == "hub:o/mine may not be written or read by you; log in with: hf auth login"


def test_faults_of_the_way_are_told(hub: Hub, opened: Open) -> None:
    hub.fault = "gated"
    assert opened().found == (
        "hub:o/n asks for terms to be accepted on its page; do so there, then log in with: hf auth login"
    )
    hub.fault = ""
    shutil.rmtree(hub.commits[FIRST])
    hub.commits[FIRST].mkdir()
    assert "holds no model.safetensors" in opened("@v1").found
    hub.fault = "dropped"
    assert opened().found.startswith("hub:o/n cannot be reached (")
    hub.fault = "down"
    unreached = opened().found
    assert unreached.startswith("hub:o/n cannot be reached (")
    assert unreached.endswith("try again, or use what is in the cache with HF_HUB_OFFLINE=1")
