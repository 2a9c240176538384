"""What an interpreter and a notebook show of the common objects, and what can be asked of them."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import tsrep
from tests.panels import make_panel
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.estimators import ContrastiveClassifier
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import Score, Scores
from tsrep.runs.embed import Embeddings
from tsrep.runs.history import history, plot_history
from tsrep.signals.contract import SignalContract

mpl.use("agg")


def scores() -> Scores:
    found = {"auroc": Interval(0.8, 0.7, 0.9)}
    one = Score("simclr", "method", "probe", "auroc", "test", "record", 20, 1, found, {"auroc": 0.0})
    return Scores((one,))


def test_what_tsrep_offers_is_listed() -> None:
    assert {"fit", "Panel", "list_runs"} <= set(dir(tsrep))
    assert set(tsrep.__all__) <= set(dir(tsrep))


def test_objects_show_a_line_and_a_table(tmp_path: Path) -> None:
    panel = make_panel(4)
    line = repr(panel)
    assert line.startswith("Panel(")
    assert "samples 4" in line
    assert "\n" not in line
    assert len(line) < 300
    assert "<th style='text-align:left'>patients</th>" in panel._repr_html_()
    contract = SignalContract(channels=("I", "II"), sfreq=100.0, unit="mV")
    assert "channels 2 (I, II), rate 100 Hz, unit mV, window whole recordings" in repr(contract)
    assert repr(scores()) == "Scores(scores 1, methods simclr, protocol probe, part test)"
    assert "<td>0.800 [0.700, 0.900]</td>" in scores()._repr_html_()
    (tmp_path / "config.yaml").touch()
    assert "state not readable: provenance.json is missing" in repr(tsrep.Run(tmp_path))


def test_scores_become_a_table() -> None:
    row = scores().to_frame().iloc[0]
    assert (row["method"], row["auroc"], row["auroc_low"], row["n"]) == ("simclr", 0.8, 0.7, 20)


def test_embeddings_are_an_array_and_a_table() -> None:
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    made = Embeddings(x, {"patient": np.array([1, 1, 2]), "classes": np.array(["a", "b", "c"])})
    assert np.array_equal(np.asarray(made), x)
    assert np.asarray(made, np.float64).dtype == np.float64
    assert (len(made), made.shape) == (3, (3, 2))
    frame = made.to_frame()
    assert frame.index.names == ["patient"]
    assert frame.loc[2].to_numpy().tolist() == [[4.0, 5.0]]
    with pytest.raises(RunError, match="have a vector for each instance and step"):
        Embeddings(x[None], {"patient": np.array([1])}).to_frame()


def test_a_sample_is_plotted() -> None:
    panel = make_panel(4)
    axes = panel.plot(1)
    assert len(axes.lines) == len(panel.channels)
    seconds, values = axes.lines[0].get_data()
    assert len(np.asarray(seconds)) == panel.length
    signal = panel.take(np.array([1]))[0, 0]
    assert np.allclose(np.asarray(values), signal - signal.mean(), atol=1e-5)
    with pytest.raises(DataError, match="the panel has samples 0 to 3, and no 9"):
        panel.plot(9)
    with pytest.raises(DataError, match="the panel has no record 'nobody'"):
        panel.plot("nobody")


def test_what_was_written_down_in_training_is_a_table_and_a_plot(tmp_path: Path) -> None:
    lines = [
        {"kind": "validation", "epoch": 0, "step": 0, "loss": 2.0, "score": -0.5, "score_name": "minus MSE"},
        {"kind": "train", "epoch": 1, "step": 5, "loss": 1.0, "terms": {"patient": 0.4}},
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert history(tmp_path)["terms.patient"].tolist()[1] == 0.4
    assert [line.get_label() for line in plot_history(tmp_path).lines] == ["validation", "train"]
    axes = plot_history(tmp_path, "score")
    assert (axes.get_ylabel(), np.asarray(axes.lines[0].get_ydata()).tolist()) == ("MSE", [0.5])
    with pytest.raises(ConfigError, match=r"the run has no 'los' to plot; did you mean 'loss'"):
        plot_history(tmp_path, "los")
    with pytest.raises(RunError, match="is written while a run trains"):
        history(tmp_path / "nowhere")


def test_single_settings_of_an_estimator_can_be_searched() -> None:
    estimator = ContrastiveClassifier(encoder_params={"width": 4}, objective="simclr")
    estimator.set_params(encoder_params__width=8, objective_params__temperature=0.2, encoder="gru")
    assert estimator.encoder_params == {"width": 8}
    assert (estimator.objective_params, estimator.encoder) == ({"temperature": 0.2}, "gru")
