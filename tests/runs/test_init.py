"""Runs that start from the weights of others."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import TINY
from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.scores import Scores
from tsrep.runs.compare.conduct import compare
from tsrep.runs.compare.table import table_of
from tsrep.runs.config import configure, plain
from tsrep.runs.config_files import assemble
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.init.beginning import beginning
from tsrep.runs.init.objective import carried
from tsrep.runs.labels_used import labels_used
from tsrep.runs.other_data import OtherData
from tsrep.runs.packed import save_pretrained
from tsrep.runs.references.reference import resolve
from tsrep.runs.shown import shown_to
from tsrep.runs.task import prepare
from tsrep.training.checkpoint import load_weights
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted

BASE = {name: TINY[name] for name in ("dataset", "window", "evaluation")}
SHORT = {"training": {"epochs": 1, "batch_size": 64}}
SEVERAL = {"seeds": 2, "evaluation": {"seeds": None}}


def started(source: Path, out: Path, *assignments: str, **settings: Any) -> Run:
    """A short run that starts from another."""
    init = {"from": str(source)} | settings.pop("init", {})
    config = assemble(BASE, SHORT, {"init": init}, settings, assignments=assignments)
    return fit(config, out=out, progress=False, illustrate=False)


def encoder_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_weights(folder / "encoder.safetensors")


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_a_frozen_encoder_scores_bit_for_bit_as_its_reference(tiny_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "reference"
    shutil.copytree(tiny_run, copy)
    run = started(copy, tmp_path / "run", init={"freeze": "all"}, objective="supervised")
    assert same(encoder_of(run.path), encoder_of(tiny_run))
    theirs, mine = (evaluate(each, protocols=("probe", "knn"), progress=False) for each in (copy, run))
    found = [_values(scores, name) for scores, name in ((theirs, "comet"), (mine, "supervised"))]
    assert found[0] == found[1]
    assert found[0]
    assert not any("learned from" in note for note in mine.notes)  # its encoder did not


def _values(scores: Scores, method: str) -> list[Any]:
    return [(s.protocol, s.fraction, s.metrics) for s in scores if s.method == method]


def test_weights_start_from_the_reference_and_move(tiny_run: Path, tmp_path: Path) -> None:
    seen: list[dict[str, torch.Tensor]] = []

    class First(Hook):
        def on_start(self, plan: Any) -> None:
            seen.append(load_weights(tmp_path / "run" / "init" / "weights.safetensors"))

    config = assemble(BASE, SHORT, {"init": {"from": str(tiny_run)}, "objective": "simclr", "seed": 5})
    assert plain(config)["encoder"] == plain(Run(tiny_run).config)["encoder"]
    run = fit(config, out=tmp_path / "run", progress=False, hooks=[First()], illustrate=False)
    theirs = encoder_of(tiny_run)
    assert same({name.removeprefix("encoder."): value for name, value in seen[0].items()}, theirs)
    assert not same(encoder_of(run.path), theirs)
    assert not (run.path / "init" / "weights.safetensors").exists()
    with (run.path / "config.yaml").open() as file:
        assert "from:" in file.read()


def test_the_configuration_is_complete_without_the_reference(tiny_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "reference"
    shutil.copytree(tiny_run, copy)
    run = started(copy, tmp_path / "run", objective="simclr")
    shutil.rmtree(copy)
    again = Run(run.path)
    assert again.encoder().dim == 8
    assert configure(plain(again.config)) == again.config
    again.prepare()


def test_a_stopped_run_resumes_to_the_same_weights_without_its_reference(
    tiny_run: Path, tmp_path: Path
) -> None:
    class Stop(Hook):
        def __init__(self, step: int) -> None:
            self.step = step

        def on_step(self, step: int) -> None:
            if step == self.step:
                os.kill(os.getpid(), signal.SIGINT)

    class Killed(BaseException):
        """What no handler of errors sees."""

    class Kill(Hook):
        def on_step(self, step: int) -> None:
            raise Killed

    copy = tmp_path / "reference"
    shutil.copytree(tiny_run, copy)
    config = assemble(BASE, SHORT, {"init": {"from": str(copy), "freeze": ["input"]}, "objective": "simclr"})
    whole = fit(config, out=tmp_path / "whole", progress=False, illustrate=False)
    with pytest.raises(Interrupted):
        fit(config, out=tmp_path / "stopped", progress=False, hooks=[Stop(1)], illustrate=False)
    with pytest.raises(Killed):  # before any state was saved
        fit(config, out=tmp_path / "killed", progress=False, hooks=[Kill()], illustrate=False)
    shutil.rmtree(copy)
    for name in ("stopped", "killed"):
        resumed = fit(resume=tmp_path / name, progress=False, illustrate=False)
        assert same(encoder_of(resumed.path), encoder_of(whole.path)), name
    start = encoder_of(tiny_run)
    assert torch.equal(encoder_of(whole.path)["input.weight"], start["input.weight"])


def test_the_objective_is_trained_further_with_the_recipe_of_the_run(tiny_run: Path, tmp_path: Path) -> None:
    first = started(tiny_run, tmp_path / "first", objective="simclr")
    config = configure({"init": {"from": str(first.path), "what": "encoder+objective"}})
    theirs, mine = plain(first.config), plain(config)
    assert {key for key in theirs if theirs[key] != mine[key]} == {"init"}
    begun = beginning(config).begun(config, prepare(config).panel)
    trained = first.objective().state_dict()
    assert begun.taken
    assert all(torch.equal(value, trained[name]) for name, value in begun.taken.items())
    own = begun.objective.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in begun.taken.items())


def test_queues_and_slow_copies_are_not_taken(tmp_path: Path) -> None:
    moco = {"objective": {"name": "moco", "queue": 64}} | SHORT
    first = fit(assemble(TINY, moco), out=tmp_path / "first", progress=False, illustrate=False)
    config = configure({"init": {"from": str(first.path), "what": "encoder+objective"}})
    begun = beginning(config).begun(config, prepare(config).panel)
    assert begun.taken
    assert not any("slow" in name or "queue" in name for name in begun.taken)
    before, after = first.objective().state_dict(), begun.objective.state_dict()
    queue = next(name for name in before if name.endswith("queue.keys"))
    assert not torch.equal(before[queue], after[queue])
    slow = [name for name in after if ".slow.0." in name]  # copies of the encoder as it starts
    assert slow
    for name in slow:
        assert torch.equal(after[name], begun.encoder.state_dict()[name.partition(".slow.0.")[2]])
    assert carried(begun.objective).keys() == begun.taken.keys()


def test_heads_start_from_equal_classes_only(tmp_path: Path) -> None:
    supervised = {"objective": "supervised"} | SHORT
    first = fit(assemble(TINY, supervised), out=tmp_path / "first", progress=False, illustrate=False)
    told = "Objective supervised learned from the labels of the whole"
    notes = evaluate(first, protocols=("knn",), progress=False).notes
    assert any(note.startswith(told) for note in notes)
    loaded = resolve(str(first.path)).open()
    own = shown_to(loaded, OtherData.of(loaded, TINY["dataset"], root=None), progress=False)
    assert own.own
    assert any(note.startswith(told) for note in own.warnings)
    held = started(first.path, tmp_path / "held", init={"freeze": "all"}, objective="supervised")
    for folder in (first.path, held.path):  # its weights learned from labels before they were frozen
        run, packed = resolve(str(folder)).open(), tmp_path / f"{folder.name}-packed"
        save_pretrained(run, packed, licence="CC0-1.0")
        assert labels_used(run.provenance) == labels_used(resolve(str(packed)).open().provenance)
        assert labels_used(run.provenance)[0].startswith(told)
    assert labels_used(run.provenance | {"learned_from": "?", "chain": [7, {"learned_from": [8]}]}) == ()
    odd = [{"data": run.provenance["data"]["digest"], "what": 3}]
    assert labels_used({"data": run.provenance["data"], "learned_from": odd}) == ()
    stored = compare(table_of({"encoders": [str(first.path)]}), tmp_path / "compared", progress=False)
    assert any(note.startswith(told) for note in stored.notes)

    def begun(**settings: Any) -> Any:
        init = {"from": str(first.path), "what": "all-matching"}
        config = assemble(BASE, supervised, {"init": init}, settings)
        return beginning(config).begun(config, prepare(config).panel)

    head = first.objective().state_dict()
    assert all(torch.equal(value, head[name]) for name, value in begun().taken.items())
    assert begun().taken.keys() == head.keys()
    other = begun(dataset={"task": "form"})
    assert not other.taken
    assert any(
        f"the head of {first.path} has 5 classes" in note and note.endswith("it starts fresh")
        for note in other.started.notes
    )
    with pytest.raises(ConfigError, match=r"has 5 classes .* set init\.what to encoder"):
        begun(init={"what": "encoder+objective"}, dataset={"task": "form"})


def conv(depth: int, hidden: int = 4) -> dict[str, Any]:
    return {"name": "dilated-conv", "hidden": hidden, "dim": 8, "depth": depth}


@pytest.fixture(scope="module")
def deep_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = {"encoder": conv(6), "objective": "simclr"}
    folder = tmp_path_factory.mktemp("deep") / "run"
    return fit(assemble(TINY, SHORT, settings), out=folder, progress=False, illustrate=False).path


def test_other_architectures_are_refused_or_matched(deep_run: Path, tmp_path: Path) -> None:
    source = str(deep_run)
    message = rf"encoder.depth is 8, the weights of {source} have 6; leave encoder out to take theirs"
    with pytest.raises(ConfigError, match=message):
        started(deep_run, tmp_path / "run", encoder=conv(8), objective="simclr")
    assert not (tmp_path / "run").exists()
    config = assemble(BASE, {"init": {"from": source, "what": "all-matching"}, "encoder": conv(8)})
    panel = prepare(config).panel
    begun = beginning(config).begun(config, panel)
    assert any("% of the weights) were taken; fresh are: blocks." in note for note in begun.started.notes)
    assert begun.started.fresh
    again = beginning(config).begun(config, panel)
    assert same(begun.encoder.state_dict(), again.encoder.state_dict())
    config = assemble(BASE, {"init": {"from": source, "what": "all-matching"}, "encoder": conv(6, 32)})
    with pytest.raises(ConfigError, match=r"only \d+\.\d % of the weights match"):
        beginning(config).begun(config, panel)


def test_fresh_weights_are_drawn_by_their_name(deep_run: Path) -> None:
    def weights(depth: int, seed: int = 0) -> dict[str, torch.Tensor]:
        init = {"from": str(deep_run), "what": "all-matching"}
        config = assemble(BASE, {"init": init, "encoder": conv(depth), "seed": seed})
        return beginning(config).begun(config, prepare(config).panel).encoder.state_dict()

    seven, eight, other = weights(7), weights(8), weights(7, seed=1)
    for name in ("blocks.6.conv1.weight", "blocks.6.conv1.bias", "blocks.6.conv2.weight"):
        assert torch.equal(seven[name], eight[name])  # however many layers follow
        assert not torch.equal(seven[name], other[name])


def test_the_chain_tells_every_ancestor(tiny_run: Path, tmp_path: Path) -> None:
    second = started(tiny_run, tmp_path / "second", objective="simclr")
    third = started(second.path, tmp_path / "third", objective="simclr", init={"freeze": "groups 0-1"})
    facts = json.loads((third.path / "provenance.json").read_text())
    assert facts["init"]["reference"] == str(second.path)
    assert facts["init"]["sha256_of_weights"] == second.loaded().weights
    assert facts["init"]["kind"] == "run"
    assert facts["init"]["fresh"] == []
    assert facts["init"]["taken"] == len(encoder_of(second.path))
    assert [link["objective"] for link in facts["chain"]] == ["comet", "simclr"]
    assert facts["chain"][0]["sha256_of_weights"] == Run(tiny_run).loaded().weights


def test_a_packed_copy_starts_the_same_training(tiny_run: Path, tmp_path: Path) -> None:
    save_pretrained(Run(tiny_run).loaded(), tmp_path / "packed")
    one = started(tiny_run, tmp_path / "one", objective="simclr")
    two = started(tmp_path / "packed", tmp_path / "two", objective="simclr")
    assert same(encoder_of(one.path), encoder_of(two.path))
    first, second = (run.provenance["init"] for run in (one, two))
    assert first["sha256_of_weights"] == second["sha256_of_weights"]
    assert (first["kind"], second["kind"]) == ("run", "packed")
    with pytest.raises(ConfigError, match="packed holds an encoder alone; give a run folder"):
        started(tmp_path / "packed", tmp_path / "three", init={"what": "encoder+objective"})


def test_each_seed_starts_from_the_same_weights(tiny_run: Path, tmp_path: Path) -> None:
    init = {"init": {"from": str(tiny_run), "freeze": "all"}, "objective": "simclr"}
    config = assemble(BASE, SHORT, init, SEVERAL)
    run = fit(config, out=tmp_path / "run", progress=False, illustrate=False)
    assert all(same(encoder_of(folder), encoder_of(tiny_run)) for folder in run.folders)
    more = fit(resume=run.path, seeds=3, progress=False, illustrate=False)
    assert same(encoder_of(more.folders[2]), encoder_of(tiny_run))


def test_later_seeds_refuse_a_reference_that_has_changed(tiny_run: Path, tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    shutil.copytree(tiny_run, reference)
    settings = {"init": {"from": str(reference)}, "objective": "simclr"}
    run = fit(
        assemble(BASE, SHORT, settings, SEVERAL), out=tmp_path / "run", progress=False, illustrate=False
    )
    other = started(tiny_run, tmp_path / "other", objective="simclr")
    shutil.rmtree(reference)
    shutil.copytree(other.path, reference)
    with pytest.raises(RunError, match=f"{reference} has other weights than when {run.path} was started"):
        fit(resume=run.path, seeds=3, progress=False, illustrate=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": {"from": "X", "depth": 3}}, "takes the whole encoder of X; leave encoder.depth out"),
        ({"encoder": {"from": "X"}, "init": {"from": "Y"}}, "encoder.from is X and init.from Y; leave one"),
        ({"init": {"from": "nowhere"}}, "`nowhere` is no run folder"),
        ({"init": {"from": "X", "what": "all"}}, "init.what is 'all'"),
    ],
)  # fmt: skip
def test_bad_settings_are_told_in_a_sentence(settings: dict[str, Any], message: str) -> None:
    encoder = {"encoder": "resnet1d", "init": {"contract": "mine"}} if "what" in str(settings) else {}
    with pytest.raises((ConfigError, RunError), match=message):
        assemble(encoder, settings)


def test_a_frozen_encoder_needs_an_objective_with_weights(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"init\.freeze leaves nothing to train, as objective ts2vec adds"):
        started(tiny_run, tmp_path / "run", objective="ts2vec", init={"freeze": "all"})
    with pytest.raises(ConfigError, match=r"groups \(input, .* so there is no group 9"):
        started(tiny_run, tmp_path / "run", objective="simclr", init={"freeze": "groups 0-9"})
    assert not (tmp_path / "run").exists()


def test_the_short_form_takes_the_encoder_of_the_reference(tiny_run: Path) -> None:
    config = configure({**BASE, "encoder": {"from": str(tiny_run)}})
    assert config.init is not None
    assert config.init.source == str(tiny_run)
    assert config.encoder == Run(tiny_run).config.encoder


def test_what_is_resumed_takes_no_settings(tiny_run: Path) -> None:
    with pytest.raises(ConfigError, match="has its start already; leave init out"):
        fit({"init": {"from": "x"}}, resume=tiny_run)
    with pytest.raises(ConfigError, match=f"tsrep fit --init {tiny_run} --set init.what=encoder.objective"):
        fit({"training": {"epochs": 9}}, resume=tiny_run)
