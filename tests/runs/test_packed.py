"""A packed encoder is the encoder; what is broken, renamed, pickled or code is refused and never executed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from tests.runs.test_ledger import X
from tests.signals.test_fingerprint import TWELVE, panel_of
from tsrep.errors import RunError
from tsrep.registry import ENCODERS
from tsrep.runs.architecture import Architecture
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.open_packed import open_packed
from tsrep.runs.packed import save_pretrained
from tsrep.runs.packed_config import CONFIG, PackedConfig, sha256_of
from tsrep.runs.references.reference import resolve
from tsrep.runs.weights import weights_digest
from tsrep.signals.contract import SignalContract

SMALL = {
    "dilated-conv": {"hidden": 4, "dim": 8, "depth": 3},
    "dilated-conv-ar": {"hidden": 4, "dim": 8, "depth": 3},
    "conv-s4d": {"width": 6, "depth": 1},
}
DATA = {"name": "wfdb", "source": "A 1.0", "digest": "0123", "records": 24, "patients": 24, "sfreq": 100.0}
PROVENANCE: dict[str, Any] = {
    "versions": {"python": "3.11"},
    "git": {"commit": "abc", "dirty": True},
    "data": DATA | {"skipped": [["/home/zeb/x.hea", "broken"]]},
    "command": "tsrep fit --root /home/zeb/ecg",
    "device": "cpu (zebbox)",
    "init": {"reference": "/home/zeb/runs/a", "kind": "run", "sha256_of_weights": "12"},
    "seed": 3,
}
RECIPE = {"objective": {"name": "comet"}, "root": "/home/zeb/ecg", "dataset": {"name": "wfdb"}}


def loaded(name: str = "dilated-conv", **more: Any) -> LoadedEncoder:
    values = {"name": name, **SMALL.get(name, {})}
    made = Architecture(ENCODERS.entry(name).settings.model_validate(values), 12)
    encoder = made.drawn(1)
    contract = SignalContract(
        modality="ecg", channels=TWELVE, sfreq=100.0, unit="mV",
        window={"steps": 250, "seconds": 2.5}, standardise={"how": "global", "mean": [0.1], "std": [0.3]},
        output={"dim": encoder.dim, "stride": encoder.stride},
    )  # fmt: skip
    known = Ledger.of(panel_of(X, source="A 1.0"), public=True)
    given = {"name": "comet", "ledger": known, "provenance": PROVENANCE, "recipe": RECIPE}
    weights = weights_digest(encoder.state_dict())
    return LoadedEncoder(encoder.eval(), contract, "runs/a", weights, architecture=made, **given | more)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return save_pretrained(loaded(), tmp_path / "packed", licence="cc-by-4.0")


def announced_again(folder: Path) -> None:
    """A ``config.json`` that says of all files what they are now."""
    values = json.loads((folder / CONFIG).read_text())
    values["sha256"] = {name: sha256_of(folder / name) for name in values["sha256"]}
    (folder / CONFIG).write_text(json.dumps(values))


@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_encoder_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    before = loaded(name)
    after = resolve(str(save_pretrained(before, tmp_path / "packed"))).open()
    for key, tensor in before.encoder.state_dict().items():
        assert torch.equal(tensor, after.encoder.state_dict()[key]), key
    assert after.weights == before.weights
    assert after.contract.digest == before.contract.digest
    assert after.ledger is not None
    assert after.ledger.digest == before.ledger.digest
    assert weights_digest(before.untrained(5).state_dict()) == weights_digest(after.untrained(5).state_dict())


def test_representations_are_equal(packed: Path) -> None:
    x = torch.randn(2, 12, 250, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(loaded().encoder(x), open_packed(packed, "a").encoder(x))


def test_nothing_of_the_machine_is_shared(packed: Path) -> None:
    for file in packed.iterdir():
        content = file.read_bytes()
        for word in (b"/home", b"zeb", str(packed.parent).encode()):
            assert word not in content, (file.name, word)
    assert yaml.safe_load((packed / "config.yaml").read_text())["dataset"] == {"name": "wfdb"}
    provenance = json.loads((packed / "provenance.json").read_text())
    assert provenance["git"] == {"commit": "abc"}
    assert provenance["init"] == {"kind": "run", "sha256_of_weights": "12"}


def test_a_place_that_slips_in_is_a_fault_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"README.md holds a path \(/home/zeb/notes\); this is a fault"):
        save_pretrained(loaded(citation="see /home/zeb/notes"), tmp_path / "packed")
    assert not list(tmp_path.iterdir())


def test_fingerprints_of_recordings_that_are_not_public_stay(tmp_path: Path) -> None:
    own = loaded(ledger=Ledger.of(panel_of(X, source="own")))
    assert open_packed(save_pretrained(own, tmp_path / "a"), "a").ledger is None
    kept = open_packed(save_pretrained(own, tmp_path / "b", ledger="always"), "b").ledger
    assert kept is not None
    assert kept.seen(panel_of(X)).exact == 24
    assert open_packed(save_pretrained(loaded(), tmp_path / "c", ledger="never"), "c").ledger is None


def test_the_card_says_what_a_reader_must_know(packed: Path) -> None:
    _, head, body = (packed / "README.md").read_text().split("---\n", 2)
    values = yaml.safe_load(head)
    assert values["license"] == "cc-by-4.0"
    assert values["library_name"] == "tsrep"
    assert values["tags"] == ["tsrep", "ecg", "self-supervised-learning", "comet"]
    for words in (
        "| sampling rate | 100 Hz |",
        "| unit | mV |",
        "I II III aVR",
        "A 1.0: 24 recordings of 24 patients",
        "Whoever holds a recording can tell",
        "Not a medical device",
        "Weights: CC BY 4.0.",
        "@software{tsrep",
        "It was not scored.",
    ):
        assert words in body, words


def test_simulated_data_are_said_first(tmp_path: Path) -> None:
    simulated = loaded(provenance=PROVENANCE | {"data": DATA | {"synthetic": True}}, ledger=Ledger())
    text = (save_pretrained(simulated, tmp_path / "a") / "README.md").read_text()
    assert "\nTrained on simulated signals, for trying things out alone." in text


def renamed(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({f"net.{name}": value for name, value in tensors.items()}, folder / "model.safetensors")


def reshaped(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = sorted(tensors)[0]
    save_file(tensors | {name: torch.zeros(3)}, folder / "model.safetensors")


def of_objects(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = sorted(tensors)[0]
    save_file(tensors | {name: tensors[name].double()}, folder / "model.safetensors")


def another(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({name: value + 1 for name, value in tensors.items()}, folder / "model.safetensors")


def too_many(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"zz.extra": torch.zeros(3)}, folder / "model.safetensors")


def cut_off(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (renamed, r"has no tensor \S+ but net\.\S+, so that weights would stay random"),
        (reshaped, r"of shape \(3,\), config.json makes"),
        (of_objects, r"of type F64"),
        (another, "holds other weights than config.json says"),
        (too_many, "has a tensor zz.extra with no place in config.json"),
        (cut_off, "cannot be read as weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    packed: Path, change: Callable[[Path], None], sentence: str
) -> None:
    change(packed)
    with pytest.raises(RunError, match=r"model.safetensors of hub:o/n is not what config.json announces"):
        open_packed(packed, "hub:o/n")
    announced_again(packed)
    with pytest.raises(RunError, match=sentence):
        open_packed(packed, "hub:o/n")


@pytest.mark.parametrize("name", ["contract.json", "fingerprints.safetensors", "provenance.json"])
def test_files_that_changed_are_refused(packed: Path, name: str) -> None:
    file = packed / name
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(RunError, match=rf"^{name} of hub:o/n is not what config.json announces .*pull again"):
        open_packed(packed, "hub:o/n")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"library_name": "braindecode"}, "was made by braindecode, not packed by tsrep"),
        ({"library_name": None}, "was made by tsrep-encoder, not packed"),
        ({"tsrep_format": 3}, r"newer tsrep \(format 3, this one reads 2\); update tsrep"),
        ({"auto_map": {"AutoModel": "x.Y"}}, "auto_map"),
        ({"encoder": {"name": "os:system"}}, "needs an encoder that is not installed here"),
        ({"encoder": {"name": "dilated-conv", "depht": 3}}, "unknown setting depht"),
        ({"channels_seen": 0}, "channels_seen"),
        ({"head": "../../head.json"}, "head"),
        ({"sha256": {}}, "holds model.safetensors, which its config.json does not announce"),
    ],
)
def test_settings_that_cannot_be_are_refused(packed: Path, values: dict[str, Any], sentence: str) -> None:
    config = json.loads((packed / CONFIG).read_text())
    (packed / CONFIG).write_text(json.dumps(config | values))
    with pytest.raises(RunError, match=sentence):
        open_packed(packed, "hub:o/n")


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("provenance.json", '{"data": 3}', "provenance.json of hub:o/n has no facts by name under data"),
        ("provenance.json", '{"chain": ["x"]}', "has no facts by name under chain"),
        ("provenance.json", "[1]", "provenance.json of hub:o/n is missing or broken"),
        ("config.yaml", "evaluation: 3", "config.yaml of hub:o/n has no facts by name under evaluation"),
        ("config.yaml", "a: [", "config.yaml of hub:o/n, line 1, is not valid YAML"),
    ],
)
def test_facts_of_another_shape_are_refused(packed: Path, file: str, text: str, sentence: str) -> None:
    (packed / file).write_text(text)
    announced_again(packed)
    with pytest.raises(RunError, match=sentence):
        open_packed(packed, "hub:o/n")


def test_a_recipe_names_no_other_encoder(packed: Path) -> None:
    told = "init: {from: 'os:system'}\nroot: /\nencoder: {name: dilated-conv, from: 'os:system'}\n"
    (packed / "config.yaml").write_text(told)
    announced_again(packed)
    assert open_packed(packed, "hub:o/n").recipe == {"encoder": {"name": "dilated-conv"}}


def test_code_and_pickles_are_refused_and_never_run(packed: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    trap = f"open({str(mark)!r}, 'w').close()\n"
    for name, what in (("hubconf.py", "code"), ("__init__.py", "code"), ("tools/a.so", "code")):
        (packed / name).parent.mkdir(exist_ok=True)
        (packed / name).write_text(trap)
        with pytest.raises(RunError, match=rf"hub:o/n holds {name}, which is {what}; .*nothing downloaded"):
            open_packed(packed, "hub:o/n")
        (packed / name).unlink()
    torch.save({"x": Trap(str(mark))}, packed / "pytorch_model.bin")
    with pytest.raises(RunError, match=r"holds pytorch_model.bin, which is a pickle"):
        open_packed(packed, "hub:o/n")
    (packed / "model.safetensors").unlink()
    with pytest.raises(RunError, match=r"holds pickled weights only \(pytorch_model.bin\)"):
        resolve(str(packed)).open()
    assert not mark.exists()


class Trap:
    """Runs code where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def test_a_folder_that_holds_something_and_foreign_code_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(RunError, match="is not empty; give another folder"):
        save_pretrained(loaded(), tmp_path)
    with pytest.raises(RunError, match="somebody else's code or holds no network"):
        save_pretrained(replace(loaded(), architecture=None), tmp_path / "a")


def test_a_file_of_json_of_any_size_is_not_read(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsrep.runs.packed_config.LARGEST", 100)
    with pytest.raises(RunError, match=r"config.json of hub:o/n is larger than"):
        open_packed(packed, "hub:o/n")


def test_config_says_every_file(packed: Path) -> None:
    config = PackedConfig.model_validate_json((packed / CONFIG).read_text())
    assert set(config.sha256) == {
        "model.safetensors", "contract.json", "fingerprints.safetensors", "provenance.json", "config.yaml"
    }  # fmt: skip
    assert np.isin(list(config.sha256), [file.name for file in packed.iterdir()]).all()


def test_files_of_a_package_have_the_mode_of_any_new_file(packed: Path) -> None:
    usual = packed.parent / "usual"
    usual.touch()
    modes = {path.stat().st_mode for path in packed.rglob("*") if path.is_file()}
    assert modes == {usual.stat().st_mode}
