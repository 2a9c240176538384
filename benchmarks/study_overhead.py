"""What a study costs beside its training: trials of a study, and the same configurations fitted plainly.

The study has many trials behind it, as the sampler reads all of them at every draw. Each of the trials that
are timed is a run of a second or two, and is fitted again by the same function without a study; what the
first takes longer is put beside a trial of one minute. One thread. Run from the repository root:

    python benchmarks/study_overhead.py
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import torch

from tsrep.runs.config import Configuration
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.studies.define.check import configuration, reference
from tsrep.studies.define.definition import Pruning, read_definition
from tsrep.studies.study import Study, add_trials, begin
from tsrep.studies.work.worker import work

MINUTE = 60.0


def with_past(study: Study, trials: int) -> None:
    """Trials that cost nothing and have some value, drawn as the study draws them."""

    def drawn(trial: optuna.Trial, _folder: Path) -> float:
        point = study.definition.space.draw(lambda parameter: parameter.range.suggest(trial, parameter.name))
        return sum(float(value) for value in point.values() if isinstance(value, int | float))

    work(replace(study.job(), run_trial=drawn))
    with study.opened() as opened:
        assert len(opened.trials) == trials


def trained(folder: Path) -> Iterator[Configuration]:
    """Of the trials that were trained."""
    for path in sorted(folder.glob("trials/*/*/*/config.yaml")):
        yield Run(path.parent).config


def main() -> None:
    """Compare, and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--past", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    definition = read_definition(Path("studies/smoke.yaml"))
    definition = definition.model_copy(update={"pruner": Pruning(name="none")})
    first = configuration(definition, reference(definition), next(iter(definition.tasks)))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fit(first, out=folder / "warm", progress=False, illustrate=False)
        study = begin(definition, folder=folder / "study", trials=options.past)
        with_past(study, options.past)
        add_trials(study, options.past + options.trials)
        began = time.perf_counter()
        work(study.job())
        searched = time.perf_counter() - began
        began = time.perf_counter()
        for n, config in enumerate(trained(study.folder)):
            fit(config, out=folder / "plain" / str(n), progress=False, illustrate=False)
        plain = time.perf_counter() - began
    each = (searched - plain) / options.trials
    print(
        f"{options.trials} trials after {options.past}: {searched:.1f} s in the study, {plain:.1f} s alone, "
        f"so {1000 * each:.0f} ms more a trial, {100 * each / MINUTE:.2f} % of a trial of one minute"
    )
    line = {"name": "study-overhead", "time_ratio": (MINUTE + each) / MINUTE, "seconds_a_trial": each}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
