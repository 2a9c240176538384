"""Every pair of encoder, objective, loss, sampler, protocol and data: trained, or refused before training.

A small set of configurations in which each pair of choices occurs is drawn greedily, and each is trained for
a tiny epoch and scored in a process of its own. It must end with finite scores, or be refused in one sentence
before the first step; a refusal later, a traceback or a score that is not finite is a failure. Results are
kept in a table, with which a second call goes on:

    OMP_NUM_THREADS=1 python benchmarks/combinations.py --table combinations.jsonl
    OMP_NUM_THREADS=1 python benchmarks/combinations.py --quick
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from functools import cache, partial
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from children import Ended, Table, child

from tsrep.datasets.synthetic.simulation import simulate
from tsrep.evaluation.scores import Scores
from tsrep.registry import ENCODERS, LOSSES, OBJECTIVES, PROTOCOLS, SAMPLERS, Registry
from tsrep.runs.fit import fit

Choice = dict[str, str]
REFUSED = "refused"
RIGHT = ("trained", REFUSED)
OWN, SERIES = "own", ("series", "one series")  # sampler of the objective; kinds of data
SMALL = {"epochs": 1, "batch_size": 16, "log_every": 1}
SIZES = {"hidden": 16, "dim": 16, "width": 16, "depth": 2}  # of the encoders that have such a setting
SMALLER: dict[str, dict[str, Any]] = {  # parts whose defaults are slow or too long for windows of 128 steps
    "xresnet1d": {"layers": 18},
    "informer": {"layers": 2},
    "lead-wise": {"trunk": {"name": "resnet1d", "width": 16, "dim": 16}},
    "ts-tcc": {"lags": 4},
    "forecast": {"lookback": 48, "horizon": 16},
}
SHORT = {"epochs": 1, "min_steps": 1}
BRIEF = {"finetune": SHORT, "regression-finetune": SHORT, "attention": {"steps": 4}}


def make_data(folder: Path) -> dict[str, dict[str, Any]]:
    """Six kinds: twelve leads, one channel, three, simulated records, and a series of three and of one."""
    rng = np.random.default_rng(0)
    simulate(folder / "ecg", 24, 1.0, seed=0)
    for name, channels in (("one", 1), ("flags", 3)):
        place = folder / name
        place.mkdir()
        np.save(place / "records.npy", rng.normal(size=(60, channels, 128)).astype(np.float32))
        rows = (f"p{i // 2},{('normal', 'ill')[(i // 2) % 2]},{20 + i // 2}" for i in range(60))
        (place / "records.csv").write_text("\n".join(["patient,label,age", *rows]))
    steps = np.arange(2400)
    for name, channels in (("series", 3), ("single", 1)):
        wave = np.sin(steps[:, None] / (5 + np.arange(channels))) + 0.1 * rng.normal(size=(2400, channels))
        times = np.datetime64("2024-01-01", "h") + steps
        head = ",".join(["date", *(f"c{i}" for i in range(channels))])
        rows = (",".join([str(t), *map(str, row)]) for t, row in zip(times, wave, strict=True))
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]))
    panel = {"window": {"seconds": 1.28, "hop_seconds": 4.0}}
    cohort = {"name": "ptb-xl-sim", "patients": 30, "records_per_patient": 1.5, "targets": ["age"]}
    own = {"name": "arrays", "sfreq": 100.0, "targets": ["age"]}
    context = {
        "window": {"steps": 65, "hop_steps": 8},
        "evaluation": {"forecast": {"horizons": [4], "context": 32}},
    }
    return {
        "ecg": {"dataset": {"name": "ptb-xl", "targets": ["age"]}, "root": folder / "ecg", **panel},
        "one channel": {"dataset": own, "root": folder / "one", **panel},
        "three channels": {"dataset": own, "root": folder / "flags", **panel},
        "simulated": {"dataset": cohort, **panel},
        "series": {"dataset": {"name": "series-csv"}, "root": folder / "series.csv", **context},
        "one series": {"dataset": {"name": "series-csv"}, "root": folder / "single.csv", **context},
    }


def cover(axes: dict[str, list[str]], seed: int = 0) -> Generator[Choice, bool, None]:
    """Choices in which each pair of values of two axes occurs, drawn greedily.

    Each is told whether it was trained: of one that was refused only the pair counts that was wanted, as
    nobody knows of the others.
    """
    rng, names = random.Random(seed), list(axes)
    left = {
        ((one, a), (two, b))
        for one, two in combinations(names, 2)
        for a in axes[one]
        for b in axes[two]
        if (one, two) != ("objective", "loss") or takes_loss(a)
    }
    while left:
        wanted = rng.choice(sorted(left))
        tried = [_with(wanted, axes, rng) for _ in range(40)]
        best = max(tried, key=lambda choice: len(_pairs(choice, names) & left))
        trained = yield best
        left -= _pairs(best, names) if trained else {wanted}


def _with(pair: tuple[tuple[str, str], ...], axes: dict[str, list[str]], rng: random.Random) -> Choice:
    """A pair with other choices that mostly go with it, so that few are refused for what is not asked."""
    wanted = dict(pair)
    choice = {name: rng.choice(values) for name, values in axes.items()} | wanted
    if "sampler" not in wanted and rng.random() < 0.8:
        choice["sampler"] = OWN
    if "loss" in wanted and "objective" not in wanted:
        choice["objective"] = rng.choice([name for name in axes["objective"] if takes_loss(name)])
    if "protocol" not in wanted:
        others = [name for name in axes["protocol"] if name != "forecast"]
        choice["protocol"] = "forecast" if choice["data"] in SERIES else rng.choice(others)
    elif "data" not in wanted:
        panels = [name for name in axes["data"] if name not in SERIES]
        choice["data"] = rng.choice(list(SERIES) if wanted["protocol"] == "forecast" else panels)
    return choice


def _pairs(choice: Choice, names: list[str]) -> set[tuple[tuple[str, str], ...]]:
    names = [name for name in names if name != "loss" or takes_loss(choice["objective"])]
    return {((one, choice[one]), (two, choice[two])) for one, two in combinations(names, 2)}


@cache
def takes_loss(objective: str) -> bool:
    """Whether an objective has a loss to choose."""
    return "loss" in OBJECTIVES.entry(objective).settings.model_fields


def configuration(choice: Choice, data: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Settings of a choice; an objective that takes no loss, or a sampler, says so itself."""
    given = data[choice["data"]]
    evaluation: dict[str, Any] = {"seeds": 1, "protocols": [choice["protocol"]]}
    if choice["data"] not in SERIES:
        evaluation |= {"labels": [1.0], "subsample_by": ["sample"], "n_bootstrap": 100} | BRIEF
    elif choice["objective"] == "forecast":  # has a look-back and a horizon in place of windows
        given = {key: value for key, value in given.items() if key != "window"}
    objective = {"name": choice["objective"]} | SMALLER.get(choice["objective"], {})
    if takes_loss(choice["objective"]):
        objective["loss"] = {"name": choice["loss"]}
    sizes = SIZES.keys() & ENCODERS.entry(choice["encoder"]).settings.model_fields
    sampler = {} if choice["sampler"] == OWN else {"sampler": {"name": choice["sampler"]}}
    return (
        given
        | sampler
        | {
            "encoder": {"name": choice["encoder"]}
            | {size: SIZES[size] for size in sizes}
            | SMALLER.get(choice["encoder"], {}),
            "objective": objective,
            "training": SMALL,
            "evaluation": given.get("evaluation", {}) | evaluation,
        }
    )


def warm(registries: Iterable[Registry], data: dict[str, dict[str, Any]], folder: Path) -> None:
    """Import what the forked processes need, and decode the recordings, once for all of them."""
    for registry in registries:
        for name in registry.names():
            registry.entry(name)
    for kind in data:
        choice = {"encoder": "causal-tcn", "objective": "simclr", "loss": "nt-xent", "sampler": OWN}
        choice |= {"protocol": "forecast" if kind in SERIES else "probe", "data": kind}
        fit(configuration(choice, data), out=folder / kind, progress=False, evaluation=True)


def tried(choice: Choice, data: dict[str, dict[str, Any]], out: Path) -> str:
    """``trained``, ``refused``, or what is wrong."""

    def work() -> None:
        run = fit(configuration(choice, data), out=out, progress=False, evaluation=True)  # without a page
        scores = Scores.load(run.path)
        if not len(scores) or not all(math.isfinite(score.value) for score in scores):
            raise ArithmeticError(f"scores {[score.value for score in scores]}")

    result = said(child(work, 180), out)
    shutil.rmtree(out, ignore_errors=True)
    return result


def outcomes(
    choices: Generator[Choice, bool, None], table: Table, attempt: Callable[[Choice], str]
) -> Iterator[tuple[str, str]]:
    """Each choice in words, and how it ended."""
    with suppress(StopIteration):
        choice = next(choices)
        while True:
            what = ", ".join(choice.values())
            result = table.ended(what, partial(attempt, choice))
            yield what, result
            choice = choices.send(result == "trained")


def said(end: Ended, out: Path) -> str:
    """A word or sentence on how a process ended."""
    if end.code == 0:
        return "trained"
    begun = (out / "state.pt").exists() or (out / "metrics.jsonl").exists()
    if end.code == 2 and end.right and not begun:
        return f"{REFUSED}: {end.text}"
    last = end.text.splitlines()[-1] if end.text else ""
    return f"exit code {end.code}{' after training' * begun}: {last}"


def main() -> None:
    """Try, and print one JSON line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--quick", action="store_true", help="the first 12 of the cover")
    parser.add_argument("--most", type=int, default=10_000, help="at most so many")
    parser.add_argument("--table", type=Path, help="results, gone on with")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"TSREP_DATA": f"{place}/data", "TSREP_CACHE": f"{place}/cache"}
        data = make_data(Path(place))
        registries = (ENCODERS, OBJECTIVES, LOSSES, SAMPLERS, PROTOCOLS)
        names = ("encoder", "objective", "loss", "sampler", "protocol")
        axes = {name: list(each.names()) for name, each in zip(names, registries, strict=True)}
        axes["sampler"].append(OWN)
        warm(registries, data, Path(place) / "warm")
        table = Table(given.table or Path(place) / "table.jsonl")
        attempt = partial(tried, data=data, out=Path(place) / "run")
        most = 12 if given.quick else given.most
        found = dict(islice(outcomes(cover(axes | {"data": list(data)}), table, attempt), most))
    ends = (result.partition(":")[0] if result.startswith(RIGHT) else "failed" for result in found.values())
    failures = {what: result for what, result in found.items() if not result.startswith(RIGHT)}
    counts = Counter(ends)
    print(json.dumps({"name": "combinations", **counts, "failures": failures}))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
