"""Sharing by a folder, from a cache without network, and what is refused before anything leaves."""

from __future__ import annotations

import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.runs.test_packed import DATA, PROVENANCE, RECIPE, loaded
from tsrep.errors import RunError
from tsrep.runs import push as pushing
from tsrep.runs.hub import fetch, push_folder
from tsrep.runs.hub_folder import commit_of
from tsrep.runs.hub_name import HubName, refuse_unpinned
from tsrep.runs.licences import licence_of, stated, strictest
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.packed import save_pretrained
from tsrep.runs.push import pull, push
from tsrep.runs.references.reference import resolve
from tsrep.studies.define.check import check_study
from tsrep.studies.define.definition import define


def command(words: list[str]) -> int:
    """Exit code of the command line."""
    from tsrep.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tsrep", *words])
        with pytest.raises(SystemExit) as left:
            main()
    return int(left.value.code or 0)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub, a cache and settings of the user's own, without network."""

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setenv("TSREP_HUB", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


@pytest.fixture
def source(place: Path) -> Path:
    """A packed encoder that others start from."""
    return save_pretrained(loaded(), place / "source", licence="cc-by-4.0")


def in_cache(place: Path, packed: Path, commit: str, ref: str = "main") -> None:
    """The layout of the cache of huggingface_hub."""
    repository = place / "hf" / "hub" / "models--o--n"
    shutil.copytree(packed, repository / "snapshots" / commit)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / ref).write_text(commit)


def test_what_is_pushed_to_a_folder_comes_back(
    place: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["hub", "push", str(source), "--to", str(place / "hub" / "o" / "n")]) == 0
    commit = commit_of(place / "hub" / "o" / "n")
    assert commit[:7] in capsys.readouterr().out
    back, before = resolve("hub:o/n").open(), loaded()
    assert f"hub:o/n is at {commit[:7]}; pin it with hub:o/n@{commit[:7]}" in capsys.readouterr().err
    assert (back.reference, back.weights, back.licence) == ("hub:o/n", before.weights, "cc-by-4.0")
    assert back.provenance["revision"] == commit
    x = torch.randn(2, 12, 250, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(before.encoder(x), back.encoder(x))
    assert back.ledger is not None
    assert before.ledger is not None
    assert back.ledger.digest == before.ledger.digest


def test_revisions_of_a_folder(place: Path, source: Path) -> None:
    push(source, place / "hub" / "o" / "n")
    push(source, place / "hub" / "o" / "n", licence="mit", revision="v2")
    main_commit, second = (commit_of(place / "hub" / "o" / "n" / part) for part in ("", "@v2"))
    assert fetch(HubName.of("hub:o/n@v2")).revision == second
    assert fetch(HubName.of("hub:o/n@main")).revision == main_commit
    assert fetch(HubName.of(f"hub:o/n@{second[:8]}")).folder.name == "@v2"
    with pytest.raises(RunError, match=r"^hub:o/n has no revision v3; it has main, v2$"):
        fetch(HubName.of("hub:o/n@v3"))
    with pytest.raises(RunError, match="is not empty; give another folder"):
        push(source, place / "hub" / "o" / "n")


def test_the_cache_serves_offline(place: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = "3cff4f9" + 33 * "0", "ab12345" + 33 * "1"
    with pytest.raises(RunError, match=r"hub:o/n is not in the local cache and HF_HUB_OFFLINE is set"):
        fetch(HubName.of("hub:o/n"))
    in_cache(place, source, first, "v1")
    with pytest.raises(
        RunError, match=r"hub:o/n is in the cache at 3cff4f9 only, not at main; give hub:o/n@3cf"
    ):
        fetch(HubName.of("hub:o/n"))
    in_cache(place, source, second)
    assert fetch(HubName.of("hub:o/n")).revision == second
    assert "pin it with hub:o/n@ab12345" in capsys.readouterr().err
    assert fetch(HubName.of("hub:o/n@v1")).revision == first
    assert fetch(HubName.of("hub:o/n@3cff4f9")).revision == first
    assert capsys.readouterr().err == ""


def test_a_name_that_the_folder_lacks_names_the_folder(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(source, place / "hub" / "o" / "n")
    wrong = place / "hub" / "o" / "m"
    with pytest.raises(RunError, match=rf"^there is no {wrong} \(TSREP_HUB is set\), and hub:o/m is not"):
        fetch(HubName.of("hub:o/m"))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RunError, match=rf"^there is no {wrong} .*, and hub references need the package"):
        fetch(HubName.of("hub:o/m"))
    monkeypatch.delenv("TSREP_HUB")
    with pytest.raises(RunError, match=r"^hub references need the package"):
        fetch(HubName.of("hub:o/m"))


def test_a_commit_in_the_cache_needs_no_network(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cache(place, source, "3cff4f9" + 33 * "0")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert fetch(HubName.of("hub:o/n@3cff4f9")).revision.startswith("3cff4f9")
    assert fetch(HubName.of("hub:o/n"), offline_only=True).revision.startswith("3cff4f9")


def test_a_pulled_copy_is_the_encoder(place: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    push(source, place / "hub" / "o" / "n")
    assert command(["hub", "pull", "hub:o/n", "--out", str(place / "copy")]) == 0
    assert "licence: CC BY 4.0; heads: none; trained on: 24 recordings" in capsys.readouterr().out
    assert resolve(place / "copy").open().weights == loaded().weights
    with pytest.raises(RunError, match="is not empty; give another --out"):
        pull("hub:o/n", out=place / "copy")


def test_code_in_a_hub_is_refused_by_the_command_line(
    place: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push(source, place / "hub" / "o" / "n")
    (place / "hub" / "o" / "n" / "hubconf.py").write_text("raise SystemExit(3)")
    assert command(["hub", "pull", "hub:o/n", "--out", str(place / "copy")]) == 2
    assert "tsrep: hub:o/n holds hubconf.py, which is code" in capsys.readouterr().err
    assert not (place / "copy").exists()


@pytest.mark.parametrize("text", ["hub:", "hub:o", "hub:o/n/m", "hub:o/n@", "hub:../n", "hub:o/n@../x"])
def test_what_names_nothing_on_a_hub(text: str) -> None:
    with pytest.raises(RunError, match="write hub:owner/name or hub:owner/name@revision"):
        resolve(text).open()


def test_a_study_wants_a_commit() -> None:
    refuse_unpinned("hub:o/n@3cff4f9", "init.from")
    refuse_unpinned("runs/a", "init.from")
    for text in ("hub:o/n", "hub:o/n@v2"):
        with pytest.raises(RunError, match=rf"init.from is {text}, which may change .*pin it with @COMMIT"):
            refuse_unpinned(text, "init.from")


def test_a_study_is_refused_that_starts_from_what_may_change() -> None:
    varied = {"init": {"from": "hub:o/n@v2"}, "training": {"lr": {"float": [1e-4, 1e-3]}}}
    told = {"study": "starts", "question": "Does it start?", "cost": "nothing", "budget": {"trials": 1}}
    values = {"version": 1, **told, "config": {"dataset": {"name": "ptb-xl-sim"}, **varied}}
    with pytest.raises(RunError, match=r"study starts: init.from is hub:o/n@v2, which may change"):
        check_study(define(values, "starts.yaml"))


def test_licences_are_asked_for_once(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    push(source, place / "hub" / "o" / "n", licence="cc-by-nc-4.0")
    commit = commit_of(place / "hub" / "o" / "n")
    with pytest.raises(RunError) as told:
        resolve("hub:o/n").open()
    assert str(told.value) == (
        "hub:o/n is under CC BY-NC 4.0 (no commercial use); accept it with: tsrep hub pull "
        f"hub:o/n@{commit[:7]} --accept-licence cc-by-nc-4.0"
    )
    monkeypatch.setenv("TSREP_ACCEPT_LICENCES", "odbl, cc-by-nc-4.0")
    assert resolve("hub:o/n").open().licence == "cc-by-nc-4.0"
    monkeypatch.delenv("TSREP_ACCEPT_LICENCES")
    assert command(["hub", "pull", "hub:o/n", "--accept-licence", "mit"]) == 2
    assert command(["hub", "pull", "hub:o/n", "--accept-licence", "cc-by-nc-4.0"]) == 0
    assert resolve("hub:o/n").open().licence == "cc-by-nc-4.0"
    push(source, place / "hub" / "o" / "n", licence="cc-by-nd-4.0", revision="v2")
    with pytest.raises(RunError, match="no derived weights"):
        resolve("hub:o/n@v2").open()
    capsys.readouterr()


def pushed(place: Path, monkeypatch: pytest.MonkeyPatch, encoder: LoadedEncoder, **options: Any) -> str:
    """Push an encoder as if a reference had named it."""

    class Named:
        text, run = str(place / "nowhere"), property(lambda self: (_ for _ in ()).throw(RunError("no run")))

        def open(self) -> LoadedEncoder:
            return encoder

    monkeypatch.setattr(pushing, "resolve", lambda _text: Named())
    return push("runs/a", place / "out", **{"licence": "cc-by-4.0"} | options)


CHAIN = {"sha256_of_weights": "12", "sources": ["B"], "ledger": "34", "licence": ""}


@pytest.mark.parametrize(
    ("facts", "options", "sentence"),
    [
        ({}, {"licence": None}, "runs/a has no licence, without which nobody may use it"),
        ({}, {"licence": "cc-by-5.0"}, r"there is no licence 'cc-by-5.0'; did you mean 'cc-by-4.0'\?"),
        ({"data": DATA | {"synthetic": True}}, {}, "simulated signals; share it with --synthetic"),
        (
            {"chain": [CHAIN | {"licence": "cc-by-nc-4.0"}]},
            {},
            r"weights under CC BY-NC 4.0 \(no commercial use\), so that it cannot be under CC BY 4.0",
        ),
        (
            {"chain": [CHAIN | {"licence": "cc-by-nd-4.0"}]},
            {},
            "no derived weights.*--i-have-permission TEXT",
        ),
        ({"chain": [CHAIN | {"ledger": None}]}, {}, "what may be done with them is not stated"),
    ],
)
def test_what_may_not_leave(
    place: Path, monkeypatch: pytest.MonkeyPatch, facts: Any, options: Any, sentence: str
) -> None:
    with pytest.raises(RunError, match=sentence):
        pushed(place, monkeypatch, loaded(provenance=PROVENANCE | facts), **options)
    assert not (place / "out").exists()


def test_what_may_leave_after_all(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = {"chain": [CHAIN, CHAIN | {"licence": "cc-by-nd-4.0"}]}
    pushed(place, monkeypatch, loaded(provenance=PROVENANCE | chain), permission="by its authors, 2026")
    text = (place / "out" / "README.md").read_text()
    assert "Started from weights under: CC BY-ND 4.0" in text
    assert "Shared with permission: by its authors, 2026." in text
    own = loaded(provenance=PROVENANCE | {"chain": [CHAIN]})
    assert pushed(place, monkeypatch, own, revision="v2").startswith(str(place / "out" / "@v2"))


def test_terms_of_the_data(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = replace(loaded(), recipe=RECIPE | {"dataset": {"name": "tdbrain"}})
    with pytest.raises(RunError, match="the terms of tdbrain say by agreement with Brainclinics"):
        pushed(place, monkeypatch, held)


def test_the_card_alone(place: Path, source: Path) -> None:
    assert command(["hub", "push", str(source), "--to", str(place / "card"), "--card-only"]) == 0
    assert [file.name for file in (place / "card").iterdir()] == ["README.md"]
    assert command(["hub", "push", str(source), "--to", "hub:o/n", "--card-only"]) == 2


class Recorder:
    """What is asked of a hub."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        def called(*given: Any, **options: Any) -> str:
            self.asked[name] = {"given": given} | options
            return "https://hub/o/n/commit/1"

        return called


def test_only_the_files_of_a_package_are_uploaded(source: Path) -> None:
    api = Recorder()
    assert push(source, "hub:o/n", revision="v2", private=True, api=api) == "https://hub/o/n/commit/1"
    assert api.asked["create_repo"] == {"given": ("o/n",), "private": True, "exist_ok": True}
    assert api.asked["create_branch"]["branch"] == "v2"
    assert api.asked["upload_folder"]["revision"] == "v2"
    assert "*" not in str(api.asked["upload_folder"]["allow_patterns"])
    push_folder(source, HubName.of("hub:o/n@v2"), pull_request=True, api=(second := Recorder()))
    assert second.asked["upload_folder"]["create_pr"] is True
    assert "create_branch" not in second.asked


def test_licences_by_name_and_title() -> None:
    assert licence_of("CC BY 4.0").name == licence_of("cc-by-4.0").name == stated("CC-BY-4.0").name
    assert licence_of("Apache-2.0").kind == "permissive"
    assert licence_of("yours").kind == licence_of("").kind == "unknown"
    assert strictest(["mit", "cc-by-nc-4.0", "cc-by-sa-4.0"]).name == "cc-by-nc-4.0"
    assert strictest(["mit", ""]).name == "unknown"
