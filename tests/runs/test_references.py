"""Texts that name encoders: of which kind they are, what is opened, what is told of text that fits none."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import tsrep
from tests.conftest import TINY
from tsrep.errors import RunError
from tsrep.runs.build import new_encoder
from tsrep.runs.encoder_file import metadata_of
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.references.reference import REFERENCES, ReferenceKind, resolve
from tsrep.runs.task import prepare
from tsrep.runs.weights import weights_digest
from tsrep.signals.contract import SignalContract


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def test_a_run_is_opened_with_all_that_travels_with_it(tiny_run: Path) -> None:
    loaded, run = tsrep.load_encoder(tiny_run), Run(tiny_run)
    x = torch.randn(3, 12, 125)
    assert torch.equal(loaded.encoder(x), run.encoder()(x))
    assert not loaded.encoder.training
    assert loaded.name == "comet"
    assert loaded.reference == str(tiny_run)
    assert loaded.contract.channels == tuple(run.provenance["data"]["channels"])
    assert SignalContract.from_json((tiny_run / "contract.json").read_text()) == loaded.contract
    assert loaded.pool == run.config.evaluation.pool


def test_kept_heads_are_loaded_with_the_weights_that_they_were_fitted_on(run: Path) -> None:
    evaluate(run, protocols=("probe", "knn"), labels=(1.0,), progress=False)
    loaded = tsrep.load_encoder(run)
    (name,) = loaded.heads
    assert loaded.head() is loaded.head(name)
    assert loaded.head().fitted_on.weights == loaded.weights
    assert loaded.head().fitted_on.contract == loaded.contract.digest
    with pytest.raises(RunError, match=f"has no head svm; it has {name}"):
        loaded.head("svm")
    with pytest.raises(RunError, match="was fitted on other weights"):
        replace(loaded, weights="0" * 64).head()


def test_the_file_alone_is_the_same_encoder(tiny_run: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(tiny_run / "encoder.safetensors", tmp_path / "w.safetensors"))
    whole, alone = tsrep.load_encoder(tiny_run), tsrep.load_encoder(file)
    x = torch.randn(3, 12, 125)
    assert torch.equal(whole.encoder(x), alone.encoder(x))
    assert (alone.weights, alone.contract) == (whole.weights, whole.contract)
    assert not alone.heads
    with pytest.raises(RunError, match=r"w\.safetensors has no head; fit one with: tsrep evaluate"):
        alone.head()
    with pytest.raises(RunError, match="is no run folder, so it has no data"):
        _ = resolve(file).run


def test_a_random_initialisation_is_the_start_of_a_run_of_that_seed(tiny_run: Path) -> None:
    loaded, config = tsrep.load_encoder(tiny_run), Run(tiny_run).config
    panel = prepare(config, progress=False).panel
    for seed in (0, 7):
        made, start = loaded.untrained(seed).state_dict(), new_encoder(config, panel, seed).state_dict()
        assert all(torch.equal(made[name], start[name]) for name in start)
    assert not torch.equal(*(next(loaded.untrained(seed).parameters()) for seed in (0, 7)))


def test_seeds_of_a_run_are_references(tmp_path: Path) -> None:
    settings = TINY | {"seeds": 2, "training": {"epochs": 1, "batch_size": 64}}
    run = fit(settings, out=tmp_path / "two", illustrate=False, progress=False)
    reference = resolve(run.path)
    first, second = reference.open_every_seed()
    assert reference.open().weights == first.weights != second.weights
    assert resolve(f"{run.path}@1").open().weights == second.weights
    with pytest.raises(RunError, match=r"has 2 encoders and no .*two@2; give .*two@0 to .*two@1"):
        resolve(f"{run.path}@2").open()


def test_text_that_fits_nothing_names_the_nearest_run(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    told = (
        r"^`rum` is no run folder, file, hub reference \(hub:owner/name\) nor module:function; nearest run "
    )
    with pytest.raises(RunError, match=told + "folder: run$"):
        resolve("rum")
    with pytest.raises(RunError, match=r"see tsrep encoder --help for what may be given$"):
        resolve("q")


def test_an_existing_path_is_no_module(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Path(shutil.copytree(run, run.with_name("C:runs")))
    assert resolve(odd).kind.name == "run"
    monkeypatch.chdir(run.parent)
    assert resolve("C:runs").kind.name == "run"


def test_kinds_are_asked_in_the_order_of_their_ranks(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Everything(ReferenceKind):
        """Takes whatever it is asked."""

        form, rank = "*", 9

        def matches(self, text: str) -> bool:
            return bool(text)

        def open(self, text: str) -> tsrep.LoadedEncoder:
            return resolve(run).open()

    entries = dict(REFERENCES._entries)
    monkeypatch.setattr(REFERENCES, "_entries", entries)
    REFERENCES.register("everything")(Everything)
    assert resolve("anything").kind.name == "everything"
    assert resolve(run).kind.name == "run"
    assert resolve("anything").open_every_seed()[0].name == "comet"


def test_a_file_of_others_is_wrapped_by_a_function(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"w": torch.zeros(2)}, file)
    told = (
        r"w\.safetensors does not say which encoder it belongs to; wrap it with a function and give "
        "module:function"
    )
    with pytest.raises(RunError, match=told):
        resolve(file).open()
    file.write_bytes(b"rubbish")
    with pytest.raises(RunError, match=r"w\.safetensors cannot be read as weights"):
        resolve(file).open()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tsrep_format": "3"}, r"written by a newer tsrep \(format 3, this one reads 2"),
        ({"contract": None}, "cannot be read as an encoder .it lacks contract"),
        (
            {"encoder": '{"name": "dilated-comv"}'},
            "needs an encoder that is not installed here: .*did you mean",
        ),
        ({"encoder": '{"name": "dilated-conv", "hiden": 4}'}, "unknown setting hiden; did you mean 'hidden'"),
        ({"channels_seen": "8"}, r"has [\w.]+ of shape \(.*, 12.*\), which would be \(.*, 8.*\)"),
        ({"sha256_of_weights": "0" * 64}, "does not hold the weights that it announces"),
    ],
)
def test_what_a_file_says_of_itself_is_checked(run: Path, changes: dict[str, str | None], told: str) -> None:
    file = run / "encoder.safetensors"
    said = metadata_of(file) | changes
    save_file(load_file(file), file, {key: value for key, value in said.items() if value is not None})
    with pytest.raises(RunError, match=told):
        resolve(file).open()


def test_a_digest_is_of_names_types_shapes_and_bytes() -> None:
    weights = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor(1, dtype=torch.int64)}
    digest = hashlib.sha256()
    digest.update(b"a\0int64\0[]\0" + np.int64(1).tobytes())
    digest.update(b"b\0float32\0[2, 3]\0" + np.arange(6, dtype=np.float32).tobytes())
    assert weights_digest(weights) == digest.hexdigest()
    assert weights_digest(dict(reversed(weights.items()))) == digest.hexdigest()
    strided = torch.arange(6.0).reshape(2, 3).T.contiguous().T
    assert weights_digest(weights | {"b": strided}) == digest.hexdigest()
    others = (
        {"b": weights["b"].reshape(3, 2)},
        {"b": weights["b"].bfloat16()},
        {"b": weights["b"] + 1e-6},
        {"c": weights["b"]},
    )
    digests = {weights_digest({"a": weights["a"]} | other) for other in others}
    assert len(digests | {digest.hexdigest()}) == 1 + len(others)


def test_only_a_resume_refuses_other_data_outright() -> None:
    package = Path(tsrep.__file__).parent
    calls = [path.name for path in package.rglob("*.py") if " refuse_other_data(before" in path.read_text()]
    assert calls == ["fit.py"]
