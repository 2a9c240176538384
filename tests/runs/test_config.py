"""Configurations: every mistake is one sentence that names the setting and the nearest valid one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tsrep.errors import ConfigError
from tsrep.evaluation.protocols.svm import SupportVectorMachine
from tsrep.registry import PROTOCOLS
from tsrep.runs.config import configure, plain
from tsrep.runs.config_files import assemble, dump_config, read_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def test_the_default_is_comet_on_the_synthetic_cohort() -> None:
    config = configure()
    assert (config.dataset.name, config.objective.name, config.encoder.name) == (
        "ptb-xl-sim",
        "comet",
        "resnet1d",
    )


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_every_file_in_configs_is_valid(path: Path) -> None:
    assemble(read_config(path))


@pytest.mark.parametrize(
    "values",
    [
        {"dataset": "ptb-xl", "root": "/data"},
        {"dataset": "etth1", "split": "ett-months", "objective": {"name": "forecast", "contrast": "moco"}},
        {
            "sampler": "random",
            "evaluation": {"protocols": ["finetune"], "finetune": {"head": {"head": "linear"}}},
        },
    ],
)
def test_a_configuration_survives_its_file(values: dict[str, object], tmp_path: Path) -> None:
    config = assemble(values, assignments=["seed=2"])
    (tmp_path / "config.yaml").write_text(dump_config(config))
    assert configure(read_config(tmp_path / "config.yaml")) == config
    assert dump_config(config).startswith("version: 1")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"objectve": "comet"}, "unknown setting objectve; did you mean 'objective'"),
        ({"objective": "comte"}, "unknown objective 'comte'; did you mean 'comet'"),
        ({"objective": "vicreg"}, "unknown objective 'vicreg'; vicreg is one of the losses"),
        (
            {"objective": {"name": "comet", "temprature": 0.2}},
            r"unknown setting objective\.temprature; did you mean 'temperature'",
        ),
        (
            {"objective": {"name": "comet", "temperature": -1}},
            r"objective\.temperature is -1: it must be at least 0\.01",
        ),
        ({"split": {"seed": 1}}, "split does not say its name"),
        ({"training": {"amp": "often"}}, r"training\.amp is 'often': it must be a boolean, or 'auto'"),
        ({"training": {"epoch": 3}}, r"unknown setting training\.epoch; did you mean 'epochs'"),
        ({"training": {"epochs": "many"}}, r"training\.epochs is 'many'"),
        ({"evaluation": {"labels": [1.0, 2.0]}}, r"evaluation\.labels\.1 is 2\.0"),
        (
            {"evaluation": {"finetune": {"head": {"hed": 1}}}},
            r"unknown setting evaluation\.finetune\.head\.hed; did you mean 'head'",
        ),
        (
            {"evaluation": {"finetune": {"epoch": 3}}},
            r"unknown setting evaluation\.finetune\.epoch; did you mean 'epochs'",
        ),
        ({"evaluation": {"labels": []}}, r"evaluation\.labels"),
        ({"training": {"lr": float("inf")}}, r"training\.lr is inf"),
        ({"version": 7}, "version is 7"),
        (
            {"objective": {"name": "autotcl", "form": {"noise": 2}}},
            r"^objective\.form\.noise is 2: .*less than 1",
        ),
        (
            {"objective": {"name": "autotcl", "trunk": {"hiden": 2}}},
            r"^unknown setting objective\.trunk\.hiden; did you mean 'hidden'",
        ),
        (
            {"objective": {"name": "autotcl", "trunk": 3}},
            r"objective\.trunk does not say its name; give objective\.trunk\.name, one of .*lstm",
        ),
        (
            {"objective": {"name": "autotcl", "trunk": "lstmm"}},
            "unknown encoder 'lstmm'; did you mean 'lstm'",
        ),
        (
            {"objective": {"name": "fixed-view", "view": {"name": "compose", "views": ["jitter", {}]}}},
            r"objective\.view\.views\.1 does not say its name; .* one of .*jitter",
        ),
        ({"objective": {"name": "fixed-view", "view": {"std": -1}}}, r"^objective\.view\.std is -1"),
        (
            {"objective": "simclr", "sampler": {"chunks": 2}},
            "sampler does not say its name; give sampler.name, one of chunk-wise",
        ),
        ({"encoder": {"name": "lstm", "size": 3}}, r"unknown setting encoder\.size; known: .*hidden"),
        ({"name": "a/b"}, "name is 'a/b'"),
    ],
)
def test_a_mistake_is_one_sentence(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        configure(values)
    assert "\n" not in str(caught.value)


def test_the_size_of_an_encoder_is_the_one_that_suits_the_data() -> None:
    def size(**values: Any) -> tuple[str, int | None]:
        encoder = configure({"objective": "byol"} | values).encoder
        return encoder.name, getattr(encoder, "width", None)

    own = {"name": "arrays", "array": "x.npy", "sfreq": 100.0}
    assert size(dataset="ptb-xl-sim") == ("resnet1d", 24)
    assert size(dataset=own) == ("resnet1d", 32)
    assert size(dataset="ptb-xl-sim", encoder={"width": 40}) == ("resnet1d", 40)
    assert size(dataset="ptb-xl-sim", objective="jepa") == ("patch-transformer", 64)
    for objective in ("jepa", "masked-patches", "cpc"):  # which have another encoder by default
        assert size(dataset="ptb-xl-sim", objective=objective, encoder="resnet1d") == ("resnet1d", 24)
        named = {"name": "resnet1d", "dim": 9}
        assert size(dataset="ptb-xl-sim", objective=objective, encoder=named) == ("resnet1d", 24)
        assert size(dataset=own, objective=objective, encoder="resnet1d") == ("resnet1d", 128)


def test_settings_without_a_name_change_the_default_of_a_chosen_part() -> None:
    config = assemble(
        {"objective": "autotcl"}, assignments=["objective.trunk.hidden=7", "objective.form.noise=0.2"]
    )
    trunk, form = config.objective.trunk, config.objective.form
    assert (trunk.name, trunk.hidden, trunk.dim, trunk.depth) == ("dilated-conv", 7, 16, 3)
    assert (form.name, form.noise, form.entropy) == ("paper", 0.2, 0.1)
    assert configure(plain(config)) == config
    assert configure({"encoder": {}}).encoder == configure().encoder


def test_later_layers_win_and_another_name_replaces_a_part() -> None:
    config = assemble(
        {"objective": {"name": "comet", "temperature": 0.5}, "training": {"lr": 0.1, "epochs": 3}},
        {"training": {"epochs": 4}},
        assignments=["training.epochs=5", "objective.patient_weight=0.3"],
    )
    assert (config.training.lr, config.training.epochs) == (0.1, 5)
    assert (config.objective.temperature, config.objective.patient_weight) == (0.5, 0.3)
    other = assemble({"objective": {"name": "comet", "trial_weight": 0.5}}, {"objective": "simclr"})
    assert other.objective.name == "simclr"
    same = assemble({"objective": {"name": "comet", "temperature": 0.5}}, {"objective": "comet"})
    assert same.objective.temperature == 0.5
    assert assemble(assignments=["objective.temperature=0.7"]).objective.temperature == 0.7
    short = assemble({"objective": "simclr"}, assignments=["objective.temperature=0.7"])
    assert short.objective.temperature == 0.7


@pytest.mark.parametrize("assignment", ["objective.temperature", "=3", "a..b=1", "training.lr=[1"])
def test_a_malformed_assignment_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        assemble({}, assignments=[assignment])


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("training:\n  lr: [1\nname: x\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml, line 3, is not valid YAML"):
        read_config(path)
    path.write_text("- a\n- b\n")
    with pytest.raises(ConfigError, match="holds a list, not settings by name"):
        read_config(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "none.yaml")


def test_only_chosen_parts_are_imported() -> None:
    code = (
        "import sys; from tsrep.runs.config import configure; configure({'objective': 'ts2vec'}); "
        "print(*(name for name in sys.modules if name.startswith('tsrep.objectives.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tsrep.objectives.ts2vec" in done.stdout.split()
    assert not {"tsrep.objectives.comet", "tsrep.objectives.autotcl"} & set(done.stdout.split())


def test_plain_values_make_the_same_configuration() -> None:
    config = configure({"objective": "ts2vec", "split": {"name": "stratified", "seed": 4}})
    assert configure(plain(config)) == config


def test_a_protocol_of_a_running_process_has_settings() -> None:
    class Guess(SupportVectorMachine):
        """Registered after configurations were made."""

    PROTOCOLS.register("guess")(Guess)
    try:
        assert configure({"evaluation": {"guess": {"C": [0.5]}}}).evaluation.guess.C == (0.5,)
    finally:
        del PROTOCOLS._entries["guess"]
    assert "guess" not in configure().evaluation.given
