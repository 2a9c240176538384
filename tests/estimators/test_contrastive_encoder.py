from __future__ import annotations

import pickle
from threading import Event, Thread
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from tests.estimators.signals import HEAD, SMALL, frame, waves
from tsrep.errors import ConfigError, DataError
from tsrep.estimators import ContrastiveEncoder, with_ids
from tsrep.rng import initial_weights

SETTINGS = {**SMALL, "objective_params": HEAD}


def encoder(**changes: Any) -> ContrastiveEncoder:
    return ContrastiveEncoder(**{**SETTINGS, **changes})


@pytest.fixture(scope="module")
def fitted() -> ContrastiveEncoder:
    return encoder().fit(waves()[0])


def weights(fit: ContrastiveEncoder) -> dict[str, torch.Tensor]:
    return fit.encoder_.state_dict()


def assert_same_weights(one: ContrastiveEncoder, two: ContrastiveEncoder, same: bool = True) -> None:
    pairs = zip(weights(one).values(), weights(two).values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs) == same


class TestRepeating:
    def test_fitting_again_gives_the_same_bits(self, fitted: ContrastiveEncoder) -> None:
        x = waves()[0]
        torch.rand(3)
        np.random.seed(3)  # noqa: NPY002 - the global generators must not matter
        again = clone(fitted).fit(x)
        assert_same_weights(fitted, again)
        pd.testing.assert_frame_equal(fitted.transform(x), again.transform(x), check_exact=True)

    def test_the_global_generators_stay_where_they_are(self) -> None:
        before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - likewise
        encoder().fit(waves()[0])
        assert torch.equal(before[0], torch.random.get_rng_state())
        np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002 - likewise

    def test_threads_do_not_draw_from_each_other(self) -> None:
        drawn = Event()

        def come_in_between() -> None:
            with initial_weights(1, "other"):
                drawn.wait(10)

        with initial_weights(0, "own"):
            alone = torch.rand(4)
        other = Thread(target=come_in_between)
        with initial_weights(0, "own"):
            begun = torch.rand(2)
            other.start()
            other.join(0.2)
            together = torch.cat([begun, torch.rand(2)])
            drawn.set()
        other.join()
        assert torch.equal(together, alone)

    def test_training_moves_the_weights(self, fitted: ContrastiveEncoder) -> None:
        assert_same_weights(fitted, encoder(epochs=3).fit(waves()[0]), same=False)

    def test_zero_is_a_seed_and_seeds_differ(self, fitted: ContrastiveEncoder) -> None:
        assert_same_weights(fitted, encoder(random_state=1).fit(waves()[0]), same=False)
        assert_same_weights(encoder(random_state=None).fit(waves()[0]), fitted, same=False)

    def test_a_random_state_is_read_and_not_moved_on(self) -> None:
        state = np.random.RandomState(3)
        model = encoder(random_state=state)
        one = weights(model.fit(waves()[0]))
        two = weights(model.fit(waves()[0]))
        assert all(torch.equal(one[k], two[k]) for k in one)
        assert state.randint(1000) == np.random.RandomState(3).randint(1000)

    def test_pickling_keeps_every_bit(self, fitted: ContrastiveEncoder) -> None:
        x = waves(seed=5)[0]
        again = pickle.loads(pickle.dumps(fitted))
        pd.testing.assert_frame_equal(fitted.transform(x), again.transform(x), check_exact=True)

    def test_modules_are_kept_in_evaluation_mode_on_the_cpu(self, fitted: ContrastiveEncoder) -> None:
        assert not any(part.training for part in fitted.encoder_.modules())
        assert {p.device.type for p in fitted.encoder_.parameters()} == {"cpu"}

    def test_embeddings_are_those_of_the_encoder_by_hand(self, fitted: ContrastiveEncoder) -> None:
        train, new = waves()[0], waves(n=3, seed=9)[0]
        mean, std = train.mean(axis=(0, 2), keepdims=True), train.std(axis=(0, 2), keepdims=True)
        with torch.no_grad():
            z = fitted.encoder_(torch.tensor((new - mean) / std, dtype=torch.float32))
        expected = torch.cat([z.amax(-1), z.mean(-1)], dim=1)
        np.testing.assert_allclose(fitted.transform(new), expected, atol=1e-5)


class TestInput:
    def test_containers_give_the_same_numbers(self, fitted: ContrastiveEncoder) -> None:
        x = waves(n=4, seed=2)[0]
        table = fitted.transform(frame(list(x)))
        np.testing.assert_array_equal(fitted.transform(x), table)
        assert table.columns.tolist() == [f"z{i}" for i in range(8)]

    def test_an_instance_does_not_depend_on_longer_ones_beside_it(self, fitted: ContrastiveEncoder) -> None:
        x = waves(n=3, seed=2)[0]
        series = [x[0, :, :9], x[1], x[2, :, :17]]
        together = fitted.transform(frame(series))
        for i, each in enumerate(series):
            alone = fitted.transform(each[None])
            np.testing.assert_allclose(together.iloc[[i]], alone, atol=1e-6)

    def test_training_takes_unequal_lengths(self) -> None:
        x = waves()[0]
        model = encoder().fit(frame([each[:, : 10 + i] for i, each in enumerate(x)]))
        assert np.isfinite(model.transform(x)).all(axis=None)

    @pytest.mark.parametrize("name", ["resnet1d", "gru"])
    def test_missing_values_are_masked(self, name: str) -> None:
        sizes = {"resnet1d": {"width": 4, "dim": 4}, "gru": {"hidden": 4, "dim": 4, "layers": 1}}
        x = waves()[0]
        gaps = x.copy()
        gaps[::2, 0, 5:8] = np.nan
        model = encoder(encoder=name, encoder_params=sizes[name]).fit(gaps)
        other = gaps.copy()
        other[::2, 1, 5:8] = 99.0  # a step that misses a channel is missing
        assert np.isfinite(model.transform(gaps)).all(axis=None)
        np.testing.assert_array_equal(model.transform(gaps), model.transform(other))

    def test_windows_are_averaged(self) -> None:
        x = waves()[0]
        model = encoder(window=8).fit(x)
        parts = np.stack([model.transform(x[:, :, at : at + 8]) for at in (0, 8, 16)])
        np.testing.assert_allclose(model.transform(x), parts.mean(axis=0), atol=1e-5)

    def test_records_are_standardised_by_themselves(self) -> None:
        x = waves()[0]
        model = encoder(standardise="record").fit(x)
        factor = np.linspace(1, 5, len(x))[:, None, None]
        np.testing.assert_allclose(model.transform(x * factor + factor), model.transform(x), atol=1e-4)

    def test_other_channels_are_refused(self, fitted: ContrastiveEncoder) -> None:
        with pytest.raises(DataError, match="have the channels ch0, ch1, ch2, the estimator"):
            fitted.transform(waves(channels=3)[0])
        named = encoder().fit(frame(list(waves()[0])))
        with pytest.raises(DataError, match="channels b, a, the estimator was fitted on a, b"):
            named.transform(frame(list(waves()[0]), names=("b", "a")))

    def test_instances_shorter_than_a_step_are_named(self) -> None:
        x = waves()[0]
        model = encoder(encoder="resnet1d", encoder_params={"width": 4, "dim": 4}).fit(x)
        with pytest.raises(DataError, match="instance 1 has 3 steps, fewer than the 4"):
            model.transform(frame([x[0], x[1, :, :3]]))

    def test_mne_epochs(self) -> None:
        mne = pytest.importorskip("mne")
        x = waves(channels=3)[0] * 1e-5

        def epochs(sfreq: float = 64.0, names: tuple[str, ...] = ("Fz", "Cz", "STI")) -> Any:
            info = mne.create_info(list(names), sfreq, ["eeg", "eeg", "stim"])
            return mne.EpochsArray(x, info, verbose="error")

        model = encoder().fit(epochs())
        np.testing.assert_array_equal(model.transform(epochs()), model.transform(x[:, :2]))
        assert model.sfreq_ == 64
        assert model.channels_ == ("Fz", "Cz")
        with pytest.raises(DataError, match="a rate of 128 Hz, the estimator was fitted at 64 Hz"):
            model.transform(epochs(128))
        with pytest.raises(DataError, match="channels Pz, Cz, the estimator was fitted on Fz, Cz"):
            model.transform(epochs(names=("Pz", "Cz", "STI")))


@pytest.fixture
def cohort() -> pd.DataFrame:
    return with_ids(waves(n=24)[0], patient=np.repeat(range(4), 6), trial=np.repeat(range(8), 3))


class TestGroups:
    def test_one_encoder_for_all_groups(self, cohort: pd.DataFrame) -> None:
        model = encoder(objective="comet", objective_params=None).fit(cohort)
        assert not hasattr(model, "transformers_")
        table = model.transform(cohort)
        assert table.shape == (24, 8)
        assert table.index.names == ["patient", "trial", "sample"]
        panel = model.transform(waves(n=24)[0])  # ids in order: the same rows
        np.testing.assert_array_equal(table, panel)

    def test_patients_matter(self, cohort: pd.DataFrame) -> None:
        x = waves(n=24)[0]
        other = with_ids(x, patient=np.tile(range(4), 6), trial=np.arange(24) // 2 % 3)
        found = encoder(objective="comet", objective_params=None)
        one, two = clone(found).fit(cohort), clone(found).fit(other)
        assert_same_weights(one, two, same=False)

    def test_windows_of_recordings_give_samples_of_a_trial(self) -> None:
        x = waves(n=8)[0]
        frame3 = with_ids(x, patient=np.repeat(range(4), 2))
        settings = {"objective": "comet", "objective_params": None}
        with pytest.raises(ConfigError, match="the training part has no two samples of a trial"):
            encoder(**settings).fit(frame3)
        assert encoder(**settings, window=8).fit(frame3).transform(frame3).shape == (8, 8)

    def test_patients_that_are_not_told_are_asked_for(self) -> None:
        with pytest.raises(ConfigError, match="comet needs to know patients and trials"):
            encoder(objective="comet", objective_params=None, window=8).fit(waves()[0])


class TestSettings:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"encoder": "resnet"}, "unknown encoder 'resnet'; did you mean 'resnet1d'"),
            ({"encoder_params": {"dimm": 3}}, "unknown setting encoder.dimm; did you mean 'dim'"),
            ({"encoder_params": 3}, "encoder_params is 3; give a mapping"),
            ({"encoder": None}, "encoder is None; give a name"),
            ({"objective": "supervised", "objective_params": None}, "supervised needs labels"),
            (
                {"objective": "forecast", "objective_params": None},
                "forecast is that of ContrastiveForecaster",
            ),
            ({"epochs": 0}, "training.epochs is 0"),
            ({"epochs": "many"}, "epochs is 'many'; give a whole number"),
            ({"pool": "median"}, "evaluation.pool is 'median'"),
            ({"window": 99}, "window is 99 steps, and the longest instance has 24"),
            ({"window": 2.5}, "window is 2.5; give a whole number"),
            ({"window": 0}, "window is 0; give a number of steps"),
            ({"training_params": [1]}, r"training_params is \[1\]; give a mapping"),
            ({"random_state": -1}, "random_state is -1"),
            ({"training_params": {"lrr": 1}}, "unknown setting training.lrr"),
        ],
    )
    def test_mistakes_are_one_sentence_in_fit(self, changes: dict[str, Any], message: str) -> None:
        model = encoder(**changes)  # nothing is checked before
        with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
            model.fit(waves()[0])

    def test_settings_may_carry_the_name(self, fitted: ContrastiveEncoder) -> None:
        given = {"name": SMALL["encoder"], **SMALL["encoder_params"]}
        model = encoder(encoder=given, encoder_params=None).fit(waves()[0])
        assert_same_weights(fitted, model)
        assert model.encoder is given

    def test_clone_and_set_params(self, fitted: ContrastiveEncoder) -> None:
        copy = clone(fitted).set_params(epochs=2, pool="mean")
        assert copy.get_params()["epochs"] == 2
        assert not copy.is_fitted
        assert copy.fit(waves()[0]).transform(waves()[0]).shape == (12, 4)

    @pytest.mark.parametrize("name", ["moco", "ts2vec", "cost", "autotcl", "fixed-view"])
    def test_any_objective_by_name(self, name: str) -> None:
        model = encoder(objective=name, objective_params=None).fit(waves()[0])
        assert np.isfinite(model.transform(waves()[0])).all(axis=None)


class TestPipelines:
    def test_behind_it_any_classifier(self) -> None:
        x, y = waves(n=24)
        sizes = {"hidden": 8, "dim": 16, "depth": 3}
        pipeline = encoder(encoder_params=sizes, objective_params=None, epochs=10) * LogisticRegression(C=100)
        assert pipeline.fit(x, y).score(*waves(n=24, seed=1)) > 0.8

    def test_scikit_learn_searches_a_grid(self) -> None:
        x, y = waves(n=16)
        pipeline = make_pipeline(encoder(), LogisticRegression())
        grid = {"contrastiveencoder__pool": ["max", "mean"]}
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(x, y)
        assert search.best_params_["contrastiveencoder__pool"] in ("max", "mean")
